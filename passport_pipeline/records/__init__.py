"""Observation -> medical record: pure functions on frames.

    vocabulary  what a hospital's dictionary says of each concept, as arrays that rows are looked up in
    values      what was answered, as text that a patient can read
    statuses    whether a test's result is normal
    evidence    the table by which an observation becomes a condition, medication, test, visit or image
    categories  the table applied to a frame
    building    which rows lead a record, which belong to it, which are parked or skipped
    clinicians  who is answerable for a record
    instants    the hospital's local time as UTC
    object_ids  the record's _id
    checksums   what of a record is compared
    documents   the documents that MongoDB holds

What belongs here: meaning. What does not: reading a hospital, writing the passport, Dagster.
"""
