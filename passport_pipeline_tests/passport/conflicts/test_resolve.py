"""Conflicts decided by a person: what becomes of the record, the conflict, the audit and the day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from bson import ObjectId

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import conflict as conflicts
from passport_pipeline.passport.conflicts import resolve as resolving
from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.conflicts.queue import Shown
from passport_pipeline.passport.conflicts.resolve import Result, operator, resolve, resolve_all
from passport_pipeline.passport.days import dirty
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import AUDIT, CONFLICTS, DAYS, PATIENTS, RECORDS
from passport_pipeline.passport.patients import patients
from passport_pipeline_tests.passport.factory import DAY, HOSPITAL, NOW, digest_of, digests_in, record, run_of
from passport_pipeline_tests.passport.test_interruptions import Killed, dying

LATER = NOW + timedelta(days=1)
BY = "Jane Operator"
THEIRS, OURS = Decision("theirs"), Decision("ours")


def measles(world, patient=0, **changes):
    """What the hospital says of observation 1 after its change."""
    changes = {"data": {"details": "Measles", "name": "DIAGNOSIS, CONFIRMED"}, "crc": 9} | changes
    return record(1, world.patients[patient], **changes)


@pytest.fixture
def disputed(world):
    """A record that both sides changed, beside one that nobody did; returns the hospital's version."""
    first, second = record(1, world.patients[0]), measles(world)
    world.run([first, record(2, world.patients[1])])
    world.edit(first, details="Malaria, severe", procedure="blood smear")
    world.run([second, record(2, world.patients[1])])
    return second


def shown(world):
    conflict = world.passport[CONFLICTS].find_one({"state": "open"})
    return Shown(conflict["_id"], conflict["revision"])


def decide(world, decision, *, of=None, by=BY, **options):
    run = run_of(world.passport, world.account, run_id="cli", now=LATER)
    return resolve(run, of or shown(world), decision, by, **options)


def the_day_stays_in_line(world, commands, *wanted):
    """The digest is what it was, and the next run has nothing to write."""
    here = [*wanted, record(2, world.patients[1])]
    assert digests_in(world.passport) == {DAY: digest_of(here)}
    world.check()
    commands.names.clear()
    result = world.run(here)
    assert commands.writes == []
    assert (result.agrees, result.conflicts, result.updated) == (True, 0, 0)


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
    the_day_stays_in_line(world, commands, disputed)
    assert world.get(disputed) == after


def test_a_later_change_of_the_source_opens_a_new_conflict_over_a_kept_edit(world, disputed):
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


def test_a_change_of_the_source_that_leaves_the_data_keeps_the_kept_edit(world, disputed):
    decide(world, THEIRS)
    result = world.run([measles(world, crc=13), record(2, world.patients[1])])
    assert (result.conflicts, result.updated) == (0, 1)
    after = world.get(disputed)
    assert after["data"]["details"] == "Malaria, severe"
    assert "decided" not in after["source"]
    world.check()


