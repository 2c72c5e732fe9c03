"""Conflicts that an operator decides: what becomes of the record, the conflict, the audit and the day."""

from datetime import date

import pytest
from bson import ObjectId

from passport_pipeline.passport.conflicts import open_conflicts
from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.conflicts.queue import ConflictRef, listed
from passport_pipeline.passport.conflicts.resolve import Result
from passport_pipeline.passport.mongo.collections import AUDIT, CONFLICTS, PATIENTS
from passport_pipeline_tests.passport.conflicts.deciding import (
    BY,
    LATER,
    OURS,
    THEIRS,
    assert_up_to_date,
    decide,
    measles,
    ref_of_open,
)
from passport_pipeline_tests.passport.factory import record, run_of


def test_theirs_keeps_what_the_application_wrote_as_an_edit(world, commands, disputed):
    before = world.get(disputed)
    assert decide(world, THEIRS).result is Result.RESOLVED
    after = world.get(disputed)
    assert after["data"] == before["data"]
    assert after["source"]["checksum"] == disputed["source"]["checksum"]
    assert after["source"]["dataChecksum"] == disputed["source"]["dataChecksum"]
    assert after["source"]["rows"] == disputed["source"]["rows"]
    assert after["source"]["version"] == 2
    assert [after[name] for name in ("editedBy", "lastEditedAt", "syncDate", "createdAt")] == [
        before[name] for name in ("editedBy", "lastEditedAt", "syncDate", "createdAt")
    ]
    assert_up_to_date(world, commands, disputed)
    assert world.get(disputed) == after


def test_a_later_change_of_the_source_opens_a_new_conflict_over_an_edit_that_was_decided_to_stay(world, disputed):
    decide(world, THEIRS)
    other = measles(world, data={"details": "Cholera"}, crc=12)
    assert world.run([other, record(2, world.patients[1])]).conflicts == 1
    states = [one["state"] for one in world.passport[CONFLICTS].find().sort("_id", 1)]
    assert states == ["resolved", "open"]
    assert world.get(disputed)["data"]["details"] == "Malaria, severe"
    world.run([measles(world, patient=3, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])])
    moved = world.get(disputed)
    assert (moved["patientId"], "decided" in moved["source"]) == (world.patients[3], False)
    world.check()


def test_an_edit_that_was_decided_to_stay_survives_a_change_of_the_source_that_leaves_the_data(world, disputed):
    decide(world, THEIRS)
    result = world.run([measles(world, crc=13), record(2, world.patients[1])])
    assert (result.conflicts, result.updated) == (0, 1)
    after = world.get(disputed)
    assert after["data"]["details"] == "Malaria, severe"
    assert "decided" not in after["source"]
    world.check()


def test_ours_takes_what_the_hospital_says_and_its_next_change_is_no_conflict(world, commands, disputed):
    assert decide(world, OURS).result is Result.RESOLVED
    after = world.get(disputed)
    assert after["data"] == disputed["data"] | {"procedure": "blood smear"}
    assert after["editedBy"] == "a doctor"
    assert_up_to_date(world, commands, disputed)
    result = world.run([measles(world, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])])
    assert (result.conflicts, result.updated) == (0, 1)
    assert world.get(disputed)["data"]["details"] == "Cholera"


@pytest.mark.parametrize(
    ("decision", "data"),
    [
        (
            Decision("theirs", {"details": "ours"}),
            {"details": "Measles", "name": "DIAGNOSIS", "procedure": "blood smear"},
        ),
        (
            Decision("ours", {"details": "theirs"}),
            {"details": "Malaria, severe", "name": "DIAGNOSIS, CONFIRMED", "procedure": "blood smear"},
        ),
        (Decision("ours", {"procedure": "ours"}), {"details": "Measles", "name": "DIAGNOSIS, CONFIRMED"}),
        (
            Decision(None, {"details": "theirs", "name": "ours"}),
            {"details": "Malaria, severe", "name": "DIAGNOSIS, CONFIRMED", "procedure": "blood smear"},
        ),
        (
            Decision(None, {"details": "theirs", "name": "ours", "procedure": "ours"}),
            {"details": "Malaria, severe", "name": "DIAGNOSIS, CONFIRMED"},
        ),
    ],
    ids=["a field of ours", "a field of theirs", "an added field by name", "what differs", "every field"],
)
def test_each_field_can_be_decided_by_itself(world, commands, disputed, decision, data):
    assert decide(world, decision).result is Result.RESOLVED
    assert world.get(disputed)["data"] == {"diagnosed": disputed["data"]["diagnosed"]} | data
    assert_up_to_date(world, commands, disputed)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (Decision(None, {"details": "ours"}), "nothing is said of name;"),
        (Decision("theirs", {"detail": "ours"}), "are details, diagnosed, name, procedure"),
        (Decision("theirs", {"medicationStatus": "ours"}), "are details, diagnosed, name, procedure"),
    ],
)
def test_a_decision_that_does_not_say_enough_is_refused_and_nothing_is_written(
    world, commands, disputed, decision, message
):
    before = world.state()
    commands.names.clear()
    outcome = decide(world, decision)
    assert (outcome.result, outcome.ok) == (Result.REFUSED, False)
    assert message in outcome.message
    assert commands.writes == []
    assert world.state() == before


