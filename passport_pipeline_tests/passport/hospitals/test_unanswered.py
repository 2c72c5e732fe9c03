"""Hospitals that do not answer: less and less often looked at, until they do."""

from datetime import timedelta

from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, Look, change_state, note_looks, state_of
from passport_pipeline.passport.hospitals.unanswered import note_unanswered, resting
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline_tests.passport.factory import NOW

WHY = "the server does not answer (error 2003)"


def unanswered(passport):
    return state_of(passport, "central").unanswered


def in_vain(passport, times=1):
    """The minutes until the next look, after each."""
    waits = []
    for _ in range(times):
        note_unanswered(passport, {"central": WHY}, [])
        waits.append((unanswered(passport).next - unanswered(passport).last) / timedelta(minutes=1))
    return waits


def test_the_minutes_between_two_looks_double_and_are_no_more_than_thirty(passport):
    until_next_tick = 1
    waits = [wait + until_next_tick for wait in in_vain(passport, 9)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    passport[SOURCE_HOSPITALS].update_one({"_id": "central"}, {"$set": {"unanswered.looks": 1_000_000}})
    assert in_vain(passport) == [29]


def test_who_does_not_answer_is_looked_at_in_the_next_tick_and_then_rests_until_it_is_due(passport):
    in_vain(passport)
    assert resting(passport) == set()
    in_vain(passport)
    assert resting(passport) == {"central"}
    passport[SOURCE_HOSPITALS].update_one({"_id": "central"}, [{"$set": {"unanswered.nextLookAt": "$$NOW"}}])
    assert resting(passport) == set()


def test_it_is_told_since_when_how_often_and_why(passport):
    in_vain(passport)
    since = unanswered(passport).since
    in_vain(passport, 2)
    now = unanswered(passport)
    assert (now.since, now.looks, now.why) == (since, 3, WHY) and now.last >= since
    assert f"since {since:%Y-%m-%d %H:%M} UTC (3 looks in a row" in now.told and WHY in now.told
    assert now.to_json()["looks"] == 3 and state_of(passport, "central").to_json()["unanswered"] == now.to_json()


def test_a_look_that_comes_to_its_end_and_a_decision_take_it_away(passport):
    for ended in (
        lambda: note_looks(passport, [Look(state_of(passport, "central"), NOW, 0.5)]),
        lambda: change_state(passport, ["central"], "central", PAUSED, "a reason", "anna"),
        lambda: change_state(passport, ["central"], "central", ACTIVE, "a reason", "anna"),
    ):
        in_vain(passport, 3)
        assert not state_of(passport, "central").answers
        ended()
        assert unanswered(passport) is None and resting(passport) == set()
    assert in_vain(passport) == [0]


def test_a_hospital_that_is_late_is_slow_and_never_rests(passport):
    note_looks(passport, [Look(state_of(passport, "central"), NOW, 0.5)])
    for _ in range(5):
        note_unanswered(passport, {}, ["central"])
    now = unanswered(passport)
    assert now.looks == 0 and resting(passport) == set()
    assert now.told.startswith("late since") and not state_of(passport, "central").answers


def test_a_hospital_that_was_never_seen_has_a_state_from_then_on(passport):
    in_vain(passport)
    state = state_of(passport, "central")
    assert state.active and not state.answers and state.since == state.unanswered.since


def test_nothing_is_made_of_what_an_error_says(passport):
    note_unanswered(passport, {"central": "$unanswered.since"}, [])
    assert unanswered(passport).why == "$unanswered.since"
