"""Frames' documents, cut into parts of days and written several days at once."""

import threading
from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest

from passport_pipeline.core.digests import Digest
from passport_pipeline.records.documents import Documents
from passport_pipeline.windows.day_writer import DayPart, day_parts, write_days

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2025, 11, day) for day in range(3, 7))
DAYS = [MONDAY, TUESDAY, WEDNESDAY, THURSDAY]


def frame(*days, parked=(), skipped=(), allergies=()):
    return Documents(
        records=[{"source": {"day": day.isoformat()}} for day in days],
        parked=[{"day": day.isoformat()} for day in parked],
        skipped=pd.DataFrame(
            {
                "day": pd.Series([pd.Timestamp(day) for day in skipped], dtype="datetime64[s]"),
                "reason": pd.Series(["empty_group"] * len(skipped), dtype="str"),
                "row_crc": pd.Series([7] * len(skipped), dtype="int64"),
            }
        ),
        outcomes=pd.DataFrame(),
        allergies=[{"day": day.isoformat()} for day in allergies],
    )


def cut(days, *frames):
    """(day, records of the part or None, whether the day ends)"""
    return [(day, part and len(part.records), is_last) for day, part, is_last in day_parts(days, frames)]


def test_a_day_ends_where_the_next_day_of_its_frame_begins():
    assert cut([MONDAY, TUESDAY], frame(MONDAY, MONDAY, TUESDAY)) == [
        (MONDAY, 2, True),
        (TUESDAY, 1, False),
        (TUESDAY, None, True),
    ]


def test_a_day_that_continues_in_the_next_frame_comes_in_parts():
    assert cut([MONDAY, TUESDAY], frame(MONDAY), frame(MONDAY), frame(MONDAY, TUESDAY)) == [
        (MONDAY, 1, False),
        (MONDAY, 1, False),
        (MONDAY, 1, True),
        (TUESDAY, 1, False),
        (TUESDAY, None, True),
    ]


def test_days_without_rows_end_in_their_order():
    assert cut(DAYS, frame(TUESDAY)) == [
        (MONDAY, None, True),
        (TUESDAY, 1, False),
        (TUESDAY, None, True),
        (WEDNESDAY, None, True),
        (THURSDAY, None, True),
    ]
    assert cut([MONDAY]) == [(MONDAY, None, True)]
    assert cut([]) == []


def test_a_part_has_the_records_parked_rows_skipped_rows_and_allergies_of_its_day():
    parts = day_parts(DAYS, [frame(MONDAY, parked=[TUESDAY], skipped=[WEDNESDAY] * 2, allergies=[TUESDAY])])
    assert [(day, part) for day, part, _ in parts if part] == [
        (MONDAY, DayPart(records=[{"source": {"day": "2025-11-03"}}])),
        (TUESDAY, DayPart(parked=[{"day": "2025-11-04"}], allergies=[{"day": "2025-11-04"}])),
        (WEDNESDAY, DayPart(skipped={"empty_group": Digest.of([7, 7])})),
    ]


class Reconciler:
    """Records its calls, in their order."""

    def __init__(self, day, done):
        self.day, self.done = day, done

    def apply(self, records, parked, stated_allergies):
        if parked:
            raise ZeroDivisionError
        self.done.append((self.day, len(records) + len(stated_allergies)))

    def close(self, digest, skipped, fingerprint):
        self.done.append((self.day, fingerprint, dict(skipped)))
        return self.day


STATES = {day: SimpleNamespace(digest=Digest(), fingerprint="fingerprint") for day in DAYS}


@pytest.mark.parametrize("threads", [1, 4])
def test_every_day_is_written_part_by_part_then_closed_and_results_come_in_order(threads):
    done = []
    parts = day_parts(DAYS, [frame(MONDAY, TUESDAY), frame(TUESDAY, TUESDAY), frame(THURSDAY, skipped=[TUESDAY])])
    assert list(write_days(parts, lambda day: Reconciler(day, done), STATES, threads)) == DAYS
    skipped = {"empty_group": Digest.of([7])}
    assert [step for step in done if step[0] == TUESDAY] == [
        (TUESDAY, 1),
        (TUESDAY, 2),
        (TUESDAY, 0),
        (TUESDAY, "fingerprint", skipped),
    ]
    assert [step for step in done if step[0] == WEDNESDAY] == [(WEDNESDAY, "fingerprint", {})]


def test_frames_are_made_while_earlier_days_are_written():
    made, writing = [], threading.Event()

    class Waiting(Reconciler):
        def apply(self, records, parked, stated_allergies):
            assert writing.wait(10)
            super().apply(records, parked, stated_allergies)

    def frames():
        for day in DAYS:
            made.append(day)
            if day == WEDNESDAY:
                writing.set()
            yield frame(day)

    list(write_days(day_parts(DAYS, frames()), lambda day: Waiting(day, []), STATES, 2))
    assert made == DAYS


def test_an_error_in_writing_a_day_is_raised_and_leaves_no_thread_running():
    parts = day_parts(DAYS, [frame(TUESDAY, parked=[MONDAY]), frame(WEDNESDAY)])
    with pytest.raises(ZeroDivisionError):
        list(write_days(parts, lambda day: Reconciler(day, []), STATES, 2))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("writer")]
