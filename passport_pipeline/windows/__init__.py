"""What a run does for one window of one hospital, one function a step, in the order of the data.

    restore_check           whether the hospital may be read: whether its database is still the one that we know
    survey                  the stored survey of the hospital
    lookups                 stored lookups and national ids, renewed where they are not current
    extract                 the days whose digest differs, from the hospital into raw batches
    match                   the persons of the window to passport patients
    fingerprint             what a day's records depend on besides its rows, as one hash
    compare                 the days whose records would be different now
    documents               the documents of days, made from raw batches
    plausibility            whether the window would lose or park far more than usual
    hospital_plausibility   the same of all windows of the hospital
    load                    the days that differ, from raw batches into the passport
    day_writer              writing days, several at once

What belongs here: putting the domain's parts together. What does not: SQL, MongoDB commands, rules, Dagster.
"""
