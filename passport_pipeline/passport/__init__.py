"""The passport: MongoDB, shared with the Patient Passport application.

What belongs here: everything that reads or writes MongoDB, in the order in which a day goes through it: the
contract (collections), the connection (database), accounts (people), patients and their arrays (patients),
bringing a day into line (reconciling, with merging, bulk, parking, retracting and audit), and what each day
holds (days). What does not: what a record says (records), whose it is (identity).
"""
