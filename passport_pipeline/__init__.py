"""OpenMRS observations into Patient Passports, in the order in which the data moves.

hospitals     which OpenMRS databases there are, and whether they are fit to be read
openmrs       everything that reads a hospital: survey (digests), observations, lookups, identifiers
digests       what a day holds, in one comparable value; a window is fresh when both ends agree
batches       the raw rows, one Parquet file a day, kept so that replays never touch a hospital
identity      person -> passport patient, or the reason why not
records       observation -> medical record: categories, values, assembling; pure functions on frames
passport      MongoDB: validators, placeholder accounts, reconciling writes, patients' arrays, audit
verification  the digests of both ends side by side

The files named for Dagster's own words (partitions, resources, assets, checks, jobs, definitions) are the
thin layer that runs the above; nothing else imports Dagster.
"""
