"""Hospitals that do not answer: less and less often looked at, until they do."""

from datetime import timedelta

from passport_pipeline.passport.hospitals.state import (
    ACTIVE,
    PAUSED,
    CheckResult,
    change_state,
    record_checks,
    state_of,
)
from passport_pipeline.passport.hospitals.unanswered import not_due, record_unanswered
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline_tests.passport.factory import NOW

WHY = "the server does not answer (error 2003)"


def unanswered(passport):
    return state_of(passport, "central").unanswered


def fail_checks(passport, times=1):
    """The minutes until the next check, after each failed one."""
    waits = []
    for _ in range(times):
        record_unanswered(passport, {"central": WHY}, [])
        waits.append((unanswered(passport).next - unanswered(passport).last) / timedelta(minutes=1))
    return waits


def test_the_minutes_between_two_checks_double_up_to_thirty(passport):
    until_next_tick = 1
    waits = [wait + until_next_tick for wait in fail_checks(passport, 9)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    passport[SOURCE_HOSPITALS].update_one({"_id": "central"}, {"$set": {"unanswered.looks": 1_000_000}})
    assert fail_checks(passport) == [29]


def test_a_hospital_that_does_not_answer_is_checked_in_the_next_tick_and_then_when_it_is_due(passport):
    fail_checks(passport)
    assert not_due(passport) == set()
    fail_checks(passport)
    assert not_due(passport) == {"central"}
    passport[SOURCE_HOSPITALS].update_one({"_id": "central"}, [{"$set": {"unanswered.nextLookAt": "$$NOW"}}])
    assert not_due(passport) == set()


def test_the_description_says_since_when_how_often_and_why(passport):
    fail_checks(passport)
    since = unanswered(passport).since
    fail_checks(passport, 2)
    now = unanswered(passport)
    assert (now.since, now.checks, now.why) == (since, 3, WHY) and now.last >= since
    assert f"since {since:%Y-%m-%d %H:%M} UTC (3 checks in a row" in now.description and WHY in now.description
    assert now.to_json()["looks"] == 3 and state_of(passport, "central").to_json()["unanswered"] == now.to_json()


def test_a_check_that_succeeds_and_a_decision_clear_it(passport):
    for ended in (
        lambda: record_checks(passport, [CheckResult(state_of(passport, "central"), NOW, 0.5)]),
        lambda: change_state(passport, ["central"], "central", PAUSED, "a reason", "anna"),
        lambda: change_state(passport, ["central"], "central", ACTIVE, "a reason", "anna"),
    ):
        fail_checks(passport, 3)
        assert not state_of(passport, "central").answers
        ended()
        assert unanswered(passport) is None and not_due(passport) == set()
    assert fail_checks(passport) == [0]


def test_a_hospital_that_is_only_late_is_checked_in_every_tick(passport):
    record_checks(passport, [CheckResult(state_of(passport, "central"), NOW, 0.5)])
    for _ in range(5):
        record_unanswered(passport, {}, ["central"])
    now = unanswered(passport)
    assert now.checks == 0 and not_due(passport) == set()
    assert now.description.startswith("late since") and not state_of(passport, "central").answers


def test_a_hospital_without_a_document_gets_one(passport):
    fail_checks(passport)
    state = state_of(passport, "central")
    assert state.active and not state.answers and state.since == state.unanswered.since


def test_the_text_of_an_error_is_stored_literally(passport):
    record_unanswered(passport, {"central": "$unanswered.since"}, [])
    assert unanswered(passport).why == "$unanswered.since"
