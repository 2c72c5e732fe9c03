"""How long rows take from the hospital into the passport."""

from datetime import UTC, datetime, timedelta

import pytest

from passport_pipeline.passport.days.state import record_sync, status_of
from passport_pipeline.passport.hospitals.lag import Lag, measure, record_lags
from passport_pipeline.passport.mongo.collections import RECORDS, SYNC
from passport_pipeline_tests.passport.factory import DAY, NOW, record


def at(minutes):
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def loaded(world):
    """loaded(age in seconds, ...) -> records of rows so old, inserted by run-1; since a day ago it is synchronised."""

    def make(*ages):
        now = datetime.now(UTC)
        made = [record(n, world.patients[0]) for n, _ in enumerate(ages, start=1)]
        for one, age in zip(made, ages, strict=True):
            one["openmrsData"]["dateCreated"] = now - timedelta(seconds=age)
            one["source"]["day"] = now.date().isoformat()
        world.passport[RECORDS].insert_many(made)

    record_sync(world.passport, world.account, datetime.now(UTC) - timedelta(days=1))
    return make


def measured(world, day=None, run="run-1"):
    today = day or datetime.now(UTC).date()
    return sorted(measure(world.passport, "central", world.account.hospital_id, [today], run))


def test_the_lag_is_the_time_from_a_rows_creation_to_its_record(world, loaded):
    loaded(10, 70)
    assert measured(world) == pytest.approx([10, 70], abs=5)


def test_a_clock_that_is_ahead_makes_no_lag_negative(world, loaded):
    loaded(-3600)
    assert measured(world) == [0]


def test_backfilled_rows_and_records_of_other_runs_are_not_measured(world, loaded):
    loaded(3 * 86_400, 20)
    assert measured(world) == pytest.approx([20], abs=5)
    assert measured(world, run="run-2") == []
    assert measured(world, DAY) == []


def test_before_the_first_synchronisation_there_is_no_lag(world, loaded):
    loaded(20)
    world.passport[SYNC].delete_many({})
    assert measured(world) == []


def test_the_last_thousand_lags_are_stored_with_median_and_95th_percentile(world, loaded):
    record_lags(world.passport, world.account.hospital_id, [5.0] * 600)
    record_lags(world.passport, world.account.hospital_id, [float(n) for n in range(1, 1001)])
    (kept,) = world.passport[SYNC].find()
    assert len(kept["freshness"]["seconds"]) == 1000
    assert (kept["freshness"]["p50"], kept["freshness"]["p95"], kept["freshness"]["rows"]) == (500.5, 950.0, 1000)
    assert status_of(world.passport, "central").lag == Lag(500.5, 950.0, 1000)


def test_a_run_that_inserted_nothing_leaves_the_lag_alone(world, loaded):
    record_lags(world.passport, world.account.hospital_id, [5.0])
    before = list(world.passport[SYNC].find())
    record_lags(world.passport, world.account.hospital_id, [])
    assert list(world.passport[SYNC].find()) == before
    assert status_of(world.passport, "nowhere").lag is None
