"""Which windows of a hospital have to be run, by what is kept of it: a full survey, lookups and identifiers of now.

What belongs here: the windows that hold anything, and putting the comparisons together. What does not: comparing
(changes, windows.staleness), running (in_process). Touches no hospital.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from passport_pipeline.config.hospitals import Hospital, first_month_of
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month, month_of
from passport_pipeline.detection.hospital import not_in_line
from passport_pipeline.passport.days.state import DayRecord, held_months, recorded, recorded_months
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.parked.retry_policy import due_windows
from passport_pipeline.windows.compare import stale_windows
from passport_pipeline.windows.survey import stored_survey


def months_of(connections: Connections, hospital: Hospital, first: str | None, last: str | None) -> dict[str, int]:
    """The months of a hospital that hold anything at either end, within its windows and the asked range, oldest first,
    with the live rows that the survey counted in each. Raises PassportError, BatchError.
    """
    settings, survey = connections.settings, stored_survey(hospital, connections.batches)
    live = {} if survey is None else survey.live_by_month()
    known = {*recorded_months(connections.passport, hospital.key), *held_months(connections.passport, hospital.key)}
    months = known | {month for month in live if month >= first_month_of(hospital, settings)}
    return {
        month: live.get(month, 0)
        for month in sorted(months)
        if (first or settings.first_month) <= month <= (last or last_month())
    }


def outstanding(connections: Connections, hospital: Hospital, months: Collection[str], at: datetime) -> set[str]:
    """Those of the months that are not in line: days whose rows have changed, that a run has left unfinished or with
    rows that it lost count of; days whose records would be made differently now, or whose raw batch is gone; parked
    rows that are due `at` a time; documents of a month that no run has recorded.

    What was changed in the documents by hand does not show here: verification recomputes them. Raises PassportError,
    BatchError.
    """
    passport, batches = connections.passport, connections.batches
    survey, stale = stored_survey(hospital, batches), stale_windows(hospital, batches, passport)
    if survey is None or stale is None or not months:
        return set(months)
    here = recorded(passport, hospital.key)
    days = not_in_line(survey.digests(), here, (min(months), max(months)))
    found = {month_of(day) for day in days}
    found |= {window.month for window in stale}
    found |= {month for _, month in due_windows(passport, [hospital.key], at)}
    found |= {month_of(day) for day, record in here.items() if not _adds_up(record)}
    found |= set(months) - {month_of(day) for day in here}
    return found & set(months)


def left_marked(passport: Passport, hospital_key: str) -> set[str]:
    """The months with days that are not in line, whatever their rows are. Raises PassportError."""
    days = recorded(passport, hospital_key, counts=False)
    return {month_of(day) for day, record in days.items() if not record.up_to_date}


def _adds_up(day: DayRecord) -> bool:
    return day.digest.live == day.loaded + day.attached + sum(day.parked.values()) + sum(day.skipped.values())
