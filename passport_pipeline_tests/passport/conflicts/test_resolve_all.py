"""Several conflicts that are decided alike."""

import pytest
from bson import ObjectId

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.conflicts.queue import ConflictRef
from passport_pipeline.passport.conflicts.resolve import Result, operator, resolve_all
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.mongo.collections import CONFLICTS
from passport_pipeline_tests.passport.conflicts.deciding import BY, LATER, OURS
from passport_pipeline_tests.passport.factory import DAY, HOSPITAL, digest_of, digests_in, record


@pytest.fixture
def many(world, shared_settings):
    """Decide several conflicts, else all."""

    def decide_all(chosen=None, **options):
        every = [ConflictRef(one["_id"]) for one in world.passport[CONFLICTS].find().sort("_id", 1)]
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


def test_conflicts_are_decided_alike_and_one_that_cannot_be_stops_no_other(world, many):
    records = [record(n, world.patients[n % 5]) for n in range(6)]
    world.run(records)
    for one in records:
        world.edit(one, details="as the doctor says")
    changed = [record(n, world.patients[n % 5], data={"details": "Measles"}, crc=n + 1) for n in range(6)]
    world.run(changed)
    world.edit(records[3], details="as another doctor says")
    chosen = [ConflictRef(one["_id"]) for one in world.passport[CONFLICTS].find()]
    assert {one.result for one in many(chosen[:2], dry_run=True)} == {Result.WOULD_RESOLVE}
    outcomes = many([*chosen, ConflictRef(ObjectId(b"x" * 12))])
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


def test_conflicts_of_a_window_that_a_run_works_on_are_reported_busy_and_left_alone(world, many, disputed):
    before = world.state()
    with lease(world.passport, "central", "2025-11", "a run", 60):
        assert [one.result for one in many()] == [Result.BUSY]
    assert world.state() == before
    assert [one.result for one in many()] == [Result.RESOLVED]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_decision_needs_the_name_of_the_operator(name):
    with pytest.raises(ConfigurationError, match="who decides"):
        operator(name)
