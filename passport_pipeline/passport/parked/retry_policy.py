"""When a parked row is tried again: by time, or when what it waits for has changed.

What belongs here: what the rows of each reason wait for, how long, and which days and windows hold rows that are due.
What does not: parking rows (parked_rows), replays by operators (replay), starting runs (orchestration.sensors).

A row that is tried by time has `nextAttempt`. Every attempt that fails doubles the wait; after the last one the row
is `exhausted`: only its source, what records are made of, or an operator brings it back. `attempts` counts all
attempts, `tries` those since one of these three happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from passport_pipeline.config.settings import Settings
from passport_pipeline.identity import matching
from passport_pipeline.passport.mongo.collections import PARKED
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.states import PARKED_ROW
from passport_pipeline.sources import drafts
from passport_pipeline.sources.drafts import NOT_MATCHED, UNBUILDABLE

INVALID_DOCUMENT = "invalid_document"
DELETED_PATIENT = "deleted_patient"
DELETED_RECORD = "deleted_in_application"


class WaitsFor(StrEnum):
    """What has to happen, or change, before another attempt at a parked row can succeed."""

    TIME = "time"  # it may succeed although nothing that the pipeline can detect has changed
    IDENTITY = "identity"  # the person's identifiers at the hospital, or the passport's patients
    SOURCE = "source"  # the row, the dictionary or the rules
    DECISION = "decision"  # an operator's, on the conflict over the record


WAITS_FOR: Mapping[str, WaitsFor] = {
    INVALID_DOCUMENT: WaitsFor.TIME,
    DELETED_PATIENT: WaitsFor.TIME,
    NOT_MATCHED: WaitsFor.TIME,
    **dict.fromkeys(matching.REASONS, WaitsFor.IDENTITY),
    **dict.fromkeys(drafts.REASONS, WaitsFor.SOURCE),
    UNBUILDABLE: WaitsFor.SOURCE,
    DELETED_RECORD: WaitsFor.DECISION,
}
BY_TIME = tuple(reason for reason, what in WAITS_FOR.items() if what is WaitsFor.TIME)

_, EXHAUSTED = PARKED_ROW.names
LONGEST = timedelta(weeks=1)
DOUBLINGS = 20  # from a minute to more than LONGEST


@dataclass(frozen=True)
class Retries:
    """How rows are tried again by time: the first wait, and how many attempts there are before one is exhausted."""

    delay: timedelta = timedelta(hours=1)
    cap: int = 8

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As PASSPORT_RETRY_DELAY and PASSPORT_RETRY_CAP say."""
        return cls(timedelta(minutes=settings.retry_delay), settings.retry_cap)

    def schedule(self, reason: str, tries: int, now: datetime) -> Document:
        """The fields `tries` and `nextAttempt` of a row whose attempt number `tries` has just failed.

        Nothing for a reason that waits for something else than time; no `nextAttempt` after the last attempt.
        """
        if WAITS_FOR.get(reason) is not WaitsFor.TIME:
            return {}
        if tries >= self.cap:
            return {"tries": tries}
        return {"tries": tries, "nextAttempt": now + min(self.delay * 2 ** min(tries - 1, DOUBLINGS), LONGEST)}


def due(parked: Mapping[str, Any], now: datetime) -> bool:
    """Whether it is time for another attempt at this row."""
    return "nextAttempt" in parked and bool(parked["nextAttempt"] <= now)


@answering("looking for parked rows that are due")
def due_days(passport: Passport, hospital_key: str, month: str, now: datetime) -> set[date]:
    """The days of a window that hold rows that are due. Raises PassportError."""
    rows = {"hospital": hospital_key, "window": month, "nextAttempt": {"$lte": now}}
    return {date.fromisoformat(day) for day in passport[PARKED].distinct("day", rows)}


@answering("counting exhausted rows")
def exhausted_rows(passport: Passport, hospital_key: str) -> int:
    """How many source rows of a hospital are parked and exhausted. Raises PassportError."""
    # No other reason is ever exhausted; with the reasons named, the index on them serves.
    rows = {"hospital": hospital_key, "reason": {"$in": list(BY_TIME)}, "state": EXHAUSTED}
    size = {"$group": {"_id": None, "rows": {"$sum": {"$size": "$rows"}}}}
    return sum(int(group["rows"]) for group in passport[PARKED].aggregate([{"$match": rows}, size]))


@answering("looking for parked rows that are due")
def due_windows(passport: Passport, hospital_keys: Sequence[str], now: datetime) -> dict[tuple[str, str], datetime]:
    """The windows (hospital, month) of these hospitals that hold rows that are due, in order, and since when the
    latest of these is; answered by an index. Raises PassportError.
    """
    rows = {"hospital": {"$in": list(hospital_keys)}, "nextAttempt": {"$lte": now}}
    by_window = {"_id": {"hospital": "$hospital", "window": "$window"}, "since": {"$max": "$nextAttempt"}}
    groups = passport[PARKED].aggregate([{"$match": rows}, {"$group": by_window}])
    since = {(group["_id"]["hospital"], group["_id"]["window"]): group["since"] for group in groups}
    return {window: since[window] for window in sorted(since)}
