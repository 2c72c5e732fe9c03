"""Commands that die at any step of a decision, and what completes them."""

import pytest

from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import open_conflicts
from passport_pipeline.passport.conflicts.queue import ConflictRef
from passport_pipeline.passport.conflicts.resolve import Result
from passport_pipeline.passport.days import dirty
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import AUDIT, CONFLICTS, DAYS, RECORDS
from passport_pipeline.passport.patients import patients
from passport_pipeline_tests.passport.conflicts.deciding import (
    BY,
    OURS,
    THEIRS,
    decide,
    measles,
    moving_conflict,
    ref_of_open,
)
from passport_pipeline_tests.passport.factory import record
from passport_pipeline_tests.passport.test_interruptions import Killed, dying

STEPS = [
    (dirty, "_mark"),
    (open_conflicts, "write_decision"),
    (patients, "remove"),
    (bulk, "write"),
    (patients, "add"),
    (audit_log, "heal"),
    (open_conflicts, "mark_resolved"),
    (dirty.DirtyMarker, "clear"),
]
DEATHS = [(module, name, when) for module, name in STEPS for when in ("before", "after")]


def die_deciding(world, monkeypatch, module, name, when):
    at = ref_of_open(world)
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


def test_an_audit_entry_that_an_interrupted_run_owes_is_written_before_the_decision(world, monkeypatch):
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


def test_a_refused_decision_of_an_interrupted_command_is_dropped_by_the_next_run(world, monkeypatch):
    first, second = record(1, world.patients[0]), measles(world, data={"details": "Measles", "testStatus": "Fine"})
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([second])
    with monkeypatch.context() as patched:
        patched.setattr(open_conflicts, "write_decision", dying(open_conflicts.write_decision, "after", 1))
        with pytest.raises(Killed):
            decide(world, OURS)
    assert world.run([second]).conflicts == 1
    assert "decision" not in world.passport[CONFLICTS].find_one()
    world.check()


def test_a_conflict_in_which_nothing_is_left_to_decide_is_left_to_the_next_run(world, disputed, monkeypatch):
    world.edit(disputed, details="Malaria", procedure=None)
    world.passport[RECORDS].update_one({"_id": disputed["_id"]}, {"$unset": {"data.procedure": ""}})
    with monkeypatch.context() as patched:
        patched.setattr(open_conflicts, "withdraw", dying(open_conflicts.withdraw, "before", 1))
        with pytest.raises(Killed):
            world.run([disputed, record(2, world.patients[1])])
    outcome = decide(world, OURS, of=ConflictRef(ref_of_open(world).id, 2))
    assert outcome.result is Result.CHANGED
    again = decide(world, OURS)
    assert (again.result, "nothing is left to decide" in again.message) == (Result.CHANGED, True)
    world.run([disputed, record(2, world.patients[1])])
    assert world.passport[CONFLICTS].find_one()["state"] == "withdrawn"
    world.check()


@pytest.mark.parametrize(("module", "name", "when"), DEATHS, ids=[f"{when} {name}" for _, name, when in DEATHS])
def test_a_command_that_dies_at_any_step_is_completed_by_the_next_run(world, monkeypatch, module, name, when):
    wanted = moving_conflict(world)
    at = die_deciding(world, monkeypatch, module, name, when)
    in_line = not world.passport[DAYS].find_one().get("writers")
    assert in_line == ((name, when) in {("_mark", "before"), ("clear", "after")})
    world.run([wanted])
    if world.passport[CONFLICTS].find_one()["state"] == "open":
        # It had not come to write the decision down.
        assert (name, when) in {("_mark", "before"), ("_mark", "after"), ("write_decision", "before")}
        world.check()
        assert decide(world, OURS, of=at).result is Result.RESOLVED
    decided_once(world, wanted)
    assert world.run([wanted]).updated == 0


@pytest.mark.parametrize(("module", "name", "when"), DEATHS, ids=[f"{when} {name}" for _, name, when in DEATHS])
def test_a_command_that_dies_at_any_step_is_completed_by_repeating_it(world, monkeypatch, module, name, when):
    wanted = moving_conflict(world)
    at = die_deciding(world, monkeypatch, module, name, when)
    assert decide(world, OURS, of=at).ok
    world.run([wanted])
    decided_once(world, wanted)


def test_a_source_change_after_a_command_died_follows_the_decision(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, open_conflicts, "mark_resolved", "before")
    other = measles(world, data={"details": "Cholera"}, crc=12)
    result = world.run([other, record(2, world.patients[1])])
    assert (result.updated, result.conflicts) == (1, 0)
    assert [one["state"] for one in world.passport[CONFLICTS].find()] == ["resolved"]
    assert [one["performedBy"] for one in world.passport[AUDIT].find({"version": 2})] == [BY]
    assert world.get(disputed)["data"]["details"] == "Cholera"
    world.check()


def test_a_record_that_is_voided_after_a_command_died_counts_as_decided_before(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, audit_log, "heal", "before")
    world.run([record(2, world.patients[1])])
    assert world.passport[CONFLICTS].find_one()["state"] == "resolved"
    assert world.passport[AUDIT].count_documents({"performedBy": BY}) == 1
    world.check()


def test_a_decision_of_an_interrupted_command_is_dropped_if_the_record_was_edited(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, open_conflicts, "write_decision", "after")
    world.edit(disputed, details="Malaria, cerebral")
    assert world.run([disputed, record(2, world.patients[1])]).conflicts == 1
    conflict = world.passport[CONFLICTS].find_one()
    assert ("decision" in conflict, conflict["theirs"]["details"]) == (False, "Malaria, cerebral")
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    world.check()


def test_a_withdrawn_conflict_has_no_decision_of_an_interrupted_command(world, disputed, monkeypatch):
    die_deciding(world, monkeypatch, open_conflicts, "write_decision", "after")
    world.run([record(1, world.patients[0]), record(2, world.patients[1])])
    conflict = world.passport[CONFLICTS].find_one()
    assert (conflict["state"], "decision" in conflict) == ("withdrawn", False)
    world.check()
