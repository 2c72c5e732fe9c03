"""A day of a hospital that is brought up to date: records, parked rows, references, audit and the day itself."""

from datetime import UTC, date, datetime, timedelta

import pytest
from bson import ObjectId

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.days.counts import recounted
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.passport.mongo.collections import AUDIT, DAYS, PARKED, PATIENTS, RECORDS
from passport_pipeline.passport.reconcile.day import DayReconciler
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, parked, record, run_of

OTHER_DAY = date(2025, 11, 9)
LATER = NOW + timedelta(days=1)
BEFORE_ANY_RETRY = NOW + timedelta(minutes=59)


def everything(world):
    """A record of each type for each patient, some with attached rows."""
    types = ["condition", "medication", "test", "visit", "image"]
    return [
        record(10 * n, world.patients[n % 5], type=types[n % 3 if n < 20 else n % 5], row_count=1 + n % 2)
        for n in range(1, 40)
    ]


def test_a_first_run_stores_records_references_audit_and_the_day(world):
    records, held_back = everything(world), [parked(9000, row_count=2), parked(9010, "unknown_patient")]
    left_out = {"empty_group": Digest.of([4, 5, 6])}
    result = world.run(records, held_back, skipped=left_out)
    assert (result.inserted, result.loaded, result.attached) == (39, 39, 20)
    assert result.parked == {"no_national_id": 2, "unknown_patient": 1}
    assert result.skipped == {"empty_group": 3}
    assert result.agrees
    assert recorded(world.passport, "central")[DAY].digest == result.digest
    totals = recounted(world.passport, "central")[DAY]
    assert (totals.loaded, totals.attached, totals.parked, totals.skipped) == (
        result.loaded,
        result.attached,
        result.parked,
        result.skipped,
    )
    world.check()


def test_a_second_run_writes_nothing(world, commands, mongo):
    records, held_back = everything(world), [parked(9000)]
    left_out = {"empty_group": Digest.of([4, 5, 6])}
    broken = record(77, world.patients[0], data={"testStatus": "Fine"})
    world.run([*records, broken], held_back, skipped=left_out)
    before = world.state()
    counters = mongo.admin.command("serverStatus")["opcounters"]
    commands.names.clear()
    result = world.run([*records, broken], held_back, skipped=left_out, now=BEFORE_ANY_RETRY)
    after = mongo.admin.command("serverStatus")["opcounters"]
    assert commands.writes == []
    assert [after[name] - counters[name] for name in ("insert", "update", "delete")] == [0, 0, 0]
    assert (result.inserted, result.updated, result.retracted, result.unchanged) == (0, 0, 0, 39)
    assert result.parked == {"no_national_id": 1, "invalid_document": 1}
    assert world.state() == before


def test_a_chunk_costs_the_same_few_commands_whatever_its_size(world, commands):
    costs = {}
    for size, day in ((10, DAY), (600, OTHER_DAY)):
        first = [record(1000 * size + n, world.patients[n % 5], day=day) for n in range(size)]
        second = [record(1000 * size + n, world.patients[n % 5], day=day, crc=n) for n in range(size)]
        for kind, records in (("new", first), ("same", first), ("changed", second), ("gone", []), ("back", second)):
            commands.names.clear()
            world.run(records, day=day)
            costs.setdefault(kind, []).append(commands.names[:])
    for few, many in costs.values():
        assert few == many
    assert {kind: len(few) for kind, (few, _) in costs.items()} == {
        "new": 17,
        "same": 12,
        "changed": 18,
        "gone": 21,
        "back": 24,
    }


def test_one_invalid_document_in_a_thousand_is_parked_and_the_others_are_stored(world):
    records = [record(10 * n, world.patients[n % 5]) for n in range(1, 1001)]
    secret = "Herbalist Wormwood"
    records[500] = record(99_990, world.patients[0], data={"testStatus": secret}, row_count=2)
    result = world.run(records)
    assert (result.loaded, result.parked) == (999, {"invalid_document": 2})
    row = world.passport[PARKED].find_one()
    assert row["fields"] == ["data.testStatus"]
    assert row["rows"] == records[500]["source"]["rows"]
    assert secret not in str(row)
    assert result.agrees
    world.check()


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        ({"details": "x" * (16 * 1024 * 1024)}, ["(size)"]),
        ({"details": 2**70}, ["data"]),
        ({"details": {"a", "b"}}, ["data"]),
        ({"details": "\ud800"}, ["data"]),
        ({"details": 7, "medicationStatus": "Stopped"}, ["data.details", "data.medicationStatus"]),
    ],
    ids=["too large", "too large a number", "not BSON", "not Unicode", "two fields"],
)
def test_only_documents_that_cannot_be_stored_are_parked(world, fault, fields):
    records = [record(10 * n, world.patients[n % 5]) for n in range(1, 8)]
    broken = record(90, world.patients[0])
    broken["data"] = broken["data"] | fault
    result = world.run([*records[:3], broken, *records[3:]])
    assert (result.loaded, result.parked) == (7, {"invalid_document": 1})
    assert world.passport[PARKED].find_one()["fields"] == fields
    assert result.agrees
    world.check()


