"""Which windows of a hospital `sync` has to run, by what is stored: a full survey, lookups and identifiers of now.

What belongs here: the months that hold anything, and what makes one due besides its days. What does not: comparing
(plan), running (runner.sync). Touches no hospital.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from passport_pipeline.config.hospitals import Hospital, first_month_of
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month, month_of
from passport_pipeline.detection.plan import stale_windows
from passport_pipeline.passport.days.state import DayRecord, held_months, recorded, recorded_months
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.parked.retry_policy import due_windows
from passport_pipeline.windows.compare import DayStates, stored_states
from passport_pipeline.windows.survey import stored_survey


def months_of(connections: Connections, hospital: Hospital, first: str | None, last: str | None) -> dict[str, int]:
    """The months of a hospital that hold anything at either end, within its windows and the asked range, oldest first,
    with the live rows that the survey counted in each. Raises PassportError, BatchError.
    """
    settings, survey = connections.settings, stored_survey(hospital, connections.batches)
    live = {} if survey is None else survey.live_by_month()
    in_passport = {
        *recorded_months(connections.passport, hospital.key),
        *held_months(connections.passport, hospital.key),
    }
    months = in_passport | {month for month in live if month >= first_month_of(hospital, settings)}
    return {
        month: live.get(month, 0)
        for month in sorted(months)
        if (first or settings.first_month) <= month <= (last or last_month())
    }


def outstanding(connections: Connections, hospital: Hospital, months: Collection[str], at: datetime) -> set[str]:
    """Those of the months that are not up to date: days whose rows have changed, that a run has left unfinished or with
    rows that it lost count of; days whose records would be made differently now, or whose raw batch is gone; parked
    rows that are due `at` a time; documents of a month that no run has recorded.

    What was changed in the documents by hand does not show here: verification recomputes them. Raises PassportError,
    BatchError.
    """
    passport, batches = connections.passport, connections.batches
    survey, states = stored_survey(hospital, batches), stored_states(hospital, batches, passport)
    if survey is None or states is None or not months:
        return set(months)
    records = recorded(passport, hospital.key)
    due = {month for _, month in due_windows(passport, [hospital.key], at)}
    due |= {month_of(day) for day, record in records.items() if not _adds_up(record)}
    due |= set(months) - {month_of(day) for day in records}
    span = (min(months), max(months))
    diffs = stale_windows(DayStates.of_survey(survey.digests()), records, span, due=due)
    diffs += stale_windows(states, records, span)
    return {diff.month for diff in diffs} & set(months)


def unfinished_months(passport: Passport, hospital_key: str) -> set[str]:
    """The months with days that are unfinished, whatever their rows are. Raises PassportError."""
    days = recorded(passport, hospital_key, counts=False)
    return {month_of(day) for day, record in days.items() if not record.up_to_date}


def _adds_up(day: DayRecord) -> bool:
    return day.digest.live == day.loaded + day.attached + sum(day.parked.values()) + sum(day.skipped.values())
