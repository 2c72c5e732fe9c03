"""An edit of the application and a change at the hospital, of the same record."""

from datetime import date, timedelta

from passport_pipeline.digests import Digest
from passport_pipeline.passport import days
from passport_pipeline.passport.collections import CONFLICTS, RETRACTED
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, record

OTHER_DAY = date(2025, 11, 9)
LATER = NOW + timedelta(days=1)


def test_both_sides_changed_leaves_the_record_and_opens_one_conflict(world):
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
    assert days.recomputed(world.passport, "central") == {DAY: digest_of([second])}
    assert days.totals(world.passport, "central").loaded == 1
    world.check()


def test_a_repeated_run_writes_nothing(world, commands):
    world.run([record(1, world.patients[0])])
    world.edit(record(1, world.patients[0]), details="other")
    changed = record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([changed])
    commands.names.clear()
    world.run([changed])
    assert commands.writes == []


def test_it_is_withdrawn_when_the_source_goes_back(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=9)])
    world.run([first])
    assert [one["state"] for one in world.passport[CONFLICTS].find_one()["stateHistory"]] == ["open", "withdrawn"]
    assert world.get(first)["data"]["details"] == "other"
    world.check()


def test_it_is_withdrawn_when_the_application_goes_back_and_the_change_lands(world):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=9)
    world.run([first])
    world.edit(first, details="other")
    world.run([second])
    world.edit(first, details="Malaria")
    result = world.run([second])
    assert (result.conflicts, result.updated) == (0, 1)
    assert world.passport[CONFLICTS].find_one()["state"] == "withdrawn"
    world.check()


def test_a_corrected_patient_takes_the_record_along_as_it_is(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    result = world.run([record(1, world.patients[1], data={"details": "Measles"}, crc=9)])
    assert result.conflicts == 1
    assert (world.arrays(0), world.arrays(1)) == ({}, {"medicalHistory": {first["_id"]}})
    assert world.get(first)["data"]["details"] == "other"
    world.check()


def test_a_retracted_record_leaves_none_open(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="other")
    world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=9)])
    result = world.run()
    assert (result.conflicts, result.digest) == (0, Digest())
    assert world.passport[RETRACTED].find_one()["document"]["data"]["details"] == "other"
    world.check()
