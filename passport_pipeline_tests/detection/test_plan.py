"""What differs."""

from datetime import date

from passport_pipeline.core.digests import Digest
from passport_pipeline.detection.hospital import changes, not_in_line
from passport_pipeline.passport.days.state import DayRecord

OCTOBER, NOVEMBER = date(2025, 10, 31), date(2025, 11, 1)
EVERY = ("2005-01", "2030-01")
ONE, OTHER = Digest(1, 2, 2), Digest(1, 3, 3)


def recorded(**days):
    """october=(digest, inputs) -> what the passport recorded of that day."""
    named = {"october": OCTOBER, "november": NOVEMBER}
    return {named[day]: DayRecord(*content) for day, content in days.items()}


def windows(there, here, months=EVERY):
    return changes(not_in_line(there, here, months), there, here)


def test_windows_that_agree_are_no_change():
    assert windows({NOVEMBER: ONE}, recorded(november=(ONE, "made of"))) == []


def test_a_window_is_named_by_what_its_days_are_at_both_ends():
    (first,) = windows({NOVEMBER: ONE}, {})
    (again,) = windows({NOVEMBER: ONE, OCTOBER: ONE}, recorded(october=(ONE, "made of")))
    (other,) = windows({NOVEMBER: OTHER}, {})
    (half,) = windows({NOVEMBER: ONE}, recorded(november=(OTHER, "made of")))
    assert (first.month, first.days) == ("2025-11", 1)
    assert first.name == again.name
    assert len({first.name, other.name, half.name}) == 3


def test_a_day_that_is_gone_at_the_hospital_is_a_change():
    (change,) = windows({}, recorded(october=(ONE, "made of")))
    assert change.month == "2025-10"


def test_a_day_that_a_run_left_unfinished_is_a_change_although_its_digest_agrees():
    (change,) = windows({OCTOBER: ONE, NOVEMBER: ONE}, recorded(october=(ONE, ""), november=(ONE, "made of")))
    assert (change.month, change.days) == ("2025-10", 1)


def test_days_outside_the_windows_are_left_alone():
    there, here = {OCTOBER: ONE, NOVEMBER: ONE}, recorded(october=(ONE, ""))
    assert [change.month for change in windows(there, here, ("2025-11", "2025-11"))] == ["2025-11"]