def test_ours_takes_what_the_hospital_says_and_the_next_change_just_lands(world, commands, disputed):
    assert decide(world, OURS).result is Result.RESOLVED
    after = world.get(disputed)
    assert after["data"] == disputed["data"]
    assert after["editedBy"] == "a doctor"
    the_day_stays_in_line(world, commands, disputed)
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
        (Decision("ours", {"details": "theirs"}), {"details": "Malaria, severe", "name": "DIAGNOSIS, CONFIRMED"}),
        (
            Decision("ours", {"procedure": "theirs"}),
            {"details": "Measles", "name": "DIAGNOSIS, CONFIRMED", "procedure": "blood smear"},
        ),
        (
            Decision(None, {"details": "theirs", "name": "ours", "procedure": "ours"}),
            {"details": "Malaria, severe", "name": "DIAGNOSIS, CONFIRMED"},
        ),
    ],
    ids=["a field of ours", "a field of theirs", "a field that one side has", "every field"],
)
def test_each_field_can_be_decided_by_itself(world, commands, disputed, decision, data):
    assert decide(world, decision).result is Result.RESOLVED
    assert world.get(disputed)["data"] == {"diagnosed": disputed["data"]["diagnosed"]} | data
    the_day_stays_in_line(world, commands, disputed)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (Decision(None, {"details": "ours"}), "nothing is said of name, procedure"),
        (Decision("theirs", {"detail": "ours"}), "are details, diagnosed, name, procedure"),
        (Decision("theirs", {"medicationStatus": "ours"}), "are details, diagnosed, name, procedure"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_and_nothing_is_written(world, commands, disputed, decision, message):
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


def test_the_conflict_ends_with_decision_and_history_and_is_never_touched_again(world, disputed):
    decide(world, Decision("theirs", {"details": "ours"}))
    conflict = world.passport[CONFLICTS].find_one()
    assert conflict["state"] == "resolved"
    assert conflict["decision"] == {"take": "theirs", "fields": {"details": "ours"}, "by": BY, "at": LATER}
    assert conflict["stateHistory"][1:] == [{"state": "resolved", "at": LATER, "by": BY, "runId": "cli"}]
    of = Shown(conflict["_id"])
    assert decide(world, Decision("theirs", {"details": "ours"}), of=of).result is Result.ALREADY
    other = decide(world, OURS, of=of)
    assert (other.result, other.message) == (Result.ENDED, f"was decided before by {BY}: theirs, details=ours")
    assert decide(world, Decision("theirs", {"details": "ours"}), of=of, by="Somebody").result is Result.ENDED
    assert world.passport[CONFLICTS].find_one() == conflict
    world.check()


def test_the_audit_entry_says_that_it_was_decided_how_and_by_whom(world, disputed):
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
    conflicts.open_one(run, world.get(first), conflict_with, None)
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
    the_day_stays_in_line(world, commands, second)


def test_theirs_keeps_the_type_too_and_only_another_change_of_it_is_a_new_conflict(world, commands):
    first, second = record(1, world.patients[0]), record(1, world.patients[0], type="visit", crc=9)
    world.run([first, record(2, world.patients[1])])
    world.edit(first, details="Malaria, severe")
    world.run([second, record(2, world.patients[1])])
    assert decide(world, THEIRS).result is Result.RESOLVED
    after = world.get(first)
    assert (after["type"], after["data"]["details"]) == ("condition", "Malaria, severe")
    assert world.arrays(0) == {"medicalHistory": {first["_id"]}}
    the_day_stays_in_line(world, commands, second)
    third = record(1, world.patients[0], type="visit", crc=10)
    result = world.run([third, record(2, world.patients[1])])
    assert (result.conflicts, world.get(first)["type"]) == (0, "condition")
    fourth = record(1, world.patients[0], type="test", crc=11)
    assert world.run([fourth, record(2, world.patients[1])]).conflicts == 1
    world.check()


@pytest.mark.parametrize("named", [True, False], ids=["revision", "id alone"])
def test_an_edit_since_it_was_shown_is_never_written_over(world, disputed, named):
    of = shown(world) if named else Shown(shown(world).id)
    world.edit(disputed, details="Malaria, cerebral")
    outcome = decide(world, OURS, of=of)
    assert (outcome.result, outcome.message) == (Result.CHANGED, "changed since it was shown; look again")
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    assert world.passport[CONFLICTS].find_one()["theirs"]["details"] == "Malaria, cerebral"
    assert decide(world, OURS, of=Shown(of.id, 2)).result is Result.RESOLVED
    world.check()


def test_a_change_at_the_hospital_since_it_was_shown_is_not_decided_on(world, disputed):
    of = shown(world)
    world.run([measles(world, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])])
    assert decide(world, OURS, of=of).result is Result.CHANGED
    assert world.get(disputed)["data"]["details"] == "Malaria, severe"
    assert decide(world, OURS).result is Result.RESOLVED
    assert world.get(disputed)["data"]["details"] == "Cholera"
    world.check()


def between(monkeypatch, module, name, happening):
    """Let something happen right before a step is done for the first time."""
    step, left = getattr(module, name), [happening]

    def first_that(*arguments, **keywords):
        while left:
            left.pop()()
        return step(*arguments, **keywords)

    monkeypatch.setattr(module, name, first_that)


def test_an_edit_while_it_is_being_decided_is_never_written_over(world, disputed, monkeypatch):
    between(monkeypatch, bulk, "write", lambda: world.edit(disputed, details="Malaria, cerebral"))
    outcome = decide(world, OURS)
    assert (outcome.result, outcome.ok) == (Result.CHANGED, False)
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    assert "decision" not in world.passport[CONFLICTS].find_one()
    world.run([disputed, record(2, world.patients[1])])
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    assert world.passport[CONFLICTS].find_one()["theirs"]["details"] == "Malaria, cerebral"
    world.check()


