"""Marks of runs that are changing a day, and the record that a day is in line.

What belongs here: writing the documents of sourcedays. What does not: reading them (days).

A run that is about to change a day first leaves its mark there, and takes it away when the day is in line. A
day with a mark, of a run that died or is still at it, counts as stale, so nothing half done is ever taken for
done.

The mark is also where a run that was taken over is stopped: it needs the window's lease (leases), and it is the
day's `fence`, which only ever rises, so that no run with an older token changes the day after one with a newer.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

from pymongo import UpdateOne
from pymongo import errors as mongo

from passport_pipeline.core.errors import WindowTakenOver
from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.days import leases
from passport_pipeline.passport.days.state import DayCount
from passport_pipeline.passport.mongo.collections import DAYS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.run import Run

MOVED = "moved"  # the mark of a record that left a day for another
UNLISTED = "unlisted"  # the mark of a record that its patient's list lacks (lists)
MISLISTED = "mislisted"  # the mark of a record that a list names in which it does not belong (lists)
DOUBTED = "doubted"  # the mark of a day whose documents are not what verification expects them to be
OVERTAKEN = "overtaken"  # the mark of a run that may have written after the one that took its window over
BY_NAME = frozenset({MOVED, UNLISTED, MISLISTED, DOUBTED, OVERTAKEN})  # all others are of runs that were writing

LOOK_AGAIN = timedelta(hours=6)
"""After which a day is looked at again whose mark was taken away from another run: if that was not dead but stopped, it
may since have written once more, and died before it could say so.
"""


def day_id(hospital_key: str, day: date | str) -> str:
    """The _id of a day's document."""
    return f"{hospital_key}/{day}"


class DayMarks:
    """One run's marks on one day; `leave` may be called before every write, and costs one write a chunk.

    A run without a lease (token 0) changes no day that was ever changed under one.
    """

    def __init__(self, run: Run, day: date) -> None:
        self._passport, self._hospital_key, self._day, self._token = run.passport, run.hospital.key, day, run.token
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

    def found(self, name: str) -> bool:
        """Whether there was a mark of this name before this run began with the day."""
        return name in ((self._before or {}).get("writers") or {})

    def leave(self, days_left: Iterable[str] = ()) -> None:
        """Before a write: this day, and those that records leave for this one, are not in line.

        Raises WindowTakenOver, so that nothing is written.
        """
        if not self._left_in_this_chunk:
            with self._fenced():
                _mark(self._passport, self._hospital_key, self._day, self._name, self._token)
            self._left = self._left_in_this_chunk = True
        others = set(days_left) - {self._day.isoformat()}
        mark(self._passport, sorted((self._hospital_key, day) for day in others), MOVED)

    def close(self, content: Document) -> None:
        """Record what the day holds, and take this run's mark away. Raises WindowTakenOver."""
        with self._fenced():
            _record_day(self._passport, self._before, content, self._name if self._left else None, self._token)

    def lift(self, versions: int) -> None:
        """Take this run's mark away where the day is as much in line as before, whatever was changed; `versions` is
        the sum of its records' now. Raises WindowTakenOver.
        """
        with self._fenced():
            day, change = {"_id": day_id(self._hospital_key, self._day)}, {"$unset": {f"writers.{self._name}": ""}}
            known = day | {"outcomes.versions": {"$exists": True}}
            counted = change | {"$set": {"outcomes.versions": versions}}
            if not self._passport[DAYS].update_one(known, counted).matched_count:
                self._passport[DAYS].update_one(day, change)

    @contextmanager
    def _fenced(self) -> Iterator[None]:
        """See that the window is still this run's. A run that finds out in the middle may have written something
        after its successor, on any day that it was at: it leaves marks, so that these days are looked at again.
        """
        try:
            if self._token:
                leases.confirm(self._passport, self._hospital_key, month_of(self._day), self._token)
            yield
        except WindowTakenOver:
            if self._left:
                days = {"hospital": self._hospital_key, "window": month_of(self._day), "fence": {"$gte": self._token}}
                self._passport[DAYS].update_many(days, {"$inc": {f"writers.{OVERTAKEN}": 1}})
            raise


