"""Hospitals that do not answer: since when, after how many checks, and when sensors check them again.

The field `unanswered` of sourcehospitals exists from the first failed check until the next one that succeeds. After a
second failed check the next one is due two minutes later, after a third four minutes, and so on up to LONGEST. A check
that takes longer than a tick means that the hospital is slow: it comes after those that answer and is checked in the
next tick, however often that happens. All times are those of MongoDB's clock.

Only sensors respect it. A run, `sync` and `hospitals check` try at once, and a survey that succeeds removes the field,
as does every decision about the hospital.

What belongs here: recording failed checks, and which hospitals are not due yet. What does not: the other fields
(state), what counts as a failed check (orchestration.sensors).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pymongo import UpdateOne

from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

MINUTE = 60_000
LONGEST = 30 * MINUTE
"""Milliseconds, at the most, from a failed check until the next."""

MOST_DOUBLINGS = 16


@dataclass(frozen=True)
class Unanswered:
    """Since when a hospital has not answered, the last failed check, how many there were in a row, when the next one is
    due, and the last one's error. None is counted while the hospital is only late.
    """

    since: datetime
    last: datetime
    checks: int
    next: datetime
    why: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self | None:
        """Read what MongoDB stores; None of nothing."""
        if not value:
            return None
        return cls(value["since"], value["lastLookAt"], int(value["looks"]), value["nextLookAt"], value["why"])

    @property
    def description(self) -> str:
        """In words: "no answer since 2026-11-21 09:00 UTC (5 checks in a row, the next from ... UTC on): ..."."""
        if not self.checks:
            return f"late since {self.since:%Y-%m-%d %H:%M} UTC: {self.why}"
        checks = "1 check" if self.checks == 1 else f"{self.checks} checks in a row"
        following = f"the next from {self.next:%Y-%m-%d %H:%M} UTC on"
        return f"no answer since {self.since:%Y-%m-%d %H:%M} UTC ({checks}, {following}): {self.why}"

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline status --json` and `hospitals list --json` print it."""
        return {
            "since": self.since.isoformat(),
            "lastLookAt": self.last.isoformat(),
            "looks": self.checks,
            "nextLookAt": self.next.isoformat(),
            "why": self.why,
        }


@answering("looking for hospitals that do not answer")
def not_due(passport: Passport) -> set[str]:
    """The hospitals that are not to be checked yet, because they did not answer. Raises PassportError."""
    later = {"$expr": {"$gt": ["$unanswered.nextLookAt", "$$NOW"]}}
    return {document["_id"] for document in passport[SOURCE_HOSPITALS].find(later, {"_id": 1})}


@answering("recording which hospitals did not answer")
def record_unanswered(passport: Passport, failed: Mapping[str, str], late: Iterable[str]) -> None:
    """Record failed checks, by hospital with their errors, and hospitals whose checks took too long. Raises
    PassportError.
    """
    slow = "a check takes longer than a tick of the sensor, and goes on"
    updates = [
        *(_update(key, why, counted=1) for key, why in failed.items()),
        *(_update(key, slow, counted=0) for key in late),
    ]
    if updates:
        passport[SOURCE_HOSPITALS].bulk_write(updates, ordered=False)


def _update(key: str, why: str, *, counted: int) -> UpdateOne:
    checks = {"$add": [{"$ifNull": ["$unanswered.looks", 0]}, counted]}
    # The minute until the next tick comes on top of it.
    doublings = {"$min": [{"$subtract": ["$unanswered.looks", 1]}, MOST_DOUBLINGS]}
    wait: Any = {"$subtract": [{"$multiply": [MINUTE, {"$pow": [2, doublings]}]}, MINUTE]}
    first = {"state": "active", "at": "$$NOW", "by": "passport-pipeline", "reason": "looked at for the first time"}
    fields: Document = {
        "state": {"$ifNull": ["$state", "active"]},
        "stateHistory": {"$ifNull": ["$stateHistory", [first]]},
        "unanswered.since": {"$ifNull": ["$unanswered.since", "$$NOW"]},
        "unanswered.lastLookAt": "$$NOW",
        "unanswered.looks": checks,
        "unanswered.why": {"$literal": why},
    }
    wait = {"$toLong": {"$min": [wait, LONGEST - MINUTE]}} if counted else 0
    due = {"unanswered.nextLookAt": {"$add": ["$$NOW", wait]}}
    return UpdateOne({"_id": key}, [{"$set": fields}, {"$set": due}], upsert=True)