def test_a_reference_is_put_back_where_a_move_was_not_to_be(world, monkeypatch):
    first = moving_conflict(world)
    between(monkeypatch, patients, "remove", lambda: world.edit(first, details="Malaria, cerebral"))
    assert decide(world, OURS).result is Result.CHANGED
    assert world.arrays(0) == {"medicalHistory": {first["_id"]}}


def test_what_an_interrupted_run_owes_the_audit_is_paid_before_the_decision(world, monkeypatch):
    world.run([record(1, world.patients[0])])
    world.edit(record(1, world.patients[0]), details="Malaria, severe")
    with monkeypatch.context() as patched:
        patched.setattr(audit_log, "record", dying(audit_log.record, "before", 1))
        with pytest.raises(Killed):
            world.run([measles(world, patient=1)])
    assert decide(world, THEIRS).result is Result.RESOLVED
    world.run([measles(world, patient=1)])
    assert [one["version"] for one in world.passport[AUDIT].find({"action": "update"}).sort("version")] == [2, 3]
    world.check()


def test_a_run_that_brings_the_conflict_up_to_date_meanwhile_voids_the_decision(world, disputed, monkeypatch):
    other = [measles(world, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])]
    between(monkeypatch, conflicts, "write_decision", lambda: world.run(other))
    assert decide(world, OURS).result is Result.CHANGED
    assert world.get(disputed)["data"]["details"] == "Malaria, severe"
    world.run(other)
    world.check()


def test_a_change_after_the_decision_was_written_is_another_conflict_not_a_lost_one(world, disputed, monkeypatch):
    other = [measles(world, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])]
    between(monkeypatch, resolving, "_write", lambda: world.run(other))
    outcome = decide(world, THEIRS)
    assert (outcome.result, outcome.ok) == (Result.CHANGED, False)
    assert world.run(other).conflicts == 1
    (conflict,) = world.passport[CONFLICTS].find()
    assert conflict["state"] == "open"
    assert (conflict["theirs"]["details"], conflict["ours"]["data"]["details"]) == ("Malaria, severe", "Cholera")
    assert digests_in(world.passport) == {DAY: digest_of(other)}
    world.check()


def test_what_mongodb_refuses_leaves_record_and_conflict_as_they_were(world):
    first, second = record(1, world.patients[0]), measles(world, data={"testStatus": "Fine"})
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


def test_a_refused_decision_of_an_interrupted_command_is_dropped_by_the_next_run(world, monkeypatch):
    first, second = record(1, world.patients[0]), measles(world, data={"testStatus": "Fine"})
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([second])
    with monkeypatch.context() as patched:
        patched.setattr(conflicts, "write_decision", dying(conflicts.write_decision, "after", 1))
        with pytest.raises(Killed):
            decide(world, OURS)
    assert world.run([second]).conflicts == 1
    assert "decision" not in world.passport[CONFLICTS].find_one()
    world.check()


def test_what_there_is_none_of_or_has_gone_says_so(world, disputed):
    of = shown(world)
    assert decide(world, OURS, of=Shown(ObjectId())).result is Result.UNKNOWN
    world.passport[PATIENTS].delete_one({"_id": ObjectId(world.patients[0])})
    assert decide(world, OURS, of=of).result is Result.REFUSED
    world.run([record(2, world.patients[1])])
    assert decide(world, OURS, of=of).message == "was withdrawn: there is nothing left to decide"
    world.passport[CONFLICTS].update_one({}, {"$set": {"state": "open"}})
    assert "its record is gone" in decide(world, OURS, of=of).message


def test_a_conflict_whose_change_landed_is_left_to_the_next_run(world, disputed, monkeypatch):
    world.edit(disputed, details="Malaria", procedure=None)
    world.passport[RECORDS].update_one({"_id": disputed["_id"]}, {"$unset": {"data.procedure": ""}})
    with monkeypatch.context() as patched:
        patched.setattr(conflicts, "withdraw", dying(conflicts.withdraw, "before", 1))
        with pytest.raises(Killed):
            world.run([disputed, record(2, world.patients[1])])
    outcome = decide(world, OURS, of=Shown(shown(world).id, 2))
    assert outcome.result is Result.CHANGED
    again = decide(world, OURS)
    assert (again.result, "nothing is left to decide" in again.message) == (Result.CHANGED, True)
    world.run([disputed, record(2, world.patients[1])])
    assert world.passport[CONFLICTS].find_one()["state"] == "withdrawn"
    world.check()


