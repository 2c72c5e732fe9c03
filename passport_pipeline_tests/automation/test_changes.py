"""What differs, and looking at many hospitals at once."""

import threading
import time
from datetime import date

from passport_pipeline.automation.changes import changes, rotated, side_by_side
from passport_pipeline.digests import Digest

OCTOBER, NOVEMBER = date(2025, 10, 31), date(2025, 11, 1)
EVERY = ("2005-01", "2030-01")


def test_windows_that_agree_are_no_change():
    assert changes({NOVEMBER: Digest(1, 2, 2)}, {NOVEMBER: Digest(1, 2, 2)}, EVERY) == []


def test_a_window_is_named_by_what_its_differing_days_are_now():
    (first,) = changes({NOVEMBER: Digest(1, 2, 2)}, {}, EVERY)
    (same,) = changes({NOVEMBER: Digest(1, 2, 2)}, {NOVEMBER: Digest(1, 7, 7)}, EVERY)
    (other,) = changes({NOVEMBER: Digest(1, 3, 3)}, {}, EVERY)
    assert (first.month, first.days) == ("2025-11", 1)
    assert first.digest == same.digest != other.digest


def test_a_day_that_is_gone_at_the_hospital_is_a_change():
    (change,) = changes({}, {OCTOBER: Digest(1, 2, 2)}, EVERY)
    assert change.month == "2025-10"


def test_days_outside_the_windows_are_left_alone():
    there = {OCTOBER: Digest(1, 2, 2), NOVEMBER: Digest(1, 2, 2)}
    assert [change.month for change in changes(there, {}, ("2025-11", "2025-11"))] == ["2025-11"]


def test_who_had_no_turn_comes_first():
    assert rotated(["c", "a", "b"], None) == ["a", "b", "c"]
    assert rotated(["c", "a", "b"], "a") == ["b", "c", "a"]
    assert rotated(["c", "a", "b"], "c") == ["a", "b", "c"]


def test_a_slow_and_a_failing_hospital_delay_no_other():
    release = threading.Event()

    def look(key):
        if key == "slow":
            release.wait(30)
        if key == "dead":
            raise ConnectionError
        return key.upper()

    started = time.monotonic()
    found, failed, late = side_by_side(["slow", "dead", "well"], look, seconds=0.5)
    release.set()
    assert time.monotonic() - started < 20
    assert found == {"well": "WELL"}
    assert list(failed) == ["dead"]
    assert late == ["slow"]