def test_a_dry_run_writes_nothing(world, commands, disputed):
    commands.names.clear()
    assert decide(world, OURS, dry_run=True).result is Result.WOULD_RESOLVE
    assert commands.writes == []


def test_the_medication_status_of_the_application_survives_either_way(world):
    for decision in (THEIRS, OURS):
        number = 5 if decision is OURS else 6
        first = record(number, world.patients[0], type="medication")
        second = record(number, world.patients[0], type="medication", data={"dosage": "40 mg"}, crc=9)
        other_day = date(2025, 11, number)
        first["source"]["day"] = second["source"]["day"] = other_day.isoformat()
        world.run([first], day=other_day)
        world.edit(first, dosage="10 mg", medicationStatus="Past")
        world.run([second], day=other_day)
        assert decide(world, decision).result is Result.RESOLVED
        assert world.get(first)["data"]["medicationStatus"] == "Past"
        assert world.get(first)["data"]["dosage"] == ("40 mg" if decision is OURS else "10 mg")
    world.check()


def test_a_decided_conflict_has_decision_and_history_and_is_never_changed_again(world, disputed):
    decide(world, Decision("theirs", {"details": "ours"}))
    conflict = world.passport[CONFLICTS].find_one()
    assert conflict["state"] == "resolved"
    assert conflict["decision"] == {"take": "theirs", "fields": {"details": "ours"}, "by": BY, "at": LATER}
    assert conflict["stateHistory"][1:] == [{"state": "resolved", "at": LATER, "by": BY, "runId": "cli"}]
    of = ConflictRef(conflict["_id"])
    assert decide(world, Decision("theirs", {"details": "ours"}), of=of).result is Result.ALREADY
    other = decide(world, OURS, of=of)
    assert (other.result, other.message) == (Result.ENDED, f"was decided before by {BY}: theirs, details=ours")
    assert decide(world, Decision("theirs", {"details": "ours"}), of=of, by="Somebody").result is Result.ENDED
    assert world.passport[CONFLICTS].find_one() == conflict
    world.check()


def test_the_audit_entry_says_how_and_by_whom_the_conflict_was_decided(world, disputed):
    decide(world, Decision("theirs", {"details": "ours"}))
    entries = list(world.passport[AUDIT].find({"targetId": disputed["_id"]}).sort("version"))
    assert [one["action"] for one in entries] == ["create", "update"]
    entry = entries[1]
    assert entry["details"] == f"Conflict with Central Hospital decided by {BY}: field by field (condition)"
    assert (entry["performedBy"], entry["runId"]) == (BY, "cli")
    assert entry["changes"] == {
        "hospitalId": "central",
        "providerName": "Dr. Jane Smith",
        "conceptName": "DIAGNOSIS",
        "take": "theirs",
        "fields": {"details": "ours"},
    }
    assert not [value for value in ("Malaria", "Measles", "smear") if value in str(entry)]


def test_a_decision_moves_the_record_to_the_patient_that_the_hospital_names(world):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="Malaria, severe")
    conflict_with = measles(world, patient=1)
    run = run_of(world.passport, world.account, run_id="dead")
    # A run that died between opening the conflict and taking the record along.
    open_conflicts.open_or_revise(run, world.get(first), conflict_with, None)
    assert decide(world, THEIRS).result is Result.RESOLVED
    assert (world.arrays(0), world.arrays(1)) == ({}, {"medicalHistory": {first["_id"]}})
    left = world.passport[AUDIT].find_one({"patient": ObjectId(world.patients[0]), "action": "delete"})
    assert left["targetId"] == first["_id"]
    world.run([conflict_with])
    world.check()


