"""Parked rows as operators list them, and replays: operators have some of them tried again.

What belongs here: choosing parked rows, counting and listing them, marking them as due, and what became of those. What
does not: trying them (windows.load), when they are tried without an operator (retry_policy).

A record in this module is what one document of parkedrows would be in a passport; it has one or more source rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from bson import ObjectId

from passport_pipeline.config.settings import month
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.mongo.collections import PARKED
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.states import PARKED_ROW
from passport_pipeline.passport.parked.retry_policy import WAITS_FOR

PARKED_STATE = PARKED_ROW.leading_on[0]


@dataclass(frozen=True)
class Selection:
    """Which parked rows: those that match every field that is given.

    `ids` are parked rows' own (24 hexadecimal digits) or uuids of observations, `window` is a month (`YYYY-MM`),
    `months` are the first and the last of several. Raises ConfigurationError for a reason, window or state that does
    not exist.
    """

    ids: Sequence[str] = ()
    reasons: Sequence[str] = ()
    hospitals: Sequence[str] = ()
    window: str | None = None
    state: str | None = None
    months: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.reasons) - WAITS_FOR.keys())
        if unknown:
            raise ConfigurationError(f"no reason is called {', '.join(unknown)}; there are: {', '.join(WAITS_FOR)}")
        if self.state not in (None, *PARKED_ROW.names):
            raise ConfigurationError(f"no state is called {self.state}; there are: {', '.join(PARKED_ROW.names)}")
        if self.window is not None:
            try:
                month(self.window)
            except ValueError:
                message = f"{self.window} is not a window; a window is written YYYY-MM, for example 2025-11"
                raise ConfigurationError(message) from None

    def __bool__(self) -> bool:
        """Whether it excludes any row."""
        return any(getattr(self, field.name) for field in fields(self))

    def query(self) -> Document:
        """As MongoDB takes it."""
        query: Document = {}
        if self.ids:
            row_ids = [ObjectId(text) for text in self.ids if ObjectId.is_valid(text)]
            query["$or"] = [{"_id": {"$in": row_ids}}, {"rowUuid": {"$in": list(self.ids)}}]
        if self.reasons:
            query["reason"] = {"$in": list(self.reasons)}
        if self.hospitals:
            query["hospital"] = {"$in": list(self.hospitals)}
        if self.window:
            query["window"] = self.window
        if self.months:
            query["$and"] = [{"window": {"$gte": self.months[0], "$lte": self.months[1]}}]
        if self.state:
            query["state"] = self.state
        return query


@dataclass(frozen=True)
class Group:
    """The parked rows of one hospital, window, reason and state. `attempts` are the fewest and the most of any
    record; `next_attempt` is the earliest, None where none is tried by time.
    """

    hospital: str
    window: str
    reason: str
    state: str
    records: int
    rows: int
    attempts: tuple[int, int]
    first_seen: datetime
    last_seen: datetime
    next_attempt: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline parked list --json` prints it."""
        return {
            "hospital": self.hospital,
            "window": self.window,
            "reason": self.reason,
            "state": self.state,
            "waitsFor": WAITS_FOR.get(self.reason),
            "records": self.records,
            "rows": self.rows,
            "attempts": list(self.attempts),
            "firstSeen": self.first_seen.isoformat(),
            "lastSeen": self.last_seen.isoformat(),
            "nextAttempt": self.next_attempt.isoformat() if self.next_attempt else None,
        }