def test_a_refused_document_is_stored_once_its_source_is_corrected(world):
    world.run([record(1, world.patients[0], data={"testStatus": "Fine"})])
    result = world.run([record(1, world.patients[0], data={"testStatus": "Normal"})])
    assert (result.loaded, result.parked) == (1, {})
    assert world.passport[PARKED].count_documents({}) == 0
    world.check()


def test_a_change_that_cannot_be_stored_takes_the_record_out_and_parks_it(world):
    world.run([record(1, world.patients[0])])
    result = world.run([record(1, world.patients[0], data={"testStatus": "Fine"})])
    assert (result.loaded, result.retracted, result.parked) == (0, 1, {"invalid_document": 1})
    assert world.arrays(0) == {}
    world.check()


def test_a_patient_deleted_since_the_matching_parks_the_record(world):
    world.passport[PATIENTS].delete_one({"_id": ObjectId(world.patients[1])})
    result = world.run([record(1, world.patients[0]), record(2, world.patients[1])])
    assert (result.loaded, result.parked) == (1, {"deleted_patient": 1})


def test_a_changed_source_updates_the_record_with_a_new_version_and_an_entry(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=5)
    world.run([first])
    result = world.run([second], now=LATER)
    stored = world.get(first)
    assert (result.updated, result.inserted, stored["data"]["details"]) == (1, 0, "Measles")
    assert stored["source"]["version"] == 2
    assert stored["createdAt"] == NOW
    assert [one["action"] for one in world.passport[AUDIT].find().sort("version")] == ["create", "update"]
    world.check()


def test_a_field_that_the_source_no_longer_has_leaves_the_record(world):
    world.run([record(1, world.patients[0], type="test", data={"testStatus": "Normal"})])
    world.run([record(1, world.patients[0], type="test")])
    assert "testStatus" not in world.get(record(1, world.patients[0]))["data"]


def test_what_the_application_wrote_survives_a_change_of_the_source(world):
    first = record(1, world.patients[0], type="medication")
    world.run([first])
    seen_at = datetime(2025, 11, 6, 12, tzinfo=UTC)
    own = {"data.medicationStatus": "Past", "syncDate": seen_at, "note": {"by": "nurse"}, "__v": 3}
    world.passport[RECORDS].update_one({"_id": first["_id"]}, {"$set": own})
    result = world.run([record(1, world.patients[0], type="medication", data={"dosage": "40 mg"})], now=LATER)
    stored = world.get(first)
    assert (result.updated, result.conflicts) == (1, 0)
    assert stored["data"] == first["data"] | {"dosage": "40 mg", "medicationStatus": "Past"}
    assert (stored["syncDate"], stored["note"], stored["__v"]) == (seen_at, {"by": "nurse"}, 3)


