"""One run at a time brings a window up to date, and a run that was taken over changes nothing more."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import WindowBusy, WindowTakenOver
from passport_pipeline.passport.days import leases
from passport_pipeline.passport.days.dirty import BY_NAME, LOOK_AGAIN, MOVED
from passport_pipeline.passport.days.leases import confirm, held, lease
from passport_pipeline.passport.days.state import recorded, recorded_version
from passport_pipeline.passport.mongo.collections import DAYS, LEASES, PARKED, RECORDS
from passport_pipeline.passport.parked import parked_rows
from passport_pipeline.passport.reconcile import retraction
from passport_pipeline.passport.reconcile.day import DayReconciler
from passport_pipeline.records.checksums import checksum
from passport_pipeline_tests.passport.factory import DAY, parked, record, run_of

NEXT = DAY + timedelta(days=1)
WINDOW = ("central", DAY.isoformat()[:7])


def expire(passport):
    """What time does to a lease that its run does not renew."""
    passport[LEASES].update_one({}, [{"$set": {"expiresAt": {"$subtract": ["$$NOW", 1]}}}])


def test_a_lease_is_held_inside_and_given_back_after(passport):
    with lease(passport, *WINDOW, "one", 30) as token:
        confirm(passport, *WINDOW, token)
        assert held(passport, "central") == {WINDOW[1]}
        assert held(passport, "elsewhere") == set()
    assert held(passport, "central") == set()


def test_a_lease_is_given_back_when_the_work_fails(passport):
    with pytest.raises(ZeroDivisionError), lease(passport, *WINDOW, "one", 30):
        raise ZeroDivisionError
    assert held(passport, "central") == set()


def test_tokens_grow_also_after_the_leases_were_deleted(passport):
    tokens = []
    for number in range(6):
        with lease(passport, *WINDOW, f"run {number}", 30) as token:
            tokens.append(token)
        if number == 3:
            passport[LEASES].delete_many({})
    assert tokens == sorted(set(tokens))


def test_eight_runs_take_turns(passport):
    inside, most, tokens = 0, 0, []
    counting = threading.Lock()

    def run(number):
        nonlocal inside, most
        with lease(passport, *WINDOW, f"run {number}", 30) as token:
            with counting:
                inside += 1
                most = max(most, inside)
                tokens.append(token)
            time.sleep(0.02)
            with counting:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert most == 1
    assert tokens == sorted(set(tokens)) and len(tokens) == 8


def test_windows_do_not_wait_for_each_other(passport):
    with lease(passport, *WINDOW, "one", 30), lease(passport, "central", "2020-01", "two", 30):
        assert held(passport, "central") == {WINDOW[1], "2020-01"}
    with lease(passport, *WINDOW, "one", 30), lease(passport, "east", WINDOW[1], "two", 30):
        assert held(passport, "east") == {WINDOW[1]}


def test_a_run_that_waited_too_long_for_another_fails_with_a_transient_error(passport, monkeypatch):
    monkeypatch.setattr(leases, "PATIENCE", 0.01)
    with (
        lease(passport, *WINDOW, "one", 30),
        pytest.raises(WindowBusy, match=r"another run \(one\) is bringing") as caught,
        lease(passport, *WINDOW, "two", 30),
    ):
        pass
    assert caught.value.transient


def test_a_lease_that_is_renewed_outlives_its_time(passport):
    with lease(passport, *WINDOW, "one", 1) as token:
        (first,) = passport[LEASES].find()
        deadline = time.monotonic() + 20
        while passport[LEASES].find_one()["expiresAt"] == first["expiresAt"] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert passport[LEASES].find_one()["expiresAt"] > first["expiresAt"]
        assert passport[LEASES].find_one()["token"] == token


def test_a_second_attempt_of_a_run_takes_over_the_lease_of_the_first(passport):
    with lease(passport, *WINDOW, "one", 30) as first, lease(passport, *WINDOW, "one", 30) as second:
        assert second > first
        confirm(passport, *WINDOW, second)
        with pytest.raises(WindowTakenOver):
            confirm(passport, *WINDOW, first)


def test_a_run_that_was_taken_over_neither_renews_nor_gives_back_the_others_lease(passport):
    with lease(passport, *WINDOW, "one", 1):
        expire(passport)
        taken = leases._take(passport, *WINDOW, "two", 30)
        assert taken["holder"] == "two"
        (thread,) = [one for one in threading.enumerate() if one.name == "lease"]
        thread.join(20)
        assert not thread.is_alive()
    assert passport[LEASES].find_one() == taken


def set_ahead(passport, days):
    """What a clock of MongoDB that was so far ahead, and is right again, leaves of a lease."""
    ahead = {"$set": {"expiresAt": {"$add": ["$expiresAt", days * 86_400_000]}}}
    assert passport[LEASES].update_one({}, [ahead]).modified_count == 1


def test_a_lease_that_ends_years_from_now_is_not_waited_for_and_the_message_says_what_frees_the_window(passport):
    leases._take(passport, *WINDOW, "gone", 30)
    set_ahead(passport, days=1_000)
    with (
        pytest.raises(WindowBusy, match=rf"leases release central --month {WINDOW[1]}") as caught,
        lease(passport, *WINDOW, "next", 30),
    ):
        pass
    assert "gone" in str(caught.value) and "clock" in str(caught.value)


def test_a_lease_that_ends_years_from_now_does_not_make_its_window_busy(passport):
    leases._take(passport, *WINDOW, "gone", 30)
    leases._take(passport, "central", "2020-01", "alive", 3_600)
    set_ahead(passport, days=1_000)
    assert held(passport, "central") == {"2020-01"}


HOLDER = """
import sys, time
from passport_pipeline.config.settings import Settings
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.mongo.database import Passport
with Passport.connect(Settings.read()) as passport, lease(passport, *sys.argv[1:3], "killed", 1):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_holder_costs_the_next_run_no_more_than_the_leases_time(passport, shared_settings):
    environment = os.environ | {
        "PASSPORT_MONGO_URI": shared_settings.mongo_uri.get_secret_value(),
        "PASSPORT_MONGO_DATABASE": shared_settings.mongo_database,
    }
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, *WINDOW], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGKILL)
    with lease(passport, *WINDOW, "next", 30):
        assert passport[LEASES].find_one()["holder"] == "next"


