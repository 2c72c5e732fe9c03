"""Dirty markers of the runs that are changing a day, and the record that a day is up to date.

What belongs here: writing the documents of sourcedays. What does not: reading them (state).

Before a run changes a day it marks the day dirty, and it clears its marker when the day is up to date. A day with a
dirty marker, of a run that died or is still changing it, counts as stale, so nothing half done is ever taken for done.

The marker is also where a run that was taken over is stopped: it needs the window's lease (leases), and it sets the
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

MOVED = "moved"  # a record left the day for another
UNLISTED = "unlisted"  # a record of the day is missing in its patient's list (record_lists)
MISLISTED = "mislisted"  # a list names a record of the day in which it does not belong (record_lists)
UNSTATED = "unstated"  # a patient's entries of allergies are not those of the day (patients.allergies)
DOUBTED = "doubted"  # the day's documents are not what verification expects them to be
OVERTAKEN = "overtaken"  # a run may have written after the one that took its window over
BY_NAME = frozenset(
    {MOVED, UNLISTED, MISLISTED, UNSTATED, DOUBTED, OVERTAKEN}
)  # all others are of runs that were writing

LOOK_AGAIN = timedelta(hours=6)
"""After which a day is checked again whose marker of another run was cleared: if that run was not dead but stopped, it
may since have written once more, and died before it could say so.
"""


def day_id(hospital_key: str, day: date | str) -> str:
    """The _id of a day's document."""
    return f"{hospital_key}/{day}"


class DirtyMarker:
    """One run's dirty marker on one day; `mark_dirty` may be called before every write, and costs one write a chunk.

    A run without a lease (token 0) changes no day that was ever changed under one.
    """

    def __init__(self, run: Run, day: date) -> None:
        self._passport, self._hospital_key, self._day, self._token = run.passport, run.hospital.key, day, run.token
        self._name = secrets.token_hex(8)
        self._marked = self._marked_in_this_chunk = False
        self._before: Document | None = None
        self._begun = False

    def begin_chunk(self) -> None:
        """Read the markers of others, if this is the first chunk; the next write renews this run's own."""
        self._marked_in_this_chunk = False
        if not self._begun:
            self._before = self._passport[DAYS].find_one({"_id": day_id(self._hospital_key, self._day)})
            self._begun = True

    def had(self, name: str) -> bool:
        """Whether there was a marker of this name before this run began with the day."""
        return name in ((self._before or {}).get("writers") or {})

    @property
    def was_recorded(self) -> bool:
        """Whether a run had recorded what the day holds before this run began with it."""
        return "outcomes" in (self._before or {})

    def mark_dirty(self, other_days: Iterable[str] = ()) -> None:
        """Before a write: this day is dirty, and so are the other days (ISO) that records leave for this one.

        Raises WindowTakenOver, so that nothing is written.
        """
        if not self._marked_in_this_chunk:
            with self._fenced():
                _mark(self._passport, self._hospital_key, self._day, self._name, self._token)
            self._marked = self._marked_in_this_chunk = True
        others = set(other_days) - {self._day.isoformat()}
        mark_dirty(self._passport, sorted((self._hospital_key, day) for day in others), MOVED)

    def close(self, content: Document) -> None:
        """Record what the day holds, and clear this run's marker. Raises WindowTakenOver."""
        with self._fenced():
            _record_day(self._passport, self._before, content, self._name if self._marked else None, self._token)

    def clear(self, versions: int) -> None:
        """Clear this run's marker from a day that is as much up to date as before, whatever was changed; `versions` is
        the sum of its records' versions now. Raises WindowTakenOver.
        """
        with self._fenced():
            day, change = {"_id": day_id(self._hospital_key, self._day)}, {"$unset": {f"writers.{self._name}": ""}}
            counted_day = day | {"outcomes.versions": {"$exists": True}}
            counted = change | {"$set": {"outcomes.versions": versions}}
            if not self._passport[DAYS].update_one(counted_day, counted).matched_count:
                self._passport[DAYS].update_one(day, change)

    @contextmanager
    def _fenced(self) -> Iterator[None]:
        """Check that the window is still this run's. A run that finds out in the middle may have written something
        after its successor, on any day that it worked on: it marks these days dirty, so that they are checked again.
        """
        try:
            if self._token:
                leases.confirm(self._passport, self._hospital_key, month_of(self._day), self._token)
            yield
        except WindowTakenOver:
            if self._marked:
                days = {"hospital": self._hospital_key, "window": month_of(self._day), "fence": {"$gte": self._token}}
                self._passport[DAYS].update_many(days, {"$inc": {f"writers.{OVERTAKEN}": 1}})
            raise


