"""Marks of runs that are changing a day, and the record that a day is in line.

What belongs here: writing the documents of sourcedays. What does not: reading them (days).

A run that is about to change a day first leaves its mark there, and takes it away when the day is in line. A
day with a mark, of a run that died or is still at it, counts as stale, so nothing half done is ever taken for
done.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date

from pymongo import errors as mongo

from passport_pipeline.digests import window_of
from passport_pipeline.passport.collections import DAYS
from passport_pipeline.passport.database import Document, Passport

MOVED = "moved"  # the mark of a record that left a day for another


def day_id(hospital_key: str, day: date | str) -> str:
    """The _id of a day's document."""
    return f"{hospital_key}/{day}"


class DayMarks:
    """One run's marks on one day; `leave` may be called before every write, and costs one write a chunk."""

    def __init__(self, passport: Passport, hospital_key: str, day: date) -> None:
        self._passport, self._hospital_key, self._day = passport, hospital_key, day
        self._name = secrets.token_hex(8)
        self._left = self._left_in_this_chunk = False
        self._before: Document | None = None
        self._begun = False

    def begin_chunk(self) -> None:
        """See what others left, if this is the first chunk; the next write leaves a mark that shows life."""
        self._left_in_this_chunk = False
        if not self._begun:
            self._before = self._passport[DAYS].find_one({"_id": day_id(self._hospital_key, self._day)})
            self._begun = True

    def leave(self, days_left: Iterable[str] = ()) -> None:
        """Before a write: this day, and those that records leave for this one, are not in line."""
        if not self._left_in_this_chunk:
            _mark(self._passport, self._hospital_key, self._day, self._name)
            self._left = self._left_in_this_chunk = True
        own = day_id(self._hospital_key, self._day)
        ids = sorted({day_id(self._hospital_key, day) for day in days_left} - {own})
        if ids:
            self._passport[DAYS].update_many({"_id": {"$in": ids}}, {"$inc": {f"writers.{MOVED}": 1}})

    def close(self, content: Document) -> None:
        """Record what the day holds, and take this run's mark away."""
        _record_day(self._passport, self._before, content, self._name if self._left else None)


def _mark(passport: Passport, hospital_key: str, day: date, name: str) -> None:
    identity = {"hospital": hospital_key, "window": window_of(day), "day": day.isoformat()}
    change = {"$inc": {f"writers.{name}": 1}, "$setOnInsert": identity}
    for attempt in range(3):
        try:
            passport[DAYS].update_one({"_id": day_id(hospital_key, day)}, change, upsert=True)
        except mongo.DuplicateKeyError:  # two first marks at once: the second finds the first one's document
            if attempt == 2:
                raise
        else:
            return


def _record_day(passport: Passport, before: Document | None, content: Document, own: str | None) -> None:
    """Record what a day holds now, and take away the run's own mark and those of runs that have died.

    A mark counts as a dead run's if it has not moved since `before`, which was read when this run began.
    """
    seen = (before or {}).get("writers") or {}
    for attempt in range(5):
        there = passport[DAYS].find_one({"_id": content["_id"]})
        marks = (there or {}).get("writers") or {}
        dead = {name: beats for name, beats in marks.items() if name != own and seen.get(name) == beats}
        same = there is not None and all(
            there.get(name) == value for name, value in content.items() if name not in ("runId", "recordedAt")
        )
        if same and not dead and own not in marks:
            return
        change: Document = {"$set": {name: value for name, value in content.items() if name != "_id"}}
        gone = [*dead, *([own] if own else [])]
        if gone:
            change["$unset"] = {f"writers.{name}": "" for name in gone}
        still = {f"writers.{name}": beats for name, beats in dead.items()}
        try:
            passport[DAYS].update_one({"_id": content["_id"]} | still, change, upsert=True)
        except mongo.DuplicateKeyError:  # a mark moved, or somebody recorded the day for the first time
            if attempt == 4:
                raise
        else:
            return
