"""The passport: MongoDB, shared with the Patient Passport application.

What belongs here: everything that reads or writes MongoDB. What does not: what a record says (records), whose it is
(identity). A folder imports only from those below it:

reconcile   one day of a hospital is brought up to date: records, parked rows, retractions
conflicts   records that the application and the hospital both changed, and operators' decisions on them
patients    patients, their lists of records, and what changed of them; beside it audit_log: who changed what
days        what each day holds, which days are dirty, and which run holds the lease on a window
run         what every write of one run has in common
hospitals   which hospitals take part, how far behind they are, which are held back
parked      rows that could not be stored, and when they are tried again
accounts    the hospitals' and clinicians' accounts in the application
mongo       connection, collections, their contract, and bulk writes
"""
