"""Rows of whatever a column's type can hold, stored: MongoDB takes or refuses each by itself."""

import logging
from collections import Counter
from datetime import date

import bson
from bson import Decimal128, Int64, MaxKey, ObjectId, Regex

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.accounts import ensure_clinicians
from passport_pipeline.passport.mongo.bulk import LARGEST
from passport_pipeline.passport.mongo.collections import PATIENTS, RECORDS
from passport_pipeline.passport.reconcile.day import DayReconciler
from passport_pipeline.records.frames import Making
from passport_pipeline.sources.openmrs.observations import drafting
from passport_pipeline_tests.passport.factory import HOSPITAL, NOW, record, run_of
from passport_pipeline_tests.records.test_odd_rows import EVERYTHING
from passport_pipeline_tests.sources.openmrs.observations.frames import matched
from passport_pipeline_tests.sources.openmrs.observations.odd_rows import PERSONS, odd_rows


def run(world, rows, run_id):
    """One run over all days of the rows; gives what each came to."""

    def accounts(clinicians):
        found = ensure_clinicians(world.passport, HOSPITAL, world.account, clinicians, Settings())
        return {None: (world.account.user_id, None), **found}

    matches = matched(rows, dict.fromkeys(range(PERSONS - 5), world.patients[0]))
    made = Making(drafting, EVERYTHING, HOSPITAL, matches, accounts, NOW, run_id).documents_of(rows)
    found = {}
    for day in sorted({f"{day:%Y-%m-%d}" for day in rows["day"]}):
        reconciler = DayReconciler(
            run_of(world.passport, world.account, day=date.fromisoformat(day), run_id=run_id), date.fromisoformat(day)
        )
        records = [one for one in made.records if one["source"]["day"] == day]
        reconciler.apply(records, [one for one in made.parked if one["day"] == day])
        of_day = made.skipped[made.skipped["day"] == day]
        skipped = {reason: Digest.of(part["row_crc"].to_numpy()) for reason, part in of_day.groupby("reason")}
        there = Digest.of(rows.loc[rows["day"] == day, "row_crc"].to_numpy())
        found[day] = reconciler.close(there, skipped, "inputs")
    return found


def test_three_thousand_odd_rows_are_stored_parked_or_skipped_each_once_and_a_second_run_writes_nothing(world):
    rows = odd_rows(100, 3_000)
    found = run(world, rows, "run-1")
    assert all(day.agrees for day in found.values())
    reasons = Counter()
    for day in found.values():
        reasons.update(day.parked)
    assert not reasons.keys() & {"unbuildable", "invalid_document"}, reasons
    led = {"source.stream": "observations"}
    assert world.passport[RECORDS].count_documents(led) == sum(day.loaded for day in found.values())
    before = world.state()
    assert all(not (day.inserted or day.updated or day.retracted) for day in run(world, rows, "run-2").values())
    assert world.state() == before


APPLICATIONS = {
    "attachment": ObjectId(),
    "price": Decimal128("1.10"),
    "scan": b"\0\xff",
    "pattern": Regex("^a"),
    "last": MaxKey(),
    "many": [{"of": Int64(2**63 - 1)}, float("nan"), float("inf"), None],
}


def test_an_edit_with_any_kind_of_value_stops_no_other_record(world):
    records = [record(number, world.patients[0]) for number in range(1, 4)]
    world.run(records)
    world.edit(records[0], **APPLICATIONS)
    changed = [record(number, world.patients[0], data={"details": "Measles"}, crc=number) for number in range(1, 4)]
    result = world.run(changed)
    assert (result.updated, result.conflicts, result.agrees) == (3, 0, True)
    stored = world.get(records[0])["data"]
    assert (stored["details"], stored["attachment"]) == ("Measles", APPLICATIONS["attachment"])
    result = world.run(changed)
    assert (result.updated, result.conflicts, result.unchanged) == (0, 0, 3)


def test_a_record_that_is_too_large_to_be_copied_stays_and_all_others_are_retracted(world, caplog):
    room = LARGEST - len(bson.encode(record(1, world.patients[0], data={"attachment": "x"})))
    large = {"attachment": "x" * (room - 10)}
    records = [record(1, world.patients[0], data=large), *(record(n, world.patients[0]) for n in range(2, 5))]
    assert world.run(records).loaded == 4
    with caplog.at_level(logging.WARNING, "passport_pipeline.passport.reconcile.retraction"):
        result = world.run(records[2:3])
    assert (result.loaded, result.retracted, result.agrees) == (2, 2, False)
    assert [one["_id"] for one in world.passport[RECORDS].find({}, {"_id": 1}).sort("source.rowId")] == [
        records[0]["_id"],
        records[2]["_id"],
    ]
    assert world.arrays(0) == {"medicalHistory": {records[2]["_id"]}}
    (told,) = caplog.messages
    assert str(records[0]["_id"]) in told
    world.passport[RECORDS].update_one({"_id": records[0]["_id"]}, {"$unset": {"data.attachment": ""}})
    assert world.run(records[2:3]).agrees
    world.check()


def test_a_patient_whose_document_is_full_stops_no_other(world, caplog):
    (first,) = world.passport[PATIENTS].find({"_id": ObjectId(world.patients[0])})
    world.passport[PATIENTS].delete_one({"_id": first["_id"]})
    world.passport[PATIENTS].insert_one(first | {"notes": "x" * (LARGEST - 900)})
    records = [record(number, world.patients[number % 2]) for number in range(1, 101)]
    with caplog.at_level(logging.WARNING, "passport_pipeline.passport.patients.patients"):
        result = world.run(records)
    assert (result.loaded, result.agrees) == (100, True)
    assert len(world.arrays(1)["medicalHistory"]) == 50
    assert world.arrays(0) == {}
    assert "1 patients" in caplog.messages[0]
    world.passport[PATIENTS].update_one({"_id": ObjectId(world.patients[0])}, {"$unset": {"notes": ""}})
    world.run(records)
    world.check()
