"""Hospitals' record systems into Patient Passports: compare what both ends hold, repair the days that differ.

Layers from top to bottom; a layer imports only from layers below it (pyproject.toml holds that):

cli            the command line
runner         runs without a Dagster daemon
orchestration  everything that Dagster sees: assets, jobs, checks, sensors, schedules
detection      which windows need a run
connections    what a run talks to
windows        one window, step by step: survey, extract, match, compare, load
verification   both ends recomputed and compared
passport       the shared MongoDB: days, records, conflicts, parked rows, patients
records        drafts into documents of the application's contract
sources        record systems behind one interface, OpenMRS first; what their rows mean
batches        raw rows on disk, so that a replay touches no hospital
config         hospitals.yaml and settings
identity       national ids: normalising and matching
core           errors, digests, windows: what every layer may use

`automation` and `definitions` are names that deployments of 0.1 know.
"""
