"""Since when days are behind."""

from datetime import timedelta

from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.days.behind import behind
from passport_pipeline.passport.days.state import DayRecord
from passport_pipeline_tests.passport.factory import DAY, NOW

ISO = DAY.isoformat()


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
