"""Attempts at parked rows: counted once, ever further apart, and not for ever."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from bson import ObjectId

from passport_pipeline.passport.mongo.collections import AUDIT, PARKED, PATIENTS, RECORDS
from passport_pipeline.passport.mongo.contract import COLLECTIONS
from passport_pipeline.passport.parked import parked_rows
from passport_pipeline.passport.parked.retry_policy import Retries
from passport_pipeline.passport.reconcile.day import DayReconciler
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, record, run_of
from passport_pipeline_tests.passport.factory import parked as parked_row

HOUR = timedelta(hours=1)
FAULT = {"testStatus": "Fine"}  # the validator of medicalrecords knows no such status


def row(world):
    return world.passport[PARKED].find_one()


def tell(world, *names):
    found = row(world)
    return tuple(found.get(name) for name in names)


def run(world, records, now, *, cap=8, parked_rows=()):
    """One run of the day by other retries than the default's."""
    reconciler = DayReconciler(run_of(world.passport, world.account, now=now, retries=Retries(HOUR, cap)), DAY)
    reconciler.apply([dict(one) for one in records], [dict(one) for one in parked_rows])
    return reconciler.close(digest_of(records, parked_rows), {}, "inputs")


@pytest.fixture
def lenient(world):
    """The validator of medicalrecords, mended by an operator; put back after the test."""

    def mend():
        world.passport.db.command("collMod", RECORDS, validationLevel="off")

    yield mend
    validator = next(one.validator for one in COLLECTIONS if one.name == RECORDS)
    world.passport.db.command("collMod", RECORDS, validator=validator, validationLevel="strict")


def test_a_refused_record_is_due_after_an_hour_and_left_alone_until_then(world, commands):
    broken = record(1, world.patients[0], data=FAULT)
    world.run([broken])
    assert tell(world, "attempts", "tries", "nextAttempt") == (1, 1, NOW + HOUR)
    commands.names.clear()
    world.run([broken], now=NOW + HOUR - timedelta(seconds=1))
    assert commands.writes == []
    world.run([broken], now=NOW + HOUR)
    assert tell(world, "attempts", "nextAttempt", "firstSeen", "lastSeen") == (2, NOW + 3 * HOUR, NOW, NOW + HOUR)
    world.check()


def test_after_every_attempt_the_wait_doubles_to_a_week_at_most(world):
    waits, now = [], NOW
    broken = record(1, world.patients[0], data=FAULT)
    for _ in range(10):
        run(world, [broken], now, cap=100)
        following = row(world)["nextAttempt"]
        waits.append((following - now) / HOUR)
        now = following
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 168, 168]


def exhausted(world, records, cap=3):
    """Run the day until the parked row is exhausted; the last result, and when that was."""
    now = NOW
    for _ in range(cap):
        result = run(world, records, now, cap=cap)
        now = row(world).get("nextAttempt", now)
    return result, now


def test_at_the_cap_a_row_is_exhausted_once_and_tried_no_more(world, commands):
    broken = [record(n, world.patients[0], data=FAULT) for n in (1, 2)]
    result, now = exhausted(world, broken)
    assert result.exhausted == {"invalid_document": 2}
    assert tell(world, "state", "attempts", "nextAttempt") == ("exhausted", 3, None)
    assert [(one["state"], one["at"]) for one in row(world)["stateHistory"]] == [("parked", NOW), ("exhausted", now)]
    commands.names.clear()
    assert run(world, broken, now + timedelta(days=400), cap=3).exhausted == {}
    assert commands.writes == []
    world.check()


def test_a_change_of_its_source_puts_an_exhausted_row_back_to_parked(world):
    _, now = exhausted(world, [record(1, world.patients[0], data=FAULT)])
    run(world, [record(1, world.patients[0], data={"testStatus": "Poor"}, crc=5)], now + HOUR)
    assert tell(world, "state", "attempts", "tries", "nextAttempt") == ("parked", 4, 1, now + 2 * HOUR)
    assert [one["state"] for one in row(world)["stateHistory"]] == ["parked", "exhausted", "parked"]
    world.check()


def test_a_changed_contract_puts_an_exhausted_row_back_to_parked(world, monkeypatch):
    broken = record(1, world.patients[0], data=FAULT)
    _, now = exhausted(world, [broken])
    monkeypatch.setattr("passport_pipeline.passport.parked.parked_rows.CONTRACT_VERSION", 99)
    run(world, [broken], now + HOUR)
    assert tell(world, "state", "attempts", "tries") == ("parked", 4, 1)


