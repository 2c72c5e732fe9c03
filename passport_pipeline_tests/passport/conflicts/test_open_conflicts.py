"""An edit of the application and a change at the hospital, of the same record."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.conflicts import open_conflicts
from passport_pipeline.passport.days.counts import recounted
from passport_pipeline.passport.mongo.collections import CONFLICTS, RECORDS, RETRACTED
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, digests_in, record, run_of

OTHER_DAY = date(2025, 11, 9)
LATER = NOW + timedelta(days=1)


def test_a_change_of_both_sides_leaves_the_record_and_opens_one_conflict(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([first])
    world.edit(first, details="Malaria, severe")
    before = world.get(first)
    for _ in range(3):
        result = world.run([second])
        assert (result.conflicts, result.loaded, result.agrees) == (1, 1, True)
    assert world.get(first) == before
    conflict = world.passport[CONFLICTS].find_one()
    assert (conflict["state"], len(conflict["stateHistory"])) == ("open", 1)
    assert conflict["theirs"]["details"] == "Malaria, severe"
    assert conflict["ours"]["data"]["details"] == "Measles"
    assert digests_in(world.passport) == {DAY: digest_of([second])}
    assert recounted(world.passport, "central")[DAY].loaded == 1
    world.check()


def test_a_repeated_run_writes_nothing(world, commands):
    world.run([record(1, world.patients[0])])
    world.edit(record(1, world.patients[0]), details="other")
    changed = record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([changed])
    commands.names.clear()
    world.run([changed])
    assert commands.writes == []


def test_a_conflict_is_withdrawn_when_the_source_reverts_its_change(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=9)])
    world.run([first])
    assert [one["state"] for one in world.passport[CONFLICTS].find_one()["stateHistory"]] == ["open", "withdrawn"]
    assert world.get(first)["data"]["details"] == "other"
    world.check()


def test_a_conflict_is_withdrawn_when_the_application_reverts_its_edit_and_the_change_is_stored(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([first])
    world.edit(first, details="other")
    world.run([second])
    world.edit(first, details="Malaria")
    result = world.run([second])
    assert (result.conflicts, result.updated) == (0, 1)
    assert world.passport[CONFLICTS].find_one()["state"] == "withdrawn"
    world.check()


def test_a_record_in_conflict_moves_to_a_corrected_patient_as_it_is(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    result = world.run([record(1, world.patients[1], data={"details": "Measles"}, crc=9)])
    assert result.conflicts == 1
    assert (world.arrays(0), world.arrays(1)) == ({}, {"medicalHistory": {first["_id"]}})
    assert world.get(first)["data"]["details"] == "other"
    world.check()


def test_a_retracted_record_leaves_no_conflict_open(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=9)])
    result = world.run()
    assert (result.conflicts, result.digest) == (0, Digest())
    assert world.passport[RETRACTED].find_one()["document"]["data"]["details"] == "other"
    world.check()


def test_a_later_conflict_of_the_same_record_is_another_document(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([first])
    world.edit(first, details="other")
    world.run([second])
    world.run([first])
    before = world.passport[CONFLICTS].find_one()
    world.run([second])
    withdrawn, opened = world.passport[CONFLICTS].find().sort("_id", 1)
    assert withdrawn == before
    assert (opened["record"], opened["state"], opened["revision"]) == (first["_id"], "open", 1)
    assert [one["state"] for one in opened["stateHistory"]] == ["open"]
    world.check()


def test_further_changes_of_either_side_revise_the_open_conflict(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=9)])
    opened = world.passport[CONFLICTS].find_one()
    third = record(1, world.patients[0], data={"details": "Cholera"}, crc=10)
    world.run([third])
    world.edit(first, details="as the doctor says")
    world.run([third])
    conflict = world.passport[CONFLICTS].find_one()
    assert (conflict["_id"], conflict["revision"]) == (opened["_id"], 3)
    assert (conflict["theirs"]["details"], conflict["ours"]["data"]["details"]) == ("as the doctor says", "Cholera")
    assert conflict["stateHistory"] == opened["stateHistory"]
    assert digests_in(world.passport) == {DAY: digest_of([third])}
    world.check()


def test_a_conflict_is_withdrawn_when_both_sides_say_the_same(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([first])
    world.edit(first, details="other")
    world.run([second])
    world.edit(first, details="Measles")
    assert world.run([second]).updated == 1
    assert world.passport[CONFLICTS].find_one()["state"] == "withdrawn"
    assert world.get(first)["source"]["checksum"] == second["source"]["checksum"]
    world.check()


def test_the_applications_timer_does_not_revise_a_conflict(world, commands):
    first = record(1, world.patients[0], type="medication")
    second = record(1, world.patients[0], type="medication", data={"dosage": "40 mg"}, crc=9)
    world.run([first])
    world.edit(first, dosage="10 mg")
    world.run([second])
    world.passport[RECORDS].update_one({}, {"$set": {"data.medicationStatus": "Past"}})
    commands.names.clear()
    world.run([second])
    assert commands.writes == []


def test_one_conflict_is_open_however_many_runs_race(world):
    records = [record(n, world.patients[n % 5]) for n in range(20)]
    world.run(records)
    for one in records:
        world.edit(one, details="as the doctor says")
    changed = [record(n, world.patients[n % 5], data={"details": "Measles"}, crc=n + 1) for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(world.run, changed, chunk=5) for _ in range(4)]
        assert {one.result().loaded for one in results} == {20}
    world.run(changed)
    assert world.passport[CONFLICTS].count_documents({}) == 20
    assert len(world.passport[CONFLICTS].distinct("record", {"state": "open"})) == 20
    world.check()


def test_a_second_open_conflict_of_a_record_is_not_stored(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([first])
    world.edit(first, details="other")
    run = run_of(world.passport, world.account)
    assert open_conflicts.open_or_revise(run, world.get(first), second, None).matched == 1
    assert open_conflicts.open_or_revise(run, world.get(first), second, None).matched == 0
    assert world.passport[CONFLICTS].count_documents({}) == 1


def test_a_run_revises_a_conflict_that_another_run_opened_meanwhile(world, monkeypatch):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    other = record(1, world.patients[0], data={"details": "Cholera"}, crc=10)
    world.run([first])
    world.edit(first, details="other")
    step, others = open_conflicts.open_or_revise, [run_of(world.passport, world.account, run_id="another run")]

    def late(run, current, wanted, before):
        if others:
            step(others.pop(), current, other, before)
        return step(run, current, wanted, before)

    monkeypatch.setattr(open_conflicts, "open_or_revise", late)
    assert world.run([second]).agrees
    conflict = world.passport[CONFLICTS].find_one()
    assert (conflict["ours"]["data"]["details"], conflict["revision"]) == ("Measles", 2)
    world.check()


def test_a_change_that_is_too_large_for_a_conflict_is_parked(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    broken = record(1, world.patients[0], crc=9)
    broken["data"]["details"] = "x" * (16 * 1024 * 1024)
    broken["source"] |= {"dataChecksum": "0" * 32, "checksum": "1" * 32}
    result = world.run([broken, record(2, world.patients[0])])
    assert (result.loaded, result.parked, result.conflicts) == (1, {"invalid_document": 1}, 0)
    assert world.passport[RETRACTED].find_one()["document"]["data"]["details"] == "other"
    world.check()


@pytest.mark.parametrize("kind", ["condition", "medication", "test", "visit", "image"])
def test_what_the_application_saves_with_a_record_that_it_only_reads_is_no_edit(world, commands, kind):
    saved = {"data.medications": [], "data.medicationStatus": "Past", "editableBy": []}
    name = {"test": "result", "visit": "reason", "medication": "dosage"}.get(kind, "details")
    first, second = (record(1, world.patients[0], type=kind, data={name: said}, crc=n) for n, said in enumerate("ab"))
    world.run([first])
    world.passport[RECORDS].update_one({"_id": first["_id"]}, {"$set": saved})
    result = world.run([second])
    assert (result.updated, result.conflicts, world.get(first)["data"][name]) == (1, 0, "b")
    world.check()
    commands.names.clear()
    world.run([second])
    assert commands.writes == []


def test_what_the_application_saves_by_itself_does_not_revise_a_conflict(world, commands):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([first])
    world.edit(first, details="other")
    world.run([second])
    world.passport[RECORDS].update_one({}, {"$set": {"data.medications": []}})
    commands.names.clear()
    world.run([second])
    assert commands.writes == []


def test_edits_and_changes_of_different_fields_are_no_conflict(world):
    first = record(1, world.patients[0], type="visit")
    second = record(1, world.patients[0], type="visit", data={"visitDate": "2025-11-06T11:00:00"}, crc=9)
    world.run([first])
    world.edit(first, reason="as the doctor says", treatment="rest")
    result = world.run([second])
    assert (result.updated, result.conflicts) == (1, 0)
    assert world.get(first)["data"] == second["data"] | {"reason": "as the doctor says", "treatment": "rest"}
    third = record(1, world.patients[0], type="visit", data={"reason": "Weight: 61 kg"}, crc=10)
    assert world.run([third]).conflicts == 1
    world.check()
