"""Whose turn it is, and what is left of it at the end of a tick."""

import threading
import time
from datetime import UTC, datetime

import pytest

from passport_pipeline.detection import side_by_side as module
from passport_pipeline.detection.side_by_side import LastTurns, Looks, Turns, rotated, side_by_side
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


def test_who_had_no_turn_comes_first():
    assert rotated(["c", "a", "b"], None) == ["a", "b", "c"]
    assert rotated(["c", "a", "b"], "a") == ["b", "c", "a"]
    assert rotated(["c", "a", "b"], "c") == ["a", "b", "c"]


def test_who_answered_last_time_is_kept_apart_from_those_who_did_not_or_were_never_asked():
    states = {
        "a": HospitalState("a", surveyed_at=NOW, unanswered=SILENT),
        "b": HospitalState("b"),
        "c": HospitalState("c", surveyed_at=NOW),
        "d": HospitalState("d", surveyed_at=NOW),
        "e": HospitalState("e", surveyed_at=NOW, unanswered=SILENT),
    }
    turns = Turns.of(states, {"e"}, LastTurns(answering="c", others="a"))
    assert (turns.answering, turns.others) == (["d", "c"], ["b", "a"])


def test_of_those_who_do_not_answer_no_more_are_tried_than_have_a_thread_and_the_rest_comes_first_next_time(
    monkeypatch,
):
    monkeypatch.setattr(module, "OTHERS_AT_ONCE", 3)
    states = {key: HospitalState(key) for key in "abcdefg"}
    last, tried = LastTurns(), []
    for _ in range(3):
        turns = Turns.of(states, set(), last)
        looks = side_by_side(turns, str.upper, until=soon(), at_once=8)
        tried += looks.found
        last = LastTurns.read(turns.last(looks, last).model_dump_json())
    assert set(tried) == set("abcdefg") and len(tried) == 9


def test_a_cursor_of_an_older_version_is_no_cursor():
    assert LastTurns.read("central") == LastTurns.read(None) == LastTurns()


def test_a_slow_and_a_failing_hospital_delay_no_other_and_have_had_their_turn(stuck):
    def look(key):
        if key == "slow":
            stuck(key)
        if key == "dead":
            raise ConnectionError
        return key.upper()

    turns = Turns(["well", "dead", "slow"])
    looks = side_by_side(turns, look, until=soon(0.5), at_once=8)
    assert looks.found == {"well": "WELL"}
    assert list(looks.failed) == ["dead"]
    assert (looks.late, looks.waiting) == (["slow"], [])
    assert turns.last(looks, LastTurns()) == LastTurns(answering="slow")


def test_who_had_no_turn_because_all_before_are_stuck_is_no_later_than_them(stuck):
    turns = Turns(list("abcd"))
    looks = side_by_side(turns, stuck, until=soon(0.3), at_once=2)
    assert (looks.late, looks.waiting) == (["a", "b"], ["c", "d"])
    last = turns.last(looks, LastTurns())
    assert rotated("abcd", last.answering) == list("cdab")


def test_those_who_do_not_answer_take_no_thread_from_those_who_do(stuck):
    turns = Turns(["x", "y"], list("abcd"))
    looks = side_by_side(turns, lambda key: key if key in "xy" else stuck(key), until=soon(2), at_once=1)
    assert looks.found == {"x": "x", "y": "y"}
    assert looks.late == list("abcd")


def test_nobody_has_a_turn_in_a_tick_that_is_over_before_it_begins(stuck):
    turns = Turns(list("abc"))
    looks = side_by_side(turns, stuck, until=soon(-5), at_once=1)
    assert {"b", "c"} <= set(looks.waiting)
    assert Turns([]).last(Looks(), LastTurns(answering="b")) == LastTurns(answering="b")