def test_an_edit_survives_runs_and_a_change_that_leaves_the_data_as_it_was(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([first])
    result = world.run([record(1, world.patients[0], crc=12)])
    stored = world.get(first)
    assert (result.updated, result.conflicts) == (1, 0)
    assert (stored["data"]["details"], stored["editedBy"]) == ("Malaria, severe", "a doctor")
    assert result.agrees
    world.check()


def test_a_record_that_changes_patient_moves_between_their_arrays(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[1])
    world.run([first])
    world.run([second])
    assert (world.arrays(0), world.arrays(1)) == ({}, {"medicalHistory": {first["_id"]}})
    left = world.passport[AUDIT].find_one({"patient": ObjectId(world.patients[0]), "action": "delete"})
    assert left["targetId"] == first["_id"]
    world.check()


def test_a_record_that_changes_type_moves_between_arrays(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.run([record(1, world.patients[0], type="visit")])
    assert world.arrays(0) == {"hospitalVisits": {first["_id"]}}
    assert set(world.get(first)["data"]) == {"hospital", "reason", "visitDate"}
    world.check()


def test_an_emptied_day_is_recorded_as_empty(world):
    world.run([record(1, world.patients[0])], [parked(2)])
    result = world.run()
    assert (result.digest, result.retracted) == (Digest(), 1)
    assert recounted(world.passport, "central") == {}
    assert world.passport[PARKED].count_documents({}) == 0
    world.check()


def test_a_record_becomes_parked_and_a_parked_row_becomes_a_record(world):
    one, other = record(1, world.patients[0]), record(2, world.patients[1])
    world.run([one], [parked(2)])
    result = world.run([other], [parked(1, "ambiguous_patient")])
    assert (result.loaded, result.parked, result.retracted) == (1, {"ambiguous_patient": 1}, 1)
    assert [row["_id"] for row in world.passport[PARKED].find()] == [one["_id"]]
    assert (world.arrays(0), world.arrays(1)) == ({}, {"medicalHistory": {other["_id"]}})
    world.check()
    world.run([one, other])
    assert world.get(one)["source"]["version"] == 2
    assert world.passport[PARKED].count_documents({}) == 0
    world.check()


def test_a_row_parked_for_another_reason_counts_an_attempt(world):
    world.run([], [parked(1)])
    world.run([], [parked(1, "unknown_patient")], now=LATER)
    row = world.passport[PARKED].find_one()
    assert (row["reason"], row["attempts"], row["firstSeen"], row["lastSeen"]) == ("unknown_patient", 2, NOW, LATER)
    assert len(row["stateHistory"]) == 1


def test_a_record_that_changes_day_makes_its_old_day_stale(world):
    world.run([record(1, world.patients[0]), record(2, world.patients[0])])
    moved = record(1, world.patients[0], day=OTHER_DAY)
    world.run([moved], day=OTHER_DAY)
    assert recorded(world.passport, "central")[DAY].inputs == ""
    result = world.run([record(2, world.patients[0])])
    assert (result.retracted, result.loaded, result.agrees) == (0, 1, True)
    assert world.get(moved)["source"]["version"] == 2
    world.check()


def test_the_same_uuid_at_two_hospitals_is_two_records(world):
    here, there = record(1, world.patients[0]), record(1, world.patients[0], hospital="east")
    world.run([here])
    world.run([there], hospital="east")
    assert world.passport[RECORDS].count_documents({}) == 2


def test_a_day_that_gets_a_record_of_another_day_refuses_it(world):
    with pytest.raises(PassportRefused, match="another day"):
        world.run([record(1, world.patients[0], day=OTHER_DAY)])
    with pytest.raises(PassportRefused, match="another day or hospital"):
        world.run([record(1, world.patients[0])], hospital="east")


def test_a_reference_that_went_missing_is_put_back(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.passport[PATIENTS].update_many({}, {"$set": {"medicalHistory": []}})
    world.run([first])
    world.check()


def test_a_patient_with_other_invalid_fields_still_gets_references(world):
    world.passport.db.command("collMod", PATIENTS, validationLevel="off")
    world.passport[PATIENTS].update_one({"_id": ObjectId(world.patients[0])}, {"$set": {"gender": "F"}})
    world.passport.db.command("collMod", PATIENTS, validationLevel="strict")
    world.run([record(1, world.patients[0]), record(2, world.patients[1])])
    world.check()


def test_a_day_is_recorded_with_what_its_documents_hold_not_with_what_was_expected(world):
    wanted = record(1, world.patients[0])
    reconciler = DayReconciler(run_of(world.passport, world.account), DAY)
    reconciler.apply([wanted], [])
    world.passport[RECORDS].update_one({}, {"$set": {"source.rows.0.crc": 1}})
    result = reconciler.close(digest_of([wanted]), {}, "inputs")
    assert not result.agrees
    assert result.digest == Digest.of([1])


@pytest.mark.parametrize("change", [{"source.rows.0.crc": 1}, {"source.hospital": "elsewhere"}])
def test_changed_checksums_and_hospitals_of_records_are_mended(world, change):
    world.run([record(1, world.patients[0])])
    world.passport[RECORDS].update_one({}, {"$set": change})
    assert world.run([record(1, world.patients[0])]).updated == 1
    assert world.run([record(1, world.patients[0])]).unchanged == 1
    world.check()


def test_a_dirty_marker_of_a_dead_run_makes_the_day_stale_until_the_next_run(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.passport[DAYS].update_one({}, {"$set": {"writers": {"dead": 3}}})
    assert recorded(world.passport, "central")[DAY].inputs == ""
    world.run([first])
    assert recorded(world.passport, "central")[DAY].inputs == "inputs"
    world.check()


def test_audit_entries_name_no_values(world):
    world.run([record(1, world.patients[0])])
    entry = world.passport[AUDIT].find_one()
    assert "Malaria" not in str(entry)
    assert entry["changes"] == {
        "hospitalId": "central",
        "providerName": "Dr. Jane Smith",
        "conceptName": "DIAGNOSIS",
    }