STEPS = [
    (dirty, "_mark"),
    (conflicts, "write_decision"),
    (patients, "remove"),
    (bulk, "write"),
    (patients, "add"),
    (audit_log, "heal"),
    (conflicts, "mark_resolved"),
    (dirty.DayMarks, "lift"),
]
DEATHS = [(module, name, when) for module, name in STEPS for when in ("before", "after")]


def moving_conflict(world):
    """A conflict whose decision moves the record between two arrays; returns what the hospital says."""
    first, second = record(1, world.patients[0]), record(1, world.patients[0], type="visit", crc=9)
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([second])
    return second


def die_deciding(world, monkeypatch, module, name, when):
    at = shown(world)
    with monkeypatch.context() as patched:
        patched.setattr(module, name, dying(getattr(module, name), when, 1))
        with pytest.raises(Killed):
            decide(world, OURS)
    return at


def decided_once(world, wanted):
    """The decision is carried out once, and everything agrees."""
    assert world.get(wanted)["data"] == wanted["data"]
    assert world.arrays(0) == {"hospitalVisits": {wanted["_id"]}}
    conflict = world.passport[CONFLICTS].find_one()
    assert (conflict["state"], conflict["decision"]["by"]) == ("resolved", BY)
    assert [one["by"] for one in conflict["stateHistory"][1:]] == [BY]
    entries = list(world.passport[AUDIT].find({"performedBy": BY}))
    assert [one["version"] for one in entries] == [2]
    assert world.get(wanted)["source"]["version"] == 2
    world.check()


@pytest.mark.parametrize(("module", "name", "when"), DEATHS, ids=[f"{when} {name}" for _, name, when in DEATHS])
def test_a_command_that_dies_at_any_step_is_completed_by_the_next_run(world, monkeypatch, module, name, when):
    wanted = moving_conflict(world)
    at = die_deciding(world, monkeypatch, module, name, when)
    in_line = not world.passport[DAYS].find_one().get("writers")
    assert in_line == ((name, when) in {("_mark", "before"), ("lift", "after")})
    world.run([wanted])
    if world.passport[CONFLICTS].find_one()["state"] == "open":
        # It had not come to write the decision down.
        assert (name, when) in {("_mark", "before"), ("_mark", "after"), ("write_decision", "before")}
        world.check()
        assert decide(world, OURS, of=at).result is Result.RESOLVED
    decided_once(world, wanted)
    assert world.run([wanted]).updated == 0


@pytest.mark.parametrize(("module", "name", "when"), DEATHS, ids=[f"{when} {name}" for _, name, when in DEATHS])
def test_a_command_that_dies_at_any_step_is_completed_by_the_same_once_more(world, monkeypatch, module, name, when):
    wanted = moving_conflict(world)
    at = die_deciding(world, monkeypatch, module, name, when)
    assert decide(world, OURS, of=at).ok
    world.run([wanted])
    decided_once(world, wanted)


def test_a_source_change_after_a_command_died_is_a_change_after_the_decision(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, conflicts, "mark_resolved", "before")
    other = measles(world, data={"details": "Cholera"}, crc=12)
    result = world.run([other, record(2, world.patients[1])])
    assert (result.updated, result.conflicts) == (1, 0)
    assert [one["state"] for one in world.passport[CONFLICTS].find()] == ["resolved"]
    assert [one["performedBy"] for one in world.passport[AUDIT].find({"version": 2})] == [BY]
    assert world.get(disputed)["data"]["details"] == "Cholera"
    world.check()


def test_a_record_voided_after_a_command_died_was_decided_before(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, audit_log, "heal", "before")
    world.run([record(2, world.patients[1])])
    assert world.passport[CONFLICTS].find_one()["state"] == "resolved"
    assert world.passport[AUDIT].count_documents({"performedBy": BY}) == 1
    world.check()


