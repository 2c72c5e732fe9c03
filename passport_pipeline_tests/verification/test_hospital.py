"""Both ends of a hospital, compared twice."""

import itertools
import threading
from contextlib import closing
from datetime import timedelta

from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.verification.hospital import mark_faulty_days
from passport_pipeline.windows.survey import stored_survey
from passport_pipeline_tests.verification.two_months import (
    ALL_MONTHS,
    FIRST,
    LAST,
    bare_visit_of,
    ids_in,
    records_of,
    sync_window,
    without,
)


def test_a_hospital_without_differences_is_compared_once(verify):
    suspects, surveyed = [], []
    verification = verify(on_suspects=suspects.append, progress=lambda done, of: surveyed.append((done, of)))
    assert verification.ok
    assert (verification.differences, verification.unsettled, suspects) == ([], [], [])
    assert surveyed[-1][0] == surveyed[-1][1] > 0


def test_the_rows_of_a_deleted_record_are_named(operator, verify):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        verification = verify()
    (difference,) = verification.differences
    assert (f"{difference.day}", difference.full, verification.ok) == (record["source"]["day"], True, False)
    assert difference.source.live == difference.passport.live + len(ids_in(record))
    named = difference.rows.missing if difference.rows.missing.count else difference.rows.skipped_or_missing
    assert set(ids_in(record)) <= set(named.row_ids)
    assert (difference.rows.extra.count, difference.rows.different.count) == (0, 0)
    assert verification.healing() == [(FIRST, True)]


def test_the_day_of_a_deleted_visit_without_rows_of_its_own_differs(operator, verify):
    visit = bare_visit_of(operator, FIRST)
    with without(operator, visit):
        verification = verify()
    (difference,) = verification.differences
    assert (f"{difference.day}", difference.full, difference.outdated) == (visit["source"]["day"], True, True)
    assert (verification.ok, verification.healing()) == (False, [(FIRST, True)])


def test_an_extra_row_and_a_row_with_another_checksum_are_told_apart(operator, verify):
    (record,) = records_of(operator, LAST)
    rows = record["source"]["rows"]
    changed = [rows[0] | {"crc": rows[0]["crc"] ^ 1}, *rows[1:], {**rows[0], "rowId": 999_999, "rowUuid": "nowhere"}]
    with without(operator, record):
        source = record["source"] | {"rows": changed}
        operator.database.medicalrecords.insert_one(record | {"source": source})
        (difference,) = verify().differences
    assert difference.rows.different.row_ids == (rows[0]["rowId"],)
    assert difference.rows.extra.row_ids == (999_999,)


def test_an_older_copy_of_a_record_with_the_same_rows_is_recognised_by_its_version(operator, verify, invoke):
    (record,) = records_of(operator, LAST)
    days, day = operator.database.sourcedays, {"_id": f"central/{record['source']['day']}"}
    days.update_one(day, {"$inc": {"outcomes.versions": 1}})  # a newer version was there when the day was recorded
    try:
        verification, shown = verify(), invoke("verify")
    finally:
        days.update_one(day, {"$inc": {"outcomes.versions": -1}})
    (difference,) = verification.differences
    assert (f"{difference.day}", difference.full, difference.outdated) == (record["source"]["day"], True, True)
    assert (difference.source, verification.ok, verification.healing()) == (difference.passport, False, [(LAST, True)])
    assert "documents of" in shown.stdout


def test_rows_that_the_hospital_wrote_since_the_last_run_are_missing_until_the_next_run(operator, happenings, verify):
    inserted = happenings.insert()
    verification = verify()
    (difference,) = verification.differences
    assert difference.day in inserted.days
    assert not difference.full
    assert difference.rows.missing.count or difference.rows.skipped_or_missing.count
    assert verification.healing() == [(f"{difference.day:%Y-%m}", False)]
    sync_window(operator, difference.day)
    assert verify().ok


def test_verifying_some_months_reads_only_these_and_takes_no_full_survey(operator, verify, monkeypatch):
    survey = stored_survey(operator.connections().hospital("central"), operator.connections().batches)
    monkeypatch.setattr(HospitalSurvey, "take", None)
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        first = verify(survey=survey, months=(FIRST, FIRST))
        last = verify(survey=survey, months=(LAST, LAST))
        both = verify(survey=survey, months=(FIRST, LAST))
    assert [f"{difference.day}" for difference in first.differences] == [record["source"]["day"]]
    assert (first.ok, last.ok, both.ok) == (False, True, False)
    assert first.live + last.live == both.live > last.live > 0
    assert last.live == last.loaded + last.attached + sum(last.parked.values()) + sum(last.skipped.values())


