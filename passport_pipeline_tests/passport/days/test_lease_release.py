"""A window whose lease no run will give back is freed by an operator, and the run that held it changes nothing more."""

from datetime import timedelta

import pytest

from passport_pipeline.core.errors import ConfigurationError, WindowTakenOver
from passport_pipeline.passport.days import leases
from passport_pipeline.passport.days.lease_release import held_leases, release, releases
from passport_pipeline.passport.days.leases import confirm, held, lease
from passport_pipeline.passport.mongo.collections import LEASES, RECORDS
from passport_pipeline_tests.passport.days.test_leases import WINDOW, expire, set_ahead
from passport_pipeline_tests.passport.factory import record


def test_leases_are_listed_with_their_run_since_when_and_until_when(passport):
    with lease(passport, *WINDOW, "one", 30), lease(passport, "east", "2020-01", "two", 30):
        leases._take(passport, "east", "2020-02", "three", 30)
        passport[LEASES].update_one({"window": "2020-02"}, {"$unset": {"takenAt": ""}})
        first, second, third = held_leases(passport)
        assert (first.hospital, first.month, first.holder) == (*WINDOW, "one")
        assert first.expires - first.since == timedelta(seconds=30)
        assert (second.holder, third.holder, third.since) == ("two", "three", None)
        assert [one.holder for one in held_leases(passport, ["east"])] == ["two", "three"]
    assert [one.holder for one in held_leases(passport)] == ["three"]


def test_a_lease_in_the_future_is_released_with_who_and_why_and_the_next_run_gets_the_window(passport):
    taken = leases._take(passport, *WINDOW, "gone", 30)
    set_ahead(passport, days=1_000)
    done = release(passport, *WINDOW, "the clock was $NOW + 3 years", "$anna")
    assert (done.lease.holder, done.by, done.reason) == ("gone", "$anna", "the clock was $NOW + 3 years")
    assert done.lease.expires - taken["expiresAt"] == timedelta(days=1_000)
    assert abs(done.at - passport.now()) < timedelta(minutes=5)
    assert held_leases(passport) == []
    assert held(passport, "central") == set()
    with lease(passport, *WINDOW, "next", 30) as token:
        assert token > taken["token"]
        confirm(passport, *WINDOW, token)
    assert releases(passport) == releases(passport, ["central"]) == [done]
    assert releases(passport, ["east"]) == []


def test_a_run_whose_lease_was_released_changes_nothing_more(world):
    with lease(world.passport, *WINDOW, "slow", 30) as token:
        world.run([record(1, world.patients[0])], token=token)
        release(world.passport, *WINDOW, "it hangs", "anna")
        with pytest.raises(WindowTakenOver, match="leases list"):
            confirm(world.passport, *WINDOW, token)
        with pytest.raises(WindowTakenOver):
            world.run([record(1, world.patients[0]), record(2, world.patients[1])], token=token)
        with lease(world.passport, *WINDOW, "next", 30):
            pass
    assert world.passport[RECORDS].count_documents({}) == 1
    assert held_leases(world.passport) == []
    world.check()


def test_a_lease_of_a_clock_that_was_ahead_is_followed_by_a_higher_token(passport):
    leases._take(passport, *WINDOW, "gone", 30)
    passport[LEASES].update_one({}, [{"$set": {"token": {"$add": ["$token", 10**11]}}}])
    (before,) = passport[LEASES].find()
    release(passport, *WINDOW, "the clock was ahead", "anna")
    assert passport[LEASES].find_one()["token"] == before["token"] + 1


def test_a_lease_that_no_run_holds_is_not_released(passport):
    with pytest.raises(ConfigurationError, match="no run holds"):
        release(passport, *WINDOW, "a reason", "anna")
    leases._take(passport, *WINDOW, "one", 30)
    expire(passport)
    before = list(passport[LEASES].find())
    with pytest.raises(ConfigurationError, match="no run holds"):
        release(passport, *WINDOW, "a reason", "anna")
    assert list(passport[LEASES].find()) == before


@pytest.mark.parametrize(("reason", "by"), [(" ", "anna"), ("a reason", " ")])
def test_a_release_without_a_reason_or_a_name_is_refused(passport, reason, by):
    leases._take(passport, *WINDOW, "one", 30)
    with pytest.raises(ConfigurationError, match="say why"):
        release(passport, *WINDOW, reason, by)
    assert len(held_leases(passport)) == 1


def test_every_release_of_a_window_is_stored(passport):
    for number in range(3):
        leases._take(passport, *WINDOW, f"run {number}", 30)
        release(passport, *WINDOW, f"reason {number}", "anna")
    assert [one.reason for one in releases(passport)] == ["reason 2", "reason 1", "reason 0"]
