"""Records that leave a passport, and come back into it."""

from datetime import date, timedelta

from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.mongo.collections import AUDIT, CONFLICTS, RECORDS, RETRACTED
from passport_pipeline.passport.reconcile.day import DayReconciler
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, record, run_of

OTHER_DAY = date(2025, 11, 9)
LATER = NOW + timedelta(days=1)


def test_a_record_that_is_no_longer_live_is_retracted_with_a_copy(world):
    first, second = record(1, world.patients[0]), record(2, world.patients[0])
    world.run([first, second])
    result = world.run([second])
    assert (result.retracted, result.loaded) == (1, 1)
    assert world.arrays(0) == {"medicalHistory": {second["_id"]}}
    kept = world.passport[RETRACTED].find_one()
    assert (kept["_id"], kept["state"], kept["document"]["data"]) == (first["_id"], "retracted", first["data"])
    assert world.passport[AUDIT].count_documents({"targetId": first["_id"], "action": "delete"}) == 1
    world.check()


def test_a_record_that_is_no_longer_live_is_retracted_also_where_another_is_missing(world):
    first, second = record(1, world.patients[0]), record(2, world.patients[0])
    world.run([first])
    reconciler = DayReconciler(run_of(world.passport, world.account, run_id="run-2"), DAY)
    reconciler.apply([second], [])
    world.passport[RECORDS].delete_one({"_id": second["_id"]})
    result = reconciler.close(digest_of([second]), {}, "inputs")
    assert (result.retracted, result.loaded, result.digest, result.agrees) == (1, 0, Digest(), False)
    assert world.passport[RECORDS].count_documents({}) == 0


def test_a_record_that_comes_back_brings_the_edits_and_a_following_version(world):
    first = record(1, world.patients[0], type="medication")
    world.run([first])
    world.edit(first, dosage="10 mg", medicationStatus="Past")
    world.run()
    result = world.run([first], now=LATER)
    stored = world.get(first)
    assert result.inserted == 1
    assert stored["data"] == first["data"] | {"dosage": "10 mg", "medicationStatus": "Past"}
    assert (stored["editedBy"], stored["syncDate"], stored["createdAt"]) == ("a doctor", first["syncDate"], NOW)
    assert stored["source"]["version"] == 2
    actions = [one["action"] for one in world.passport[AUDIT].find({"targetId": first["_id"]}).sort("_id")]
    assert sorted(actions) == ["create", "create", "delete"]
    assert world.passport[RETRACTED].count_documents({}) == 0
    world.check()


def test_a_record_that_comes_back_changed_after_an_edit_is_a_conflict(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run()
    result = world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=77)])
    assert (result.conflicts, result.loaded) == (1, 1)
    assert world.get(first)["data"]["details"] == "Malaria, severe"
    assert result.agrees
    world.check()


def test_an_observation_whose_creation_second_changed_replaces_its_record(world):
    first = record(1, world.patients[0])
    world.run([first])
    second = record(1, world.patients[0], second=1_762_500_000, day=OTHER_DAY)
    assert second["_id"] != first["_id"]
    result = world.run([second], day=OTHER_DAY)
    assert (result.inserted, result.retracted) == (1, 1)
    assert [one["_id"] for one in world.passport[RECORDS].find()] == [second["_id"]]
    world.run([])
    world.check()


def test_edits_follow_an_observation_whose_creation_second_changes_and_changes_back(world):
    first = record(1, world.patients[0], type="medication")
    second = record(1, world.patients[0], type="medication", second=1_762_500_000)
    world.run([first])
    world.edit(first, dosage="10 mg", medicationStatus="Past")
    result = world.run([second], now=LATER)
    stored = world.get(second)
    assert (result.inserted, result.retracted) == (1, 1)
    assert stored["data"] == first["data"] | {"dosage": "10 mg", "medicationStatus": "Past"}
    assert (stored["editedBy"], stored["createdAt"], stored["source"]["version"]) == ("a doctor", NOW, 1)
    world.check()
    world.edit(second, dosage="15 mg")
    world.run([first], now=LATER + timedelta(days=1))
    assert (world.get(first)["data"]["dosage"], world.get(first)["source"]["version"]) == ("15 mg", 2)
    world.check()
    before = world.state()
    world.run([first])
    assert world.state() == before


def test_a_conflict_outlives_a_changed_creation_second(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=77)])
    second = record(1, world.patients[0], data={"details": "Measles"}, crc=77, second=1_762_500_000)
    result = world.run([second], now=LATER)
    assert (result.conflicts, result.agrees, world.get(second)["data"]["details"]) == (1, True, "Malaria, severe")
    assert [one["record"] for one in world.passport[CONFLICTS].find({"state": "open"})] == [second["_id"]]
    world.check()


def test_an_edit_does_not_follow_an_observation_of_another_person(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[1], second=1_762_500_000)
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([second], now=LATER)
    assert world.get(second)["data"] == second["data"]
    world.check()
