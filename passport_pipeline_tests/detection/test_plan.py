"""Which windows have to be run, by what days are to be and what was recorded of them."""

from datetime import UTC, date, datetime

from passport_pipeline.core.digests import Digest
from passport_pipeline.detection.plan import stale_windows
from passport_pipeline.passport.days.state import DayRecord
from passport_pipeline.windows.compare import DayState, DayStates, Reason

OCTOBER, NOVEMBER = date(2025, 10, 31), date(2025, 11, 1)
EVERY = ("2005-01", "2030-01")
ONE, OTHER = Digest(1, 2, 2), Digest(1, 3, 3)


def recorded(**days):
    """october=(digest, inputs) -> what the passport recorded of that day."""
    named = {"october": OCTOBER, "november": NOVEMBER}
    return {named[day]: DayRecord(*content) for day, content in days.items()}


def windows(digests, records, months=EVERY):
    return stale_windows(DayStates.of_survey(digests), records, months)


def by_inputs(days, records, **options):
    """By raw batches: the inputs of each day, all with the same rows."""
    wanted = DayStates({day: DayState(ONE, inputs) for day, inputs in days.items()}, DayState(Digest(), "none"))
    return stale_windows(wanted, records, EVERY, **options)


def test_windows_that_agree_are_not_stale():
    assert windows({NOVEMBER: ONE}, recorded(november=(ONE, "made of"))) == []


def test_a_window_has_a_key_of_what_its_days_are_at_both_ends():
    (first,) = windows({NOVEMBER: ONE}, {})
    (again,) = windows({NOVEMBER: ONE, OCTOBER: ONE}, recorded(october=(ONE, "made of")))
    (other,) = windows({NOVEMBER: OTHER}, {})
    (half,) = windows({NOVEMBER: ONE}, recorded(november=(OTHER, "made of")))
    assert (first.month, first.days, first.reasons) == ("2025-11", (NOVEMBER,), {Reason.ROWS})
    assert first.key == again.key
    assert len({first.key, other.key, half.key}) == 3


def test_a_day_that_is_gone_at_the_hospital_is_stale():
    (diff,) = windows({}, recorded(october=(ONE, "made of")))
    assert diff.month == "2025-10"


def test_a_day_that_a_run_left_unfinished_is_stale_although_its_digest_agrees():
    (diff,) = windows({OCTOBER: ONE, NOVEMBER: ONE}, recorded(october=(ONE, ""), november=(ONE, "made of")))
    assert (diff.month, diff.days, diff.reasons) == ("2025-10", (OCTOBER,), {Reason.UNFINISHED})


def test_days_outside_the_windows_are_left_alone():
    digests, records = {OCTOBER: ONE, NOVEMBER: ONE}, recorded(october=(ONE, ""))
    assert [diff.month for diff in windows(digests, records, ("2025-11", "2025-11"))] == ["2025-11"]


def test_a_day_without_rows_that_was_never_recorded_is_stale_only_by_its_raw_batch():
    assert windows({OCTOBER: Digest()}, {}) == []
    wanted = DayStates({OCTOBER: DayState(Digest(), "made of")}, DayState(Digest(), "none"))
    assert [diff.month for diff in stale_windows(wanted, {}, EVERY)] == ["2025-10"]


def test_a_day_whose_records_would_be_made_of_something_else_is_stale():
    records = recorded(october=(ONE, "made of"), november=(ONE, "made of"))
    (diff,) = by_inputs({OCTOBER: "made of", NOVEMBER: "other"}, records)
    assert (diff.month, diff.days, diff.reasons) == ("2025-11", (NOVEMBER,), {Reason.DEPENDENCIES})


def test_unfinished_days_do_not_count_where_they_are_ignored():
    records = recorded(october=(ONE, ""), november=(ONE, ""))
    assert by_inputs({OCTOBER: "made of", NOVEMBER: "other"}, records, ignoring={Reason.UNFINISHED}) == []


def test_a_day_that_is_recorded_anew_and_stale_again_gives_another_key():
    first = {OCTOBER: DayRecord(ONE, "other", recorded_at=datetime(2025, 11, 1, tzinfo=UTC))}
    again = {OCTOBER: DayRecord(ONE, "other", recorded_at=datetime(2025, 11, 2, tzinfo=UTC))}
    assert by_inputs({OCTOBER: "made of"}, first)[0].key != by_inputs({OCTOBER: "made of"}, again)[0].key


def test_a_window_that_is_due_is_run_whatever_its_days_are():
    records = recorded(october=(ONE, "made of"))
    (diff,) = by_inputs({OCTOBER: "made of"}, records, due={"2025-11"})
    assert (diff.month, diff.days, diff.reasons) == ("2025-11", (), {Reason.DUE})
