"""Drafts -> medical records: pure functions on frames.

    frames       a frame's documents; rows of which none can be made are parked
    documents    the documents that MongoDB holds
    data_fields  the data of a record that the application shows
    provenance   where a record comes from
    allergies    entries for patients' lists of allergies
    object_ids   the record's _id
    checksums    the fields of a record that are compared

What belongs here: the application's contract. What does not: what a row means (sources), writing the passport, Dagster.
"""