@dataclass(frozen=True)
class Row:
    """One parked row, without any of its patient's data."""

    id: str
    row_uuid: str
    hospital: str
    day: str
    reason: str
    state: str
    attempts: int
    next_attempt: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline parked list --rows --json` prints it."""
        return {
            "id": self.id,
            "rowUuid": self.row_uuid,
            "hospital": self.hospital,
            "day": self.day,
            "reason": self.reason,
            "state": self.state,
            "attempts": self.attempts,
            "nextAttempt": self.next_attempt.isoformat() if self.next_attempt else None,
        }


@answering("counting parked rows")
def groups(passport: Passport, selection: Selection) -> list[Group]:
    """The selected rows, counted; also what a replay of them would try (a dry run). Raises PassportError."""
    return _grouped(passport, selection.query())


@answering("listing parked rows")
def rows(passport: Passport, selection: Selection, limit: int) -> list[Row]:
    """At most `limit` of the selected rows, by hospital and day. Raises PassportError."""
    content = dict.fromkeys(("rowUuid", "hospital", "day", "reason", "state", "attempts", "nextAttempt"), 1)
    order = [("hospital", 1), ("day", 1), ("_id", 1)]
    return [
        Row(
            id=str(row["_id"]),
            row_uuid=row["rowUuid"],
            hospital=row["hospital"],
            day=row["day"],
            reason=row["reason"],
            state=row["state"],
            attempts=row["attempts"],
            next_attempt=row.get("nextAttempt"),
        )
        for row in passport[PARKED].find(selection.query(), content, sort=order, limit=limit)
    ]


@dataclass(frozen=True)
class Replay:
    """Parked rows that were marked as due: by whom, when, and how they were grouped then."""

    by: str
    at: datetime
    before: Sequence[Group]

    @property
    def records(self) -> int:
        """How many were marked."""
        return sum(group.records for group in self.before)

    @property
    def windows(self) -> list[tuple[str, str]]:
        """The windows (hospital, month) whose next run tries them."""
        return sorted({(group.hospital, group.window) for group in self.before})


@answering("marking parked rows as due")
def mark_due(passport: Passport, selection: Selection, by: str, now: datetime) -> Replay:
    """Let the next run of their windows try the selected rows, whatever they wait for, exhausted ones too.

    Their backoff begins anew. Raises PassportError.
    """
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)  # MongoDB stores milliseconds
    change = {
        "$set": {"state": PARKED_STATE, "nextAttempt": at, "tries": 0},
        "$push": {"stateHistory": {"state": PARKED_STATE, "at": at, "by": by}},
    }
    passport[PARKED].update_many(selection.query(), change)
    marked = selection.query() | {"state": PARKED_STATE, "stateHistory": _entry(by, at)}
    return Replay(by, at, _grouped(passport, marked))


@answering("counting parked rows")
def still_parked(passport: Passport, replay: Replay) -> list[Group]:
    """Those of a replay's rows that are still parked, for any reason; all others were loaded, or are no longer live.
    Raises PassportError.
    """
    hospitals, months = ({group.hospital for group in replay.before}, {group.window for group in replay.before})
    marked = {
        "hospital": {"$in": sorted(hospitals)},
        "window": {"$in": sorted(months)},
        "stateHistory": _entry(replay.by, replay.at),
    }
    return _grouped(passport, marked)


def _entry(by: str, at: datetime) -> Document:
    return {"$elemMatch": {"by": by, "at": at}}


def _grouped(passport: Passport, query: Document) -> list[Group]:
    by = ("hospital", "window", "reason", "state")
    grouped = {
        "_id": {name: f"${name}" for name in by},
        "records": {"$sum": 1},
        "rows": {"$sum": {"$size": "$rows"}},
        "fewest": {"$min": "$attempts"},
        "most": {"$max": "$attempts"},
        "firstSeen": {"$min": "$firstSeen"},
        "lastSeen": {"$max": "$lastSeen"},
        "nextAttempt": {"$min": "$nextAttempt"},
    }
    order = {f"_id.{name}": 1 for name in by}
    return [
        Group(
            **group["_id"],
            records=group["records"],
            rows=group["rows"],
            attempts=(group["fewest"], group["most"]),
            first_seen=group["firstSeen"],
            last_seen=group["lastSeen"],
            next_attempt=group["nextAttempt"],
        )
        for group in passport[PARKED].aggregate([{"$match": query}, {"$group": grouped}, {"$sort": order}])
    ]
