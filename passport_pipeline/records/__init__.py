"""Drafts -> medical records: pure functions on frames.

    frames       a frame's documents, with the last net under them
    documents    the documents that MongoDB holds
    data_fields  what the application shows of a record
    provenance   where a record came from
    object_ids   the record's _id
    checksums    what of a record is compared

What belongs here: the application's contract. What does not: what a row means (sources), writing the passport, Dagster.
"""