def test_one_invalid_document_of_a_thousand_is_stored_once_its_cause_is_mended(world, lenient):
    records = [record(10 * n, world.patients[n % 5]) for n in range(1, 1000)]
    broken = record(99_990, world.patients[0], type="test", data=FAULT, row_count=2)
    first = world.run([*records, broken])
    assert (first.loaded, first.parked, first.agrees) == (999, {"invalid_document": 2}, True)
    lenient()
    assert world.run([*records, broken], now=NOW + HOUR / 2).parked == {"invalid_document": 2}
    result = world.run([*records, broken], now=NOW + HOUR)
    assert (result.inserted, result.loaded, result.parked, result.agrees) == (1, 1000, {}, True)
    assert row(world) is None
    assert world.arrays(0)["testResults"] == {broken["_id"]}
    assert world.passport[AUDIT].count_documents({"targetId": broken["_id"]}) == 1
    assert world.run([*records, broken], now=NOW + 2 * HOUR).unchanged == 1000
    world.check()


def test_a_record_whose_patient_was_deleted_is_stored_once_the_patient_is_back(world):
    deleted = world.passport[PATIENTS].find_one_and_delete({"_id": ObjectId(world.patients[1])})
    one = record(1, world.patients[1])
    assert world.run([one]).parked == {"deleted_patient": 1}
    assert tell(world, "nextAttempt") == (NOW + HOUR,)
    assert world.run([one], now=NOW + HOUR).parked == {"deleted_patient": 1}
    assert tell(world, "attempts", "nextAttempt") == (2, NOW + 3 * HOUR)
    world.passport[PATIENTS].insert_one(deleted)
    assert world.run([one], now=NOW + 3 * HOUR).parked == {}
    assert row(world) is None
    world.check()


@pytest.mark.parametrize("reason", ["no_national_id", "unknown_patient", "invalid_value", "unknown_concept"])
def test_a_row_that_waits_for_something_else_is_not_tried_by_time(world, commands, reason):
    world.run([], [parked_row(1, reason)])
    assert tell(world, "nextAttempt", "tries") == (None, None)
    commands.names.clear()
    world.run([], [parked_row(1, reason)], now=NOW + timedelta(days=400))
    assert commands.writes == []


def test_a_row_that_now_waits_for_something_else_is_no_longer_due(world):
    world.passport[PATIENTS].delete_one({"_id": ObjectId(world.patients[1])})
    world.run([record(1, world.patients[1])])
    world.run([], [parked_row(1, "unknown_patient")], now=NOW + HOUR)
    assert tell(world, "reason", "attempts", "nextAttempt", "tries") == ("unknown_patient", 2, None, None)


def test_eight_runs_at_once_count_an_attempt_once(world):
    broken = [record(n, world.patients[0], data=FAULT) for n in range(40)]
    world.run(broken)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: run(world, broken, NOW + HOUR, cap=2), range(8)))
    assert sum(result.exhausted.get("invalid_document", 0) for result in results) == 40
    for one in world.passport[PARKED].find():
        assert (one["attempts"], [entry["state"] for entry in one["stateHistory"]]) == (2, ["parked", "exhausted"])
    world.check()


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_attempt_of_a_run_that_died_is_counted_once_by_the_next(world, monkeypatch, when):
    broken = [record(n, world.patients[0], data=FAULT) for n in (1, 2)]
    world.run(broken)
    store = parked_rows.store

    def dying(*arguments):
        if when == "after":
            store(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(parked_rows, "store", dying)
        with pytest.raises(KeyboardInterrupt):
            world.run(broken, now=NOW + HOUR)
    world.run(broken, now=NOW + HOUR + timedelta(seconds=1))
    assert {one["attempts"] for one in world.passport[PARKED].find()} == {2}
    world.check()


def test_a_parked_row_holds_no_data_of_its_patient(world):
    world.run([record(1, world.patients[0], data={"testStatus": "Herbalist Wormwood"})])
    told = str(row(world))
    assert "Wormwood" not in told
    assert "Jane" not in told
    assert isinstance(row(world)["nextAttempt"], datetime)
