"""Record systems: everything that reads a hospital, and nothing that writes.

base             the interface: what the pipeline asks of any record system
systems          which record systems there are, by name
hospital_survey  the surveys of a hospital's streams as one
clock, findings  values that pass through the interface

mysql            what every system on MySQL or MariaDB shares; it knows no table
openmrs          OpenMRS

A new record system is a folder here, an entry in systems, and its settings in config.hospitals.
"""
