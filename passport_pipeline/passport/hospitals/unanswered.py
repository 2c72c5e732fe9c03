"""Hospitals that do not answer: since when, after how many looks, and when they are looked at again by themselves.

The field `unanswered` of sourcehospitals is there from the first look in vain until the next one that comes to its
end. A second look in vain is followed by one two minutes later, a third by one after four, and so on up to LONGEST.
A look that takes longer than a tick says that the hospital is slow: it goes behind those that answer and is looked at
in the next tick, however often that happens. All times are those of MongoDB's clock.

Only sensors go by it. A run, `sync` and `hospitals check` look at once, and a survey that comes to its end takes the
field away, as does every decision about the hospital.

What belongs here: noting looks in vain, and who is not to be looked at yet. What does not: the other fields
(hospital_states), what counts as a look in vain (automation.sensors).
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
"""Milliseconds, at the most, from a look in vain until the next."""

MOST_DOUBLINGS = 16


@dataclass(frozen=True)
class Unanswered:
    """Since when a hospital has not answered, the last look in vain, how many there were in a row, when the next one
    is due, and what the last one said. None of them are counted while the hospital is merely late.
    """

    since: datetime
    last: datetime
    looks: int
    next: datetime
    why: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self | None:
        """Read what MongoDB keeps; None of nothing."""
        if not value:
            return None
        return cls(value["since"], value["lastLookAt"], int(value["looks"]), value["nextLookAt"], value["why"])

    @property
    def told(self) -> str:
        """In words: "no answer since 2026-11-21 09:00 UTC (5 looks in a row, the next at 09:46 UTC): ..."."""
        if not self.looks:
            return f"late since {self.since:%Y-%m-%d %H:%M} UTC: {self.why}"
        looks = "1 look" if self.looks == 1 else f"{self.looks} looks in a row"
        following = f"the next from {self.next:%Y-%m-%d %H:%M} UTC on"
        return f"no answer since {self.since:%Y-%m-%d %H:%M} UTC ({looks}, {following}): {self.why}"

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline status --json` and `hospitals list --json` print it."""
        return {
            "since": self.since.isoformat(),
            "lastLookAt": self.last.isoformat(),
            "looks": self.looks,
            "nextLookAt": self.next.isoformat(),
            "why": self.why,
        }


@answering("looking for hospitals that do not answer")
def resting(passport: Passport) -> set[str]:
    """The hospitals that are not to be looked at yet, because they did not answer. Raises PassportError."""
    later = {"$expr": {"$gt": ["$unanswered.nextLookAt", "$$NOW"]}}
    return {found["_id"] for found in passport[SOURCE_HOSPITALS].find(later, {"_id": 1})}


@answering("noting which hospitals did not answer")
def note_unanswered(passport: Passport, failed: Mapping[str, str], late: Iterable[str]) -> None:
    """Note looks in vain, by hospital with what they said, and looks that took too long. Raises PassportError."""
    updates = [
        *(_update(key, why, counted=1) for key, why in failed.items()),
        *(_update(key, "a look takes longer than a tick of the sensor, and goes on", counted=0) for key in late),
    ]
    if updates:
        passport[SOURCE_HOSPITALS].bulk_write(updates, ordered=False)


def _update(key: str, why: str, *, counted: int) -> UpdateOne:
    looks = {"$add": [{"$ifNull": ["$unanswered.looks", 0]}, counted]}
    # The minute until the next tick comes on top of it.
    doublings = {"$min": [{"$subtract": ["$unanswered.looks", 1]}, MOST_DOUBLINGS]}
    wait: Any = {"$subtract": [{"$multiply": [MINUTE, {"$pow": [2, doublings]}]}, MINUTE]}
    first = {"state": "active", "at": "$$NOW", "by": "passport-pipeline", "reason": "looked at for the first time"}
    noted: Document = {
        "state": {"$ifNull": ["$state", "active"]},
        "stateHistory": {"$ifNull": ["$stateHistory", [first]]},
        "unanswered.since": {"$ifNull": ["$unanswered.since", "$$NOW"]},
        "unanswered.lastLookAt": "$$NOW",
        "unanswered.looks": looks,
        "unanswered.why": {"$literal": why},
    }
    wait = {"$toLong": {"$min": [wait, LONGEST - MINUTE]}} if counted else 0
    due = {"unanswered.nextLookAt": {"$add": ["$$NOW", wait]}}
    return UpdateOne({"_id": key}, [{"$set": noted}, {"$set": due}], upsert=True)