# The fence


def test_a_run_that_was_taken_over_is_refused_before_it_writes(world):
    before = [record(1, world.patients[0])]
    with lease(world.passport, *WINDOW, "slow", 30) as old:
        expire(world.passport)
        with lease(world.passport, *WINDOW, "quick", 30) as new:
            world.run([*before, record(2, world.patients[1])], token=new)
        held_by_newer = world.state()
        with pytest.raises(WindowTakenOver) as caught:
            world.run(before, token=old)
    assert not caught.value.transient
    assert world.state() == held_by_newer
    world.check()


def test_a_run_that_was_taken_over_retracts_nothing_when_it_closes_the_day(world):
    with lease(world.passport, *WINDOW, "slow", 30) as old:
        expire(world.passport)
        with lease(world.passport, *WINDOW, "quick", 30) as new:
            world.run([record(1, world.patients[0])], token=new)
        with pytest.raises(WindowTakenOver):
            world.run([], token=old)
    assert world.passport[RECORDS].count_documents({}) == 1
    world.check()


def test_a_run_that_was_taken_over_is_refused_also_where_the_other_had_nothing_to_write(world):
    """The hospital went back to what the passport shows before the slow run came to load what it had read."""
    shown = [record(1, world.patients[0])]
    world.run(shown)
    with lease(world.passport, *WINDOW, "slow", 30) as old:
        expire(world.passport)
        with lease(world.passport, *WINDOW, "quick", 30) as new:
            world.run(shown, token=new)
        with pytest.raises(WindowTakenOver):
            world.run([*shown, record(2, world.patients[1])], token=old)
    assert [one["source"]["rowId"] for one in world.passport[RECORDS].find()] == [1]
    world.check()


def test_the_days_fence_stops_a_run_that_was_suspended_just_after_it_checked_its_lease(world, monkeypatch):
    with lease(world.passport, *WINDOW, "slow", 30) as old:
        looked = leases.confirm

        def suspended_after(*arguments):
            looked(*arguments)
            monkeypatch.setattr(leases, "confirm", looked)
            expire(world.passport)
            with lease(world.passport, *WINDOW, "quick", 30) as new:
                world.run([record(2, world.patients[1])], token=new)

        monkeypatch.setattr(leases, "confirm", suspended_after)
        with pytest.raises(WindowTakenOver):
            world.run([record(1, world.patients[0])], token=old)
    assert [one["source"]["rowId"] for one in world.passport[RECORDS].find()] == [2]
    world.check()


def test_what_a_run_wrote_after_it_was_taken_over_is_removed_by_the_next_run(world, monkeypatch):
    """Suspended between its mark and its write: no fence can see that write, so the day must not pass as in line."""
    from passport_pipeline.passport.mongo import bulk

    insert = bulk.insert
    with lease(world.passport, *WINDOW, "slow", 30) as old:

        def suspended_before(*arguments):
            monkeypatch.setattr(bulk, "insert", insert)
            expire(world.passport)
            with lease(world.passport, *WINDOW, "quick", 30) as new:
                world.run([record(2, world.patients[1])], token=new)
            return insert(*arguments)

        monkeypatch.setattr(bulk, "insert", suspended_before)
        with pytest.raises(WindowTakenOver):
            world.run([record(1, world.patients[0])], token=old)
    assert world.passport[DAYS].find_one()["writers"]
    with lease(world.passport, *WINDOW, "next", 30) as token:
        world.run([record(2, world.patients[1])], token=token)
    assert [one["source"]["rowId"] for one in world.passport[RECORDS].find()] == [2]
    world.check()


def test_a_run_without_a_lease_changes_no_day_that_was_loaded_under_one(world):
    with lease(world.passport, *WINDOW, "one", 30) as token:
        world.run([record(1, world.patients[0])], token=token)
    with pytest.raises(WindowTakenOver):
        world.run([record(2, world.patients[0])])
    world.check()


