"""A row that replaces another one at the hospital: its record takes over what a person wrote in the other's."""

from datetime import date, timedelta

import pytest

from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.mongo.collections import CONFLICTS, RECORDS, RETRACTED
from passport_pipeline_tests.passport.conflicts.deciding import decide
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, digests_in, record

OTHER_DAY = date(2025, 12, 9)
LATER = NOW + timedelta(days=40)
ADDED = {
    "medications": [{"name": "Artemether", "frequency": "twice a day", "endDate": "11/28/2026"}],
    "notes": "sleeps badly",
}


@pytest.fixture
def edited(world):
    """A record that a doctor added something to; gives what the hospital says of it."""
    first = record(1, world.patients[0])
    world.run([first, record(5, world.patients[1])])
    world.edit(first, **ADDED)
    return first


def measles(world, day=DAY, **changes):
    """The row that replaces the first one."""
    changes = {"data": {"details": "Measles"}, "previous": 1} | changes
    return record(2, world.patients[0], day=day, **changes)


def test_the_new_record_has_what_a_doctor_added_and_what_the_application_knows(world, edited):
    second, other = measles(world), record(5, world.patients[1])
    result = world.run([second, other], now=LATER)
    assert (result.inserted, result.retracted, result.conflicts, result.agrees) == (1, 1, 0, True)
    stored = world.get(second)
    assert stored["data"] == second["data"] | ADDED
    assert (stored["editedBy"], stored["lastEditedAt"]) == ("a doctor", NOW)
    assert {name: stored["source"][name] for name in ("rowId", "version", "checksum", "written")} == {
        name: second["source"][name] for name in ("rowId", "version", "checksum", "written")
    }
    assert world.passport[RETRACTED].find_one()["why"] == "replaced"
    assert world.arrays(0) == {"medicalHistory": {second["_id"]}}
    world.check()
    before = world.state()
    world.run([second, other], now=LATER)
    assert world.state() == before


def test_what_a_doctor_edited_stays_where_the_hospital_changed_another_field(world):
    first = record(1, world.patients[0], type="medication")
    second = record(2, world.patients[0], type="medication", data={"medicationName": "Quinine"}, previous=1)
    world.run([first])
    world.edit(first, dosage="10 mg", medicationStatus="Past")
    world.run([second], now=LATER)
    assert world.get(second)["data"] == second["data"] | {"dosage": "10 mg"}
    world.check()


def test_a_field_that_both_changed_is_a_conflict_over_the_new_record(world, edited, commands):
    world.edit(edited, details="Malaria, severe")
    second, other = measles(world), record(5, world.patients[1])
    result = world.run([second, other], now=LATER)
    assert (result.inserted, result.retracted, result.conflicts, result.agrees) == (1, 1, 1, True)
    stored = world.get(second)
    assert stored["data"] == edited["data"] | ADDED | {"details": "Malaria, severe"}
    (conflict,) = world.passport[CONFLICTS].find({"state": "open"})
    assert (conflict["record"], conflict["ours"]["data"]) == (second["_id"], second["data"])
    assert digests_in(world.passport) == {DAY: digest_of([second, other])}
    world.check()
    commands.names.clear()
    world.run([second, other], now=LATER)
    assert commands.writes == []
    assert decide(world, Decision("ours")).ok
    assert world.get(second)["data"] == second["data"] | ADDED
    world.run([second, other])
    world.check()


def test_an_open_conflict_over_the_old_record_becomes_one_over_the_new(world, edited):
    world.edit(edited, details="Malaria, severe")
    world.run([record(1, world.patients[0], data={"details": "Cholera"}, crc=9), record(5, world.patients[1])])
    second = measles(world)
    world.run([second, record(5, world.patients[1])])
    states = {one["record"]: one["state"] for one in world.passport[CONFLICTS].find()}
    assert states == {edited["_id"]: "withdrawn", second["_id"]: "open"}
    assert world.get(second)["data"]["details"] == "Malaria, severe"
    world.check()


def test_the_new_row_of_another_day_takes_over_before_the_old_day_is_reconciled(world, edited):
    second = measles(world, day=OTHER_DAY)
    world.run([second], day=OTHER_DAY, now=LATER)
    assert world.get(second)["data"] == second["data"] | ADDED
    assert world.passport[RECORDS].count_documents({"_id": edited["_id"]}) == 0
    world.run([record(5, world.patients[1])], now=LATER)
    world.check()
    assert digests_in(world.passport) == {OTHER_DAY: digest_of([second]), DAY: digest_of([record(5, "a" * 24)])}


def test_the_new_row_of_another_day_takes_over_after_the_old_day_was_reconciled(world, edited):
    world.run([record(5, world.patients[1])])
    second = measles(world, day=OTHER_DAY)
    result = world.run([second], day=OTHER_DAY, now=LATER)
    assert (result.inserted, result.retracted) == (1, 0)
    assert world.get(second)["data"] == second["data"] | ADDED
    world.check()


def test_what_was_taken_over_is_taken_over_again_by_the_next_row(world, edited):
    second = measles(world)
    world.run([second, record(5, world.patients[1])])
    world.edit(second, treatment="rest")
    third = record(3, world.patients[0], data={"details": "Cholera"}, previous=2)
    world.run([third, record(5, world.patients[1])])
    assert world.get(third)["data"] == third["data"] | ADDED | {"treatment": "rest"}
    world.check()


def test_an_old_row_that_is_still_live_keeps_its_record(world, edited):
    second = measles(world)
    world.run([edited, second, record(5, world.patients[1])])
    assert world.get(edited)["data"] == edited["data"] | ADDED
    assert world.get(second)["data"] == second["data"]
    world.check()


def test_nothing_goes_over_to_another_patient(world, edited):
    second = record(2, world.patients[3], previous=1)
    world.run([second, record(5, world.patients[1])])
    assert world.get(second)["data"] == second["data"]
    assert world.passport[RETRACTED].find_one({"_id": edited["_id"]})["document"]["data"]["notes"] == ADDED["notes"]
    world.check()


def test_a_record_that_nobody_edited_leaves_no_trace_in_the_new_one(world):
    world.run([record(1, world.patients[0], type="medication")])
    second = record(2, world.patients[0], type="medication", data={"dosage": "40 mg"}, previous=1)
    world.run([second])
    assert {name: value for name, value in world.get(second).items() if name != "source"} == {
        name: value for name, value in second.items() if name != "source"
    }
    world.check()
