"""Records that both sides changed, and an operator who decides about them."""

from datetime import timedelta

from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.conflicts.queue import ConflictRef
from passport_pipeline.passport.conflicts.resolve import resolve
from passport_pipeline.passport.mongo.collections import CONFLICTS
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, digests_in, record, run_of

LATER = NOW + timedelta(days=1)
BY = "Jane Operator"
THEIRS, OURS = Decision("theirs"), Decision("ours")


def measles(world, patient=0, **changes):
    """What the hospital says of observation 1 after its change."""
    changes = {"data": {"details": "Measles", "name": "DIAGNOSIS, CONFIRMED"}, "crc": 9} | changes
    return record(1, world.patients[patient], **changes)


def ref_of_open(world):
    conflict = world.passport[CONFLICTS].find_one({"state": "open"})
    return ConflictRef(conflict["_id"], conflict["revision"])


def decide(world, decision, *, of=None, by=BY, **options):
    run = run_of(world.passport, world.account, run_id="cli", now=LATER)
    return resolve(run, of or ref_of_open(world), decision, by, **options)


def assert_up_to_date(world, commands, *wanted):
    """The digest is what it was, and the next run has nothing to write."""
    here = [*wanted, record(2, world.patients[1])]
    assert digests_in(world.passport) == {DAY: digest_of(here)}
    world.check()
    commands.names.clear()
    result = world.run(here)
    assert commands.writes == []
    assert (result.agrees, result.conflicts, result.updated) == (True, 0, 0)


def moving_conflict(world):
    """A conflict whose decision moves the record between two arrays; returns what the hospital says."""
    first, second = record(1, world.patients[0]), record(1, world.patients[0], type="visit", crc=9)
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([second])
    return second
