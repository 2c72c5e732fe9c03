"""What a run does for one window of one hospital, one function a step, in the order of the data.

    references  lookups and identifiers of the hospital, kept as snapshots and renewed where they are not current
    extract     the days whose digest differs, from the hospital into raw batches
    match       the persons of the window to passport patients
    inputs      what a day's records are made of besides its rows
    staleness   the days that the passport does not hold as they would be made now
    documents   what the days' rows come to, from raw batches to documents
    load        the days that differ, from raw batches into the passport
    day_writer  writing days, several at once

What belongs here: putting the domain's parts together. What does not: SQL, MongoDB commands, rules, Dagster.
"""