def mark_dirty(passport: Passport, days: Sequence[tuple[str, str]], name: str) -> None:
    """Put a dirty marker of this name on days (hospital, ISO date), so that they count as stale until a run has closed
    them; a day that was never recorded is stale anyhow.
    """
    ids = [day_id(hospital_key, day) for hospital_key, day in days]
    if ids:
        passport[DAYS].update_many({"_id": {"$in": ids}}, {"$inc": {f"writers.{name}": 1}})


@answering("marking days that differ")
def mark_doubted(passport: Passport, hospital_key: str, days: Mapping[date, DayCount]) -> None:
    """Mark days dirty whose documents a run has to compare with the hospital, though nothing else of them may have
    changed.

    A day that no run recorded, or whose record is lost, is recorded with what its documents were counted to hold, so
    that it is run and that the plausibility check can judge what it loses. Raises PassportError.
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
        except mongo.DuplicateKeyError:  # two first markers at once: the second finds the first one's document
            _check_fence(passport[DAYS].find_one({"_id": day_id(hospital_key, day)}), token)
            if attempt == 2:
                raise
        else:
            return


def _not_above(token: int) -> Document:
    return {"fence": {"$not": {"$gt": token}}}


def _check_fence(day: Document | None, token: int) -> None:
    if day and day.get("fence", 0) > token:
        raise leases.taken_over(day["hospital"], day["window"])


def _record_day(passport: Passport, before: Document | None, content: Document, own: str | None, token: int) -> None:
    """Record what a day holds now, and clear the run's own marker and those of runs that have died.

    A marker counts as a dead run's if it has not changed since `before`, which was read when this run began. The day is
    checked again later then.
    """
    for attempt in range(5):
        stored = passport[DAYS].find_one({"_id": content["_id"]}) or {}
        dead = _unchanged_markers(before or {}, stored, own)
        due = "lookAgainAt" in stored and stored["lookAgainAt"] <= passport.now()
        if _holds(stored, content) and not dead and not due and own not in (stored.get("writers") or {}):
            return
        _check_fence(stored, token)
        fields = {name: value for name, value in content.items() if name != "_id"} | {"fence": token}
        gone = [f"writers.{name}" for name in (*dead, *([own] if own else []))]
        if dead.keys() - BY_NAME:
            fields["lookAgainAt"] = passport.now() + LOOK_AGAIN
        elif due:
            gone.append("lookAgainAt")
        change = {"$set": fields} | ({"$unset": dict.fromkeys(gone, "")} if gone else {})
        still_dead = {f"writers.{name}": beats for name, beats in dead.items()}
        try:
            passport[DAYS].update_one({"_id": content["_id"]} | _not_above(token) | still_dead, change, upsert=True)
        except mongo.DuplicateKeyError:  # a marker changed, or another run recorded or fenced the day
            if attempt == 4:
                raise
        else:
            return


def _unchanged_markers(before: Document, stored: Document, own: str | None) -> dict[str, int]:
    """The markers but for the run's own, each with its beats, that are as they were before."""
    markers, earlier = stored.get("writers") or {}, before.get("writers") or {}
    return {name: beats for name, beats in markers.items() if name != own and earlier.get(name) == beats}


def _holds(stored: Document, content: Document) -> bool:
    """Whether a day was recorded with just this content, whichever run that was."""
    return all(stored.get(name) == value for name, value in content.items() if name not in ("runId", "recordedAt"))
