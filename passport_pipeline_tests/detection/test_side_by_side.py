"""Which hospitals have a turn in a tick, and what is left of it at its end."""

import threading
import time
from datetime import UTC, datetime

import pytest

from passport_pipeline.detection import side_by_side as module
from passport_pipeline.detection.side_by_side import Checks, LastTurns, Turns, rotated, side_by_side
from passport_pipeline.passport.hospitals.state import HospitalState
from passport_pipeline.passport.hospitals.unanswered import Unanswered

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SILENT = Unanswered(NOW, NOW, 3, NOW, "no answer")


def soon(seconds=60.0):
    return time.monotonic() + seconds


@pytest.fixture
def stuck():
    """stuck(key) does not come to its end before the test does."""
    release = threading.Event()
    yield lambda _: release.wait(60)
    release.set()


def test_those_that_had_no_turn_come_first():
    assert rotated(["c", "a", "b"], None) == ["a", "b", "c"]
    assert rotated(["c", "a", "b"], "a") == ["b", "c", "a"]
    assert rotated(["c", "a", "b"], "c") == ["a", "b", "c"]


def test_those_that_answered_last_time_have_turns_apart_from_those_that_did_not_or_were_never_asked():
    states = {
        "a": HospitalState("a", surveyed_at=NOW, unanswered=SILENT),
        "b": HospitalState("b"),
        "c": HospitalState("c", surveyed_at=NOW),
        "d": HospitalState("d", surveyed_at=NOW),
        "e": HospitalState("e", surveyed_at=NOW, unanswered=SILENT),
    }
    turns = Turns.of(states, {"e"}, LastTurns(answering="c", others="a"))
    assert (turns.answering, turns.others) == (["d", "c"], ["b", "a"])


def test_of_those_that_do_not_answer_no_more_are_tried_than_have_a_thread_and_the_rest_comes_first_next_time(
    monkeypatch,
):
    monkeypatch.setattr(module, "OTHERS_AT_ONCE", 3)
    states = {key: HospitalState(key) for key in "abcdefg"}
    last, tried = LastTurns(), []
    for _ in range(3):
        turns = Turns.of(states, set(), last)
        checks = side_by_side(turns, str.upper, until=soon(), at_once=8)
        tried += checks.results
        last = LastTurns.read(turns.last(checks, last).model_dump_json())
    assert set(tried) == set("abcdefg") and len(tried) == 9


def test_a_cursor_of_another_version_is_empty():
    assert LastTurns.read("central") == LastTurns.read('{"seen": {}}') == LastTurns.read(None) == LastTurns()


def test_a_slow_and_a_failing_hospital_delay_no_other_and_have_had_their_turn(stuck):
    def check(key):
        if key == "slow":
            stuck(key)
        if key == "dead":
            raise ConnectionError
        return key.upper()

    turns = Turns(["well", "dead", "slow"])
    checks = side_by_side(turns, check, until=soon(0.5), at_once=8)
    assert checks.results == {"well": "WELL"}
    assert list(checks.failed) == ["dead"]
    assert (checks.late, checks.waiting) == (["slow"], [])
    assert turns.last(checks, LastTurns()) == LastTurns(answering="slow")


def test_those_that_had_no_turn_because_all_before_are_stuck_come_before_them(stuck):
    turns = Turns(list("abcd"))
    checks = side_by_side(turns, stuck, until=soon(0.3), at_once=2)
    assert (checks.late, checks.waiting) == (["a", "b"], ["c", "d"])
    last = turns.last(checks, LastTurns())
    assert rotated("abcd", last.answering) == list("cdab")


def test_those_that_do_not_answer_take_no_thread_from_those_that_do(stuck):
    turns = Turns(["x", "y"], list("abcd"))
    checks = side_by_side(turns, lambda key: key if key in "xy" else stuck(key), until=soon(2), at_once=1)
    assert checks.results == {"x": "x", "y": "y"}
    assert checks.late == list("abcd")


def test_no_hospital_has_a_turn_in_a_tick_that_is_over_before_it_begins(stuck):
    turns = Turns(list("abc"))
    checks = side_by_side(turns, stuck, until=soon(-5), at_once=1)
    assert {"b", "c"} <= set(checks.waiting)
    assert Turns([]).last(Checks(), LastTurns(answering="b")) == LastTurns(answering="b")
