"""Changes by the application, runs and other operators while a conflict is being decided."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from passport_pipeline.passport.conflicts import open_conflicts, resolve
from passport_pipeline.passport.conflicts.queue import ConflictRef
from passport_pipeline.passport.conflicts.resolve import Result
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import AUDIT, CONFLICTS
from passport_pipeline.passport.patients import patients
from passport_pipeline_tests.passport.conflicts.deciding import (
    OURS,
    THEIRS,
    decide,
    measles,
    moving_conflict,
    ref_of_open,
)
from passport_pipeline_tests.passport.factory import DAY, digest_of, digests_in, record


def between(monkeypatch, module, name, happening):
    """Let something happen right before a step is done for the first time."""
    step, left = getattr(module, name), [happening]

    def first_that(*arguments, **keywords):
        while left:
            left.pop()()
        return step(*arguments, **keywords)

    monkeypatch.setattr(module, name, first_that)


@pytest.mark.parametrize("named", [True, False], ids=["revision", "id alone"])
def test_an_edit_since_the_conflict_was_displayed_is_never_written_over(world, disputed, named):
    of = ref_of_open(world) if named else ConflictRef(ref_of_open(world).id)
    world.edit(disputed, details="Malaria, cerebral")
    outcome = decide(world, OURS, of=of)
    assert (outcome.result, outcome.message) == (Result.CHANGED, "changed since it was displayed; display it again")
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    assert world.passport[CONFLICTS].find_one()["theirs"]["details"] == "Malaria, cerebral"
    assert decide(world, OURS, of=ConflictRef(of.id, 2)).result is Result.RESOLVED
    world.check()


def test_a_decision_is_refused_if_the_hospital_changed_since_the_conflict_was_displayed(world, disputed):
    of = ref_of_open(world)
    world.run([measles(world, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])])
    assert decide(world, OURS, of=of).result is Result.CHANGED
    assert world.get(disputed)["data"]["details"] == "Malaria, severe"
    assert decide(world, OURS).result is Result.RESOLVED
    assert world.get(disputed)["data"]["details"] == "Cholera"
    world.check()


def test_an_edit_while_the_conflict_is_being_decided_is_never_written_over(world, disputed, monkeypatch):
    between(monkeypatch, bulk, "write", lambda: world.edit(disputed, details="Malaria, cerebral"))
    outcome = decide(world, OURS)
    assert (outcome.result, outcome.ok) == (Result.CHANGED, False)
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    assert "decision" not in world.passport[CONFLICTS].find_one()
    world.run([disputed, record(2, world.patients[1])])
    assert world.get(disputed)["data"]["details"] == "Malaria, cerebral"
    assert world.passport[CONFLICTS].find_one()["theirs"]["details"] == "Malaria, cerebral"
    world.check()


def test_a_reference_is_put_back_if_the_decision_could_not_move_the_record(world, monkeypatch):
    first = moving_conflict(world)
    between(monkeypatch, patients, "remove", lambda: world.edit(first, details="Malaria, cerebral"))
    assert decide(world, OURS).result is Result.CHANGED
    assert world.arrays(0) == {"medicalHistory": {first["_id"]}}


def test_a_run_that_revises_the_conflict_meanwhile_voids_the_decision(world, disputed, monkeypatch):
    other = [measles(world, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])]
    between(monkeypatch, open_conflicts, "write_decision", lambda: world.run(other))
    assert decide(world, OURS).result is Result.CHANGED
    assert world.get(disputed)["data"]["details"] == "Malaria, severe"
    world.run(other)
    world.check()


def test_a_change_of_the_source_after_the_decision_was_written_keeps_the_conflict_open(world, disputed, monkeypatch):
    other = [measles(world, data={"details": "Cholera"}, crc=12), record(2, world.patients[1])]
    between(monkeypatch, resolve, "_write", lambda: world.run(other))
    outcome = decide(world, THEIRS)
    assert (outcome.result, outcome.ok) == (Result.CHANGED, False)
    assert world.run(other).conflicts == 1
    (conflict,) = world.passport[CONFLICTS].find()
    assert conflict["state"] == "open"
    assert (conflict["theirs"]["details"], conflict["ours"]["data"]["details"]) == ("Malaria, severe", "Cholera")
    assert digests_in(world.passport) == {DAY: digest_of(other)}
    world.check()


def test_of_several_operators_and_runs_at_once_one_decision_holds(world, disputed):
    of, here = ref_of_open(world), [disputed, record(2, world.patients[1])]
    with ThreadPoolExecutor(8) as pool:
        deciding = [pool.submit(decide, world, (THEIRS, OURS)[n % 2], of=of, by=f"{n % 2}") for n in range(6)]
        running = [pool.submit(world.run, here) for _ in range(2)]
        outcomes = [one.result() for one in deciding]
        assert {one.result().loaded for one in running} == {2}
    world.run(here)
    (conflict,) = world.passport[CONFLICTS].find()
    holds = conflict["decision"]["take"]
    assert [one["by"] for one in conflict["stateHistory"][1:]] == [{"theirs": "0", "ours": "1"}[holds]]
    assert (world.get(disputed)["data"]["details"] == "Measles") == (holds == "ours")
    assert [one["changes"]["take"] for one in world.passport[AUDIT].find({"version": 2})] == [holds]
    assert {one.message for one in outcomes if one.ok} <= {
        f"resolved: {holds} by {conflict['decision']['by']}",
        f"is already decided in this way: {holds} by {conflict['decision']['by']}",
    }
    assert any(one.result is Result.RESOLVED for one in outcomes)
    world.check()