def test_ours_of_another_type_moves_between_the_arrays(world, commands):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], type="visit", crc=9)
    world.run([first, record(2, world.patients[1])])
    world.edit(first, details="Malaria, severe")
    world.run([second, record(2, world.patients[1])])
    assert decide(world, Decision(None, {"details": "ours"})).result is Result.REFUSED
    assert decide(world, OURS).result is Result.RESOLVED
    assert world.arrays(0) == {"hospitalVisits": {first["_id"]}}
    assert world.get(first)["data"] == second["data"]
    assert_up_to_date(world, commands, second)


def test_theirs_keeps_the_type_too_until_the_source_changes_it_again(world, commands):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], type="visit", crc=9)
    world.run([first, record(2, world.patients[1])])
    world.edit(first, details="Malaria, severe")
    world.run([second, record(2, world.patients[1])])
    assert decide(world, THEIRS).result is Result.RESOLVED
    after = world.get(first)
    assert (after["type"], after["data"]["details"]) == ("condition", "Malaria, severe")
    assert world.arrays(0) == {"medicalHistory": {first["_id"]}}
    assert_up_to_date(world, commands, second)
    third = record(1, world.patients[0], type="visit", crc=10)
    result = world.run([third, record(2, world.patients[1])])
    assert (result.conflicts, world.get(first)["type"]) == (0, "condition")
    fourth = record(1, world.patients[0], type="test", crc=11)
    assert world.run([fourth, record(2, world.patients[1])]).conflicts == 1
    world.check()


def test_a_decision_whose_record_mongodb_refuses_changes_nothing(world):
    first, second = record(1, world.patients[0]), measles(world, data={"details": "Measles", "testStatus": "Fine"})
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([second])
    before = world.get(first)
    outcome = decide(world, OURS)
    assert outcome.result is Result.REFUSED
    assert "data.testStatus" in outcome.message
    assert "Fine" not in outcome.message
    assert world.get(first) == before
    assert "decision" not in world.passport[CONFLICTS].find_one({"state": "open"})
    assert decide(world, Decision("ours", {"testStatus": "theirs"})).result is Result.RESOLVED
    world.run([second])
    world.check()


def test_a_conflict_that_is_unknown_withdrawn_or_without_patient_or_record_is_not_decided(world, disputed):
    of = ref_of_open(world)
    assert decide(world, OURS, of=ConflictRef(ObjectId())).result is Result.UNKNOWN
    world.passport[PATIENTS].delete_one({"_id": ObjectId(world.patients[0])})
    assert decide(world, OURS, of=of).result is Result.REFUSED
    world.run([record(2, world.patients[1])])
    assert decide(world, OURS, of=of).message == "was withdrawn: there is nothing left to decide"
    world.passport[CONFLICTS].update_one({}, {"$set": {"state": "open"}})
    assert "its record is gone" in decide(world, OURS, of=of).message


def test_what_a_doctor_added_survives_the_hospitals_version(world, commands):
    added = {
        "medications": [{"name": "Artemether", "frequency": "twice a day", "endDate": "11/28/2026"}],
        "notes": "sleeps badly",
        "treatment": "rest",
        "frequency": "twice a day",
        "endDate": "11/28/2026",
    }
    first, second = record(1, world.patients[0]), measles(world)
    world.run([first, record(2, world.patients[1])])
    world.edit(first, details="Malaria, severe", **added)
    world.run([second, record(2, world.patients[1])])
    assert decide(world, OURS).result is Result.RESOLVED
    assert world.get(first)["data"] == second["data"] | added
    assert_up_to_date(world, commands, second)
    third = measles(world, data={"details": "Cholera"}, crc=12)
    assert world.run([third, record(2, world.patients[1])]).conflicts == 0
    assert world.get(first)["data"] == third["data"] | added
    world.check()


def test_a_conflict_that_version_0_1_0_opened_is_displayed_and_decided(world, commands, disputed):
    world.passport[CONFLICTS].update_one({}, {"$unset": {"written": "", "ours.source.written": ""}})
    world.passport["medicalrecords"].update_one({"_id": disputed["_id"]}, {"$unset": {"source.written": ""}})
    (found,) = listed(world.passport, LATER)
    assert found.fields == ["details", "name", "procedure"]
    assert decide(world, OURS).result is Result.RESOLVED
    assert world.get(disputed)["data"] == disputed["data"]
    assert_up_to_date(world, commands, disputed)
