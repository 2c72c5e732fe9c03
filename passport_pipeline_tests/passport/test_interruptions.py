"""Runs that die at any step, and the run after them."""

import contextlib

import pytest

from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import open_conflicts
from passport_pipeline.passport.days import dirty
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import AUDIT, RECORDS
from passport_pipeline.passport.mongo.contract import COLLECTIONS
from passport_pipeline.passport.parked import parked_rows
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.reconcile import retraction
from passport_pipeline_tests.passport.factory import World, parked, record

STEPS = [
    (dirty, "_mark"),
    (patients, "remove"),
    (bulk, "insert"),
    (bulk, "write"),
    (patients, "add"),
    (audit_log, "record"),
    (retraction, "archive"),
    (retraction, "delete"),
    (retraction, "finish"),
    (retraction, "forget"),
    (open_conflicts, "open_or_revise"),
    (open_conflicts, "withdraw"),
    (parked_rows, "store"),
    (parked_rows, "clear"),
    (dirty, "_record_day"),
]


class Killed(BaseException):
    """Not an Exception, so that nothing handles it, as nothing handles a SIGKILL."""


def day_before(world):
    """What the passport holds before the run that dies, and what the application did to it meanwhile."""
    gone, edited, back = record(6, world.patients[2]), record(7, world.patients[0]), record(8, world.patients[1])
    settled, replaced = record(11, world.patients[1]), [record(n, world.patients[2]) for n in (12, 13)]
    first = [
        *(record(n, world.patients[n % 2]) for n in (1, 2, 3, 4, 5)),
        *(gone, edited, back, settled, record(9, world.patients[1]), *replaced, record(16, world.patients[2])),
    ]
    world.run(first, [parked(20), parked(21)])
    world.edit(back, details="as the doctor says")
    world.edit(edited, details="as the doctor says")
    world.edit(settled, details="as the doctor says")
    world.edit(replaced[0], notes="as the doctor says")
    world.edit(replaced[1], details="as the doctor says")
    world.run(
        [
            *(one for one in first if one not in (back, settled)),
            record(11, world.patients[1], data={"details": "Cholera"}, crc=8),
        ],
        [parked(20), parked(21)],
    )


def day_after(world):
    """Every kind of change at once; the application deletes a record, too."""
    world.passport[RECORDS].delete_one({"_id": record(16, world.patients[2])["_id"]})
    return [
        record(1, world.patients[1]),
        record(2, world.patients[0], data={"details": "Measles"}, crc=7),
        record(3, world.patients[0], type="visit"),
        record(4, world.patients[0], type="test"),
        record(7, world.patients[0], data={"details": "Typhoid"}, crc=9),
        record(8, world.patients[1]),
        record(11, world.patients[1]),
        record(14, world.patients[2], data={"details": "Measles"}, previous=12),
        record(15, world.patients[2], data={"details": "Measles"}, previous=13),
        record(16, world.patients[2]),
        record(20, world.patients[2]),
        record(30, world.patients[3], row_count=2),
        record(31, world.patients[3], data={"testStatus": "Fine"}),
    ], [parked(5, "unknown_patient"), parked(21, "unknown_patient"), parked(40)]


def dying(step, when, at):
    """The step, but the run dies before or after doing it the `at`-th time."""
    calls = 0

    def step_or_die(*arguments, **keywords):
        nonlocal calls
        calls += 1
        if calls == at and when == "before":
            raise Killed
        result = step(*arguments, **keywords)
        if calls == at and when == "after":
            raise Killed
        return result

    return step_or_die


@pytest.fixture
def start_again(passport, account):
    def start() -> World:
        for collection in COLLECTIONS:
            if collection.name not in ("hospitals", "users"):
                passport[collection.name].delete_many({})
        world = World(passport, account)
        day_before(world)
        return world

    return start


@pytest.fixture(scope="module")
def states():
    return {}


@pytest.fixture
def undisturbed(start_again, states):
    """What a run leaves that nothing disturbs; the same in every test."""
    if not states:
        world = start_again()
        world.run(*day_after(world))
        world.check()
        states["undisturbed"] = world.state()
    return states["undisturbed"]


@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_run_that_dies_at_any_step_is_completed_by_the_next(module, name, undisturbed, start_again, monkeypatch):
    deaths = 0
    for when in ("before", "after"):
        for at in range(1, 30):
            world = start_again()
            with monkeypatch.context() as patched:
                patched.setattr(module, name, dying(getattr(module, name), when, at))
                try:
                    world.run(*day_after(world))
                except Killed:
                    deaths += 1
                else:
                    break
            world.run(*day_after(world))
            world.check()
            assert world.state() == undisturbed, f"died {when} {name} number {at}"
        else:
            pytest.fail("too many steps to try them all")
    assert deaths >= 2


@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_run_that_dies_leaves_the_day_stale(module, name, start_again, monkeypatch):
    if name in ("_mark", "_record_day"):
        return
    world = start_again()
    monkeypatch.setattr(module, name, dying(getattr(module, name), "after", 1))
    with pytest.raises(Killed):
        world.run(*day_after(world))
    assert [day.inputs for day in recorded(world.passport, "central").values()] == [""]


@pytest.mark.parametrize("at", range(1, 6))
def test_a_change_that_is_reverted_after_a_run_died_leaves_no_trace(at, start_again, monkeypatch):
    """The hospital goes back to what it was before: the dead run's half must not stay."""
    world = start_again()
    first = [record(100 + n, world.patients[n]) for n in range(3)]
    world.run(first)
    before = world.state()
    with monkeypatch.context() as patched:
        patched.setattr(bulk, "insert", dying(bulk.insert, "after", at))
        with contextlib.suppress(Killed):
            world.run([*first, record(200, world.patients[0]), record(201, world.patients[1])])
    world.run(first)
    world.check()
    after = world.state()
    for name in ("medicalrecords", "patients", "parkedrows", "sourcedays"):
        assert after[name] == before[name]


def test_a_record_voided_after_its_run_died_before_the_audit_has_both_entries(world, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(patients, "add", dying(patients.add, "before", 1))
        with pytest.raises(Killed):
            world.run([record(1, world.patients[0])])
    world.run([])
    assert sorted(one["action"] for one in world.passport[AUDIT].find()) == ["create", "delete"]
    world.check()


def test_a_record_unvoided_after_its_retraction_died_has_all_entries(world, monkeypatch):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="as the doctor says")
    with monkeypatch.context() as patched:
        patched.setattr(retraction, "delete", dying(retraction.delete, "after", 1))
        with pytest.raises(Killed):
            world.run([])
    world.run([first])
    assert sorted(one["action"] for one in world.passport[AUDIT].find()) == ["create", "create", "delete"]
    assert world.get(first)["data"]["details"] == "as the doctor says"
    world.check()
