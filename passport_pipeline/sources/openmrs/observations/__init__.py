"""Observations, the stream of `obs` rows: what a row is, reading rows, and what they result in.

Reading
    row_definition  the one definition of an observation's root, day, liveness and checksum
    reading         the rows themselves, in frames
    packed_rows     how rows come from the server
    changed_blocks  where older rows may have changed, judged by newer ones
    withdrawn       how many unvoided rows are not live

Drafts of records: pure functions on frames
    drafting        the one entry: rows and lookups to drafts
    grouping        which rows lead a record, which belong to it, which are parked or skipped
    evidence        the table by which an observation becomes a condition, medication, test, visit or image
    categories      the table applied to a frame
    allergies       which rows state an allergy, and what a reader is shown of it; allergy_questions and
                    allergy_answers: what questions and answers mean for one
    values          what was answered, as text that a patient can read
    test_status     whether a test's result is normal
    clinicians      the clinician who is responsible for a record
    vocabulary      what a hospital's dictionary says of each concept, as arrays in which rows are looked up
    interpretation  what the lookups mean, computed once for a load
"""
