"""Everything that reads a hospital's OpenMRS database, and nothing that writes.

source        a database, open for reading: sessions, snapshots, errors
grants        what an account may do beyond reading
tables        the tables and columns that are read, declared once
schema        which of them this database has
survey        digests by day, over id ranges
pulse         when a change was last committed
observations  the stream of observations: reading them, and what they come to
lookups       concepts, providers, locations: what observations refer to
names         the locale chain of concept names, and persons' names
statements    what the lookups select
identifiers   national identifiers of patients
inspection    what a preflight wants to know

OpenMRS's own names end here: what leaves this package are frames with a stated schema.
"""