def mark(passport: Passport, days: Sequence[tuple[str, str]], name: str) -> None:
    """Leave a mark of this name on days (hospital, ISO date), so that they are not in line before a run has closed
    them; a day that was never recorded is not anyhow.
    """
    ids = [day_id(hospital_key, day) for hospital_key, day in days]
    if ids:
        passport[DAYS].update_many({"_id": {"$in": ids}}, {"$inc": {f"writers.{name}": 1}})


@answering("marking days that differ")
def doubt(passport: Passport, hospital_key: str, days: Mapping[date, DayCount]) -> None:
    """Leave a mark on days whose documents a run is to hold against the hospital, though nothing else of them may have
    changed.

    A day that no run recorded, or whose record is lost, is recorded with what its documents were counted to hold, so
    that it is run and that the guard has something to weigh its loss by. Raises PassportError.
    """
    operations = [
        UpdateOne(
            {"_id": day_id(hospital_key, day)},
            {"$inc": {f"writers.{DOUBTED}": 1}, "$setOnInsert": _identity(hospital_key, day) | _counted(count)},
            upsert=True,
        )
        for day, count in sorted(days.items())
    ]
    if operations:
        passport[DAYS].bulk_write(operations, ordered=False)


def _identity(hospital_key: str, day: date) -> Document:
    return {"hospital": hospital_key, "window": month_of(day), "day": day.isoformat()}


def _counted(count: DayCount) -> Document:
    rows = {"loaded": count.loaded, "attached": count.attached, "parked": dict(count.parked), "skipped": {}}
    return {"digest": (count.digest - count.left_out).to_json(), "outcomes": rows}


def _mark(passport: Passport, hospital_key: str, day: date, name: str, token: int) -> None:
    identity = _identity(hospital_key, day)
    change = {"$inc": {f"writers.{name}": 1}, "$set": {"fence": token}, "$setOnInsert": identity}
    for attempt in range(3):
        try:
            passport[DAYS].update_one({"_id": day_id(hospital_key, day)} | _not_above(token), change, upsert=True)
        except mongo.DuplicateKeyError:  # two first marks at once: the second finds the first one's document
            _see_fence(passport[DAYS].find_one({"_id": day_id(hospital_key, day)}), token)
            if attempt == 2:
                raise
        else:
            return


def _not_above(token: int) -> Document:
    return {"fence": {"$not": {"$gt": token}}}


def _see_fence(day: Document | None, token: int) -> None:
    if day and day.get("fence", 0) > token:
        raise leases.taken_over(day["hospital"], day["window"])


def _record_day(passport: Passport, before: Document | None, content: Document, own: str | None, token: int) -> None:
    """Record what a day holds now, and take away the run's own mark and those of runs that have died.

    A mark counts as a dead run's if it has not moved since `before`, which was read when this run began. The day is
    looked at again later then.
    """
    seen = (before or {}).get("writers") or {}
    for attempt in range(5):
        there = passport[DAYS].find_one({"_id": content["_id"]})
        marks = (there or {}).get("writers") or {}
        dead = {name: beats for name, beats in marks.items() if name != own and seen.get(name) == beats}
        same = there is not None and all(
            there.get(name) == value for name, value in content.items() if name not in ("runId", "recordedAt")
        )
        due = (there or {}).get("lookAgainAt")
        again = due is not None and due <= passport.now()
        if same and not dead and not again and own not in marks:
            return
        _see_fence(there, token)
        change: Document = {
            "$set": {name: value for name, value in content.items() if name != "_id"} | {"fence": token}
        }
        gone = [*(f"writers.{name}" for name in (*dead, *([own] if own else []))), *(["lookAgainAt"] if again else [])]
        if dead.keys() - BY_NAME:
            change["$set"]["lookAgainAt"] = passport.now() + LOOK_AGAIN
            gone = [name for name in gone if name != "lookAgainAt"]
        if gone:
            change["$unset"] = dict.fromkeys(gone, "")
        still = {f"writers.{name}": beats for name, beats in dead.items()}
        try:
            passport[DAYS].update_one({"_id": content["_id"]} | _not_above(token) | still, change, upsert=True)
        except mongo.DuplicateKeyError:  # a mark moved, or somebody recorded or fenced the day
            if attempt == 4:
                raise
        else:
            return
