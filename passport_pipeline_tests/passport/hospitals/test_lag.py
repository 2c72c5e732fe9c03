"""Since when days are behind, how long rows took, who is stale."""

from datetime import UTC, datetime, timedelta

import pytest

from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.days import state as days
from passport_pipeline.passport.days.behind import behind
from passport_pipeline.passport.days.state import DayRecord
from passport_pipeline.passport.hospitals.lag import Lag, measure, record_lags
from passport_pipeline.passport.hospitals.staleness import staleness
from passport_pipeline.passport.hospitals.state import PAUSED, HospitalState
from passport_pipeline.passport.hospitals.unanswered import Unanswered
from passport_pipeline.passport.mongo.collections import RECORDS, SYNC
from passport_pipeline_tests.passport.factory import DAY, NOW, record

ISO = DAY.isoformat()
HOUR = timedelta(hours=1)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def recorded(minutes):
    return {DAY: DayRecord(Digest(1, 2, 2), "made of", recorded_at=at(minutes))}


def test_a_day_is_behind_since_the_first_check_that_found_it_stale():
    since = behind([DAY], {}, {}, at(0))
    assert since == {ISO: at(0)}
    assert behind([DAY], {}, since, at(5)) == {ISO: at(0)}
    assert behind([DAY], recorded(-60), since, at(5)) == {ISO: at(0)}


def test_a_day_that_keeps_getting_rows_is_behind_since_its_last_run():
    since = {}
    for minute in range(100):
        since = behind([DAY], recorded(minute - 0.5), since, at(minute))
        assert since[ISO] >= at(minute - 0.5)


def test_a_day_that_is_brought_up_to_date_does_not_hide_one_that_is_behind():
    other = DAY + timedelta(days=1)
    since = behind([DAY, other], {}, {}, at(0))
    here = {other: DayRecord(Digest(), "made of", recorded_at=at(9))}
    assert min(behind([DAY, other], here, since, at(10)).values()) == at(0)


def test_only_the_days_that_have_been_behind_for_the_longest_are_stored(monkeypatch):
    monkeypatch.setattr("passport_pipeline.passport.days.behind.MOST_DAYS", 2)
    every = [DAY + timedelta(days=n) for n in range(5)]
    before = {day.isoformat(): at(-n) for n, day in enumerate(every)}
    assert list(behind(every, {}, before, at(1)).values()) == [at(-4), at(-3)]


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, "never surveyed"),
        ({"since": at(-1), "unanswered": Unanswered(at(-1), at(-1), 1, at(0), "no answer")}, "never surveyed"),
        ({"since": at(-59)}, None),
        ({"since": at(-61)}, "not surveyed since"),
        ({"since": at(-900), "surveyed_at": at(-61)}, "not surveyed since"),
        ({"since": at(-900), "surveyed_at": at(-2)}, None),
        ({"since": at(-3), "surveyed_at": at(-900)}, None),  # it was paused
        ({"since": at(-900), "surveyed_at": at(-2), "behind_since": at(-59)}, None),
        ({"since": at(-900), "surveyed_at": at(-2), "behind_since": at(-61)}, "behind since"),
    ],
)
def test_a_hospital_is_stale_when_it_was_not_surveyed_or_is_behind_for_too_long(known, why):
    found = staleness([HospitalState("central", **known)], NOW, HOUR)
    assert found.fresh == (() if why else ("central",))
    if why:
        assert found.stale["central"].startswith(why)


def test_a_hospital_that_does_not_take_part_is_never_stale():
    paused = HospitalState("central", PAUSED, at(-900), "anna", "the server moves")
    found = staleness([paused, HospitalState("east", surveyed_at=at(-1))], NOW, HOUR)
    assert (dict(found.stale), found.fresh) == ({}, ("east",))
    assert "by anna (the server moves)" in found.apart["central"]


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

    days.record_sync(world.passport, world.account, datetime.now(UTC) - timedelta(days=1))
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
    assert days.status_of(world.passport, "central").lag == Lag(500.5, 950.0, 1000)


def test_a_run_that_inserted_nothing_leaves_the_lag_alone(world, loaded):
    record_lags(world.passport, world.account.hospital_id, [5.0])
    before = list(world.passport[SYNC].find())
    record_lags(world.passport, world.account.hospital_id, [])
    assert list(world.passport[SYNC].find()) == before
    assert days.status_of(world.passport, "nowhere").lag is None
