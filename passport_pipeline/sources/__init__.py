"""Record systems: everything that reads a hospital, and nothing that writes.

base             the interface: what the pipeline asks of any record system
systems          which record systems there are, by name
hospital_survey  the surveys of a hospital's streams as one
drafts, lookups  what rows result in and what they refer to, in words that are the same for every system
frames           contracts of the frames that pass through the interface
clock, findings  other values that pass through the interface

mysql            what every system on MySQL or MariaDB shares; it knows no table
openmrs          OpenMRS

A new record system is a folder here, an entry in systems, and its settings in config.hospitals.
"""