def test_an_unchanged_day_is_not_written_for_a_newer_token(world, commands):
    with lease(world.passport, *WINDOW, "one", 30) as token:
        world.run([record(1, world.patients[0])], token=token)
    with lease(world.passport, *WINDOW, "two", 30) as token:
        commands.names.clear()
        world.run([record(1, world.patients[0])], token=token)
        assert commands.writes == []


def taken_over_before(monkeypatch, module, name, world, *newer, **others):
    """The slow run is suspended just before it calls this, until a quick one has brought the day into line."""
    called = getattr(module, name)

    def suspended(*arguments):
        monkeypatch.setattr(module, name, called)
        expire(world.passport)
        with lease(world.passport, *WINDOW, "quick", 30) as new:
            world.run(*newer, token=new, **others)
        return called(*arguments)

    monkeypatch.setattr(module, name, suspended)


def test_a_run_that_was_taken_over_does_not_take_out_what_the_newer_run_wrote(world, monkeypatch):
    shown, changed = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=2)
    world.run([shown])
    with lease(world.passport, *WINDOW, "slow", 30) as old:
        taken_over_before(monkeypatch, retraction, "retract", world, [changed])
        with pytest.raises(WindowTakenOver):
            world.run([], [parked(1)], token=old)
    assert world.get(shown)["data"]["details"] == "Measles"
    assert world.arrays(0) == {"medicalHistory": {shown["_id"]}}
    assert not recorded(world.passport, "central")[DAY].up_to_date
    with lease(world.passport, *WINDOW, "next", 30) as token:
        world.run([changed], token=token)
    world.check()


def test_a_parked_row_of_a_newer_run_is_not_cleared_by_the_one_that_it_took_over(world, monkeypatch):
    world.run([], [parked(1)])
    with lease(world.passport, *WINDOW, "slow", 30) as old:
        taken_over_before(monkeypatch, parked_rows, "clear", world, [], [parked(1, "unknown_patient")])
        with pytest.raises(WindowTakenOver):
            world.run([record(1, world.patients[0])], token=old)
    assert [one["reason"] for one in world.passport[PARKED].find()] == ["unknown_patient"]
    assert not recorded(world.passport, "central")[DAY].up_to_date


def test_documents_carry_the_token_that_they_were_written_under_and_no_checksum_of_it(world):
    shown = [record(1, world.patients[0]), record(2, world.patients[1])]
    world.run(shown[:1])
    with lease(world.passport, *WINDOW, "one", 30) as token:
        world.run(shown, [parked(3)], token=token)
    fences = {one["source"]["rowId"]: one["source"].get("fence") for one in world.passport[RECORDS].find()}
    assert fences == {1: None, 2: token}
    assert world.passport[PARKED].find_one()["fence"] == token
    found = world.get(shown[1])
    assert checksum(found) == found["source"]["checksum"]


def test_a_run_that_finds_it_was_taken_over_makes_all_its_days_stale(world, monkeypatch):
    with lease(world.passport, *WINDOW, "slow", 30) as old:
        slow = [
            DayReconciler(run_of(world.passport, world.account, day=day, run_id="slow", token=old), day)
            for day in (DAY, NEXT)
        ]
        for reconciler, day in zip(slow, (DAY, NEXT), strict=True):
            reconciler.apply([record(day.day, world.patients[0], day=day)], [])
        expire(world.passport)
        with lease(world.passport, *WINDOW, "quick", 30) as new:
            world.run([], token=new)
            world.run([], day=NEXT, token=new)
        with pytest.raises(WindowTakenOver):
            slow[0].close(Digest(), {}, "inputs")
    assert [one.up_to_date for one in recorded(world.passport, "central").values()] == [False, False]


def test_a_day_whose_marker_of_another_run_was_cleared_is_stale_again_hours_later(world):
    """That run may have been stopped, and have written once more, and died, before it could see that it was late."""
    shown, days = [record(1, world.patients[0])], world.passport[DAYS]
    world.run(shown)
    assert "lookAgainAt" not in days.find_one()
    days.update_one({}, {"$set": {"writers": {"dead": 1, MOVED: 1}}})
    world.run(shown)
    assert recorded(world.passport, "central")[DAY].up_to_date
    stamp = recorded_version(world.passport, "central")
    assert stamp
    days.update_one(
        {}, [{"$set": {"lookAgainAt": {"$subtract": ["$lookAgainAt", LOOK_AGAIN // timedelta(milliseconds=1)]}}}]
    )
    assert not recorded(world.passport, "central")[DAY].up_to_date
    assert recorded_version(world.passport, "central") is None
    world.run(shown)
    assert recorded(world.passport, "central")[DAY].up_to_date
    assert "lookAgainAt" not in days.find_one()


def test_a_day_with_only_named_markers_is_not_checked_again(world):
    shown, days = [record(1, world.patients[0])], world.passport[DAYS]
    world.run(shown)
    days.update_one({}, {"$set": {"writers": dict.fromkeys(BY_NAME, 1)}})
    world.run(shown)
    assert "lookAgainAt" not in days.find_one()
    world.check()