def test_a_decision_of_an_interrupted_command_is_not_applied_to_something_else(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, conflicts, "write_decision", "after")
    world.edit(disputed, details="Malaria, cerebral")
    assert world.run([disputed, record(2, world.patients[1])]).conflicts == 1
    conflict = world.passport[CONFLICTS].find_one()
    assert ("decision" in conflict, conflict["theirs"]["details"]) == (False, "Malaria, cerebral")
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    world.check()


def test_a_decision_that_came_to_nothing_is_not_kept_with_a_withdrawn_conflict(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, conflicts, "write_decision", "after")
    world.run([record(1, world.patients[0]), record(2, world.patients[1])])
    conflict = world.passport[CONFLICTS].find_one()
    assert (conflict["state"], "decision" in conflict) == ("withdrawn", False)
    world.check()


def test_of_many_who_decide_at_once_and_of_runs_one_decision_holds(world, disputed):
    of, here = shown(world), [disputed, record(2, world.patients[1])]
    with ThreadPoolExecutor(8) as pool:
        deciding = [pool.submit(decide, world, (THEIRS, OURS)[n % 2], of=of, by=f"{n % 2}") for n in range(6)]
        running = [pool.submit(world.run, here) for _ in range(2)]
        outcomes = [one.result() for one in deciding]
        assert {one.result().loaded for one in running} == {2}
    world.run(here)
    (conflict,) = world.passport[CONFLICTS].find()
    holds = conflict["decision"]["take"]
    assert [one["by"] for one in conflict["stateHistory"][1:]] == [{"theirs": "0", "ours": "1"}[holds]]
    assert (world.get(disputed)["data"] == disputed["data"]) == (holds == "ours")
    assert [one["changes"]["take"] for one in world.passport[AUDIT].find({"version": 2})] == [holds]
    assert {one.message for one in outcomes if one.ok} <= {
        f"resolved: {holds} by {conflict['decision']['by']}",
        f"is decided so already: {holds} by {conflict['decision']['by']}",
    }
    assert any(one.result is Result.RESOLVED for one in outcomes)
    world.check()


@pytest.fixture
def many(world, shared_settings):
    """Decide several conflicts, else all."""

    def decide_all(chosen=None, **options):
        every = [Shown(one["_id"]) for one in world.passport[CONFLICTS].find().sort("_id", 1)]
        settings = shared_settings.model_copy(update={"lease_seconds": 0.1})
        return resolve_all(
            *(world.passport, every if chosen is None else chosen, OURS, BY),
            settings=settings,
            hospital_of={"central": HOSPITAL}.__getitem__,
            run_id="cli",
            now=LATER,
            **options,
        )

    return decide_all


def test_many_are_decided_alike_and_one_that_cannot_be_stops_no_other(world, many):
    records = [record(n, world.patients[n % 5]) for n in range(6)]
    world.run(records)
    for one in records:
        world.edit(one, details="as the doctor says")
    changed = [record(n, world.patients[n % 5], data={"details": "Measles"}, crc=n + 1) for n in range(6)]
    world.run(changed)
    world.edit(records[3], details="as another doctor says")
    chosen = [Shown(one["_id"]) for one in world.passport[CONFLICTS].find()]
    assert {one.result for one in many(chosen[:2], dry_run=True)} == {Result.WOULD_RESOLVE}
    outcomes = many([*chosen, Shown(ObjectId(b"x" * 12))])
    counts = {result: [one.result for one in outcomes].count(result) for result in Result}
    assert {result: count for result, count in counts.items() if count} == {
        Result.RESOLVED: 5,
        Result.CHANGED: 1,
        Result.UNKNOWN: 1,
    }
    assert [one.result for one in many()].count(Result.RESOLVED) == 1
    assert {one["state"] for one in world.passport[CONFLICTS].find()} == {"resolved"}
    assert digests_in(world.passport) == {DAY: digest_of(changed)}
    with lease(world.passport, "central", "2025-11", "run", 2) as token:
        assert world.run(changed, token=token).updated == 0
    world.check()


def test_a_window_that_a_run_is_at_is_told_and_left_alone(world, many, disputed):
    before = world.state()
    with lease(world.passport, "central", "2025-11", "a run", 60):
        assert [one.result for one in many()] == [Result.BUSY]
    assert world.state() == before
    assert [one.result for one in many()] == [Result.RESOLVED]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_who_decides_has_to_be_said(name):
    with pytest.raises(ConfigurationError, match="who decides"):
        operator(name)
