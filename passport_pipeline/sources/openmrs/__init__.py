"""Everything that reads a hospital's OpenMRS database, and nothing that writes.

source        a database, open for reading: sessions, snapshots, errors
grants        what an account may do beyond reading
tables        the tables and columns that are read, declared once
schema        which of them this database has
rows          the one definition of an observation's root, day, liveness and checksum
survey        digests by day, over id ranges
touched       where older rows may have changed, as newer ones tell
pulse         when a change was last committed
withdrawn     how many rows are not live though nobody voided them
observations  the rows themselves, in frames
lookups       concepts, providers, locations: what observations refer to
names         the locale chain of concept names, and persons' names
statements    what the lookups select
identifiers   national identifiers of patients
inspection    what a preflight wants to know

OpenMRS's own names end here: what leaves this package are frames with a stated schema.
"""