def test_months_before_the_first_window_hold_nothing(verify):
    verification = verify(months=("1999-01", "1999-12"))
    assert (verification.ok, verification.live, verification.loaded) == (True, 0, 0)


def test_verifying_some_months_finds_a_row_that_was_changed_in_place(operator, happenings, verify):
    survey = stored_survey(operator.connections().hospital("central"), operator.connections().batches)
    changed = happenings.change_value()
    (day,) = changed.days
    verification = verify(survey=survey, months=(f"{day:%Y-%m}", f"{day:%Y-%m}"))
    assert [difference.day for difference in verification.differences] == [day]
    sync_window(operator, day)
    assert verify().ok


def test_a_day_that_agrees_at_the_second_comparison_is_not_reported(operator, verify):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        verification = verify(on_suspects=lambda days: operator.database.medicalrecords.insert_one(record))
    assert verification.ok
    assert (verification.differences, verification.unsettled) == ([], [])
    assert verification.live == verification.loaded + verification.attached + sum(verification.parked.values()) + sum(
        verification.skipped.values()
    )


def test_a_day_that_changes_between_the_comparisons_is_unsettled_and_not_reported(operator, verify):
    record, other = records_of(operator, FIRST, 2)
    with without(operator, record):
        rest_of_day = {"source.day": record["source"]["day"], "_id": {"$ne": record["_id"]}}
        deleted = list(operator.database.medicalrecords.find(rest_of_day))
        try:
            verification = verify(on_suspects=lambda days: operator.database.medicalrecords.delete_many(rest_of_day))
        finally:
            operator.database.medicalrecords.insert_many(deleted)
    assert deleted
    assert verification.ok
    assert [f"{day}" for day in verification.unsettled] == [record["source"]["day"]]
    assert other["source"]["day"] not in map(str, verification.unsettled)


def test_days_of_a_window_that_a_run_works_on_are_unsettled_and_not_reported(operator, verify):
    first, last = records_of(operator, FIRST)[0], records_of(operator, LAST)[0]
    with closing(operator.connections()) as connections, without(operator, first, last):
        with lease(connections.passport, "central", FIRST, "another run", 30):
            verification = verify()
        assert [f"{day}" for day in verify().unsettled] == []
    assert [f"{day}" for day in verification.unsettled] == [first["source"]["day"]]
    assert [f"{difference.day}" for difference in verification.differences] == [last["source"]["day"]]


def test_a_hospital_that_is_written_to_all_the_time_has_no_differences(operator, happenings, verify):
    done, written = threading.Event(), []

    def write():
        while not done.is_set():
            written.extend(happenings.insert().days)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        verifications = [verify(wait=0.3) for _ in range(2)]
    finally:
        done.set()
        writer.join()
    assert written
    assert [verification.differences for verification in verifications] == [[], []]
    assert set(itertools.chain(*(verification.unsettled for verification in verifications))) <= set(written)
    assert [run.failures for run in operator.sync("central")] == [[]]
    assert verify().ok


def test_rows_are_compared_of_no_more_days_than_asked_for(operator, verify):
    with without(operator, *records_of(operator, LAST, 3)):
        verification = verify(row_days=2)
        none = verify(row_days=0)
    assert [bool(difference.rows) for difference in verification.differences] == [True, True, False]
    assert [difference.rows for difference in none.differences] == [None, None, None]


def test_days_recorded_without_the_third_fold_agree_and_get_it_within_a_week(operator, verify, monkeypatch):
    days, real = operator.database.sourcedays, Passport.now
    before = days.find_one({"digest.live": {"$gt": 0}})
    days.update_many({}, {"$unset": {"digest.crcMix": ""}})
    assert operator.sync()[0].written == 0
    marked = []
    with closing(operator.connections()) as connections:
        for night in range(7):
            monkeypatch.setattr(Passport, "now", lambda passport, night=night: real(passport) + timedelta(days=night))
            verification = verify()
            assert verification.ok
            marked.append(mark_faulty_days(connections.passport, verification, ALL_MONTHS))
        monkeypatch.undo()
    assert sum(marked) == len(verification.incomplete) == days.count_documents({"writers.doubted": 1})
    assert operator.settle().ran
    assert days.count_documents({"digest.crcMix": {"$exists": False}}) == 0
    assert days.find_one({"_id": before["_id"]})["digest"] == before["digest"]
    assert verify().ok
