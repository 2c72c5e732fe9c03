"""Leases: one run at a time brings a window into line, and one that was away for too long changes nothing more.

What belongs here: the documents of windowleases. What does not: the fence on a day that a lease's token is held
against (marks), what is done under a lease (assets).

A lease runs out by MongoDB's clock, so the clocks of the machines do not matter, and is renewed as long as its
holder lives: a run that is killed costs the next one no more than the lease's time. Each time it is taken its token
grows. Whoever wakes up late (a suspended machine, a stopped process) holds an old token and is told apart by it.

Where MongoDB's clock was ahead and was set right, a lease ends far in the future, and nobody renews it. No run can tell
that it is nobody's; an operator can, and releases it (releasing).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import tenacity
from pymongo import ReturnDocument
from pymongo import errors as mongo

from passport_pipeline.config.settings import LONGEST_LEASE
from passport_pipeline.core.errors import WindowBusy, WindowTakenOver
from passport_pipeline.passport.mongo.bookkeeping import LEASES
from passport_pipeline.passport.mongo.database import Document, Passport, answering

# Times a lease's length that another run is waited for: long enough for some loads of large windows.
PATIENCE = 20
EXPIRED = {"$lte": ["$expiresAt", "$$NOW"]}  # true of a lease that nobody has taken yet, too
# Times a lease's length from now: one that ends later was given when MongoDB's clock was ahead.
FAR = 10

# Of the clock, so that it grows also where somebody has deleted the lease.
NEXT_TOKEN = {"$max": [{"$add": ["$token", 1]}, {"$toLong": "$$NOW"}]}

log = logging.getLogger(__name__)


@contextmanager
def lease(passport: Passport, hospital_key: str, month: str, holder: str, seconds: float) -> Iterator[int]:
    """Hold the window of a hospital and month (`YYYY-MM`) for the run `holder`; gives the lease's token.

    A lease of another run is waited for, unless it has run out; one of the same run is taken at once, under a new
    token, because only an earlier attempt of it can hold one. `seconds` is how long the lease outlives a sign of
    life. Raises WindowBusy where the other run takes too long, PassportError.
    """
    taken = _wait(passport, hospital_key, month, holder, seconds)
    own = {"_id": taken["_id"], "token": taken["token"]}
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(passport, own, seconds, done), name="lease", daemon=True)
    renewing.start()
    try:
        yield taken["token"]
    finally:
        done.set()
        renewing.join(seconds)
        try:
            passport[LEASES].update_one(own, [{"$set": {"expiresAt": "$$NOW"}}])
        except mongo.PyMongoError as error:
            log.warning("%s: the lease could not be given back and runs out (%s)", own["_id"], type(error).__name__)


@answering("looking at the lease")
def confirm(passport: Passport, hospital_key: str, month: str, token: int) -> None:
    """See that no other run has taken the window over. Raises WindowTakenOver, PassportError."""
    if not passport[LEASES].find_one({"_id": lease_id(hospital_key, month), "token": token}, {"_id": 1}):
        raise taken_over(hospital_key, month)


@answering("looking for leases")
def held(passport: Passport, hospital_key: str) -> set[str]:
    """The months of a hospital that a run is at. A lease that ends later than any can (FAR) is nobody's: its window is
    not left alone, so that a run comes to it and says what is to be done. Raises PassportError.
    """
    believable = {"$lte": ["$expiresAt", _after(FAR * LONGEST_LEASE)]}
    live = {"hospital": hospital_key, "$expr": {"$and": [{"$not": [EXPIRED]}, believable]}}
    return {found["window"] for found in passport[LEASES].find(live, {"window": 1})}


def taken_over(hospital_key: str, month: str) -> WindowTakenOver:
    """What a run is told that finds a newer token than its own."""
    return WindowTakenOver(
        f"{hospital_key} {month}: another run has taken this window over while this one showed no sign of life, and "
        "brings it into line; nothing is to be done (see PASSPORT_LEASE_SECONDS where this happens often, and "
        "`passport-pipeline leases list`, which shows where somebody has released it)"
    )


def _wait(passport: Passport, hospital_key: str, month: str, holder: str, seconds: float) -> Document:
    found = _take(passport, hospital_key, month, holder, seconds)
    if found["holder"] == holder:
        return found
    _refuse_unending(passport, found, seconds)
    trying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda lease: lease["holder"] != holder),
        wait=tenacity.wait_random(0.1, 0.4),
        stop=tenacity.stop_after_delay(seconds * PATIENCE),
        retry_error_callback=lambda state: state.outcome.result(),  # type: ignore[union-attr]
    )
    found = trying(_take, passport, hospital_key, month, holder, seconds)
    if found["holder"] == holder:
        return found
    _refuse_unending(passport, found, seconds)
    raise WindowBusy(
        f"{hospital_key} {month}: another run ({found['holder']}) is bringing this window into line; run again when "
        "it has ended"
    )


def _refuse_unending(passport: Passport, found: Document, seconds: float) -> None:
    """Raise WindowBusy where another's lease ends so late that waiting for it is of no use."""
    ends = found["expiresAt"]
    if (ends - passport.now()).total_seconds() > FAR * seconds:
        key, month = found["hospital"], found["window"]
        raise WindowBusy(
            f"{key} {month}: the lease of another run ({found['holder']}) ends only at {ends:%Y-%m-%d %H:%M} UTC; was "
            f"MongoDB's clock ahead? If that run is no longer at work, `passport-pipeline leases release {key} "
            f"--month {month} --reason '...'` lets other runs have the window"
        )


@answering("taking a lease")
def _take(passport: Passport, hospital_key: str, month: str, holder: str, seconds: float) -> Document:
    """Take the window's lease if it is free; returns the lease as it is then, whosever it is."""
    free = {"$or": [EXPIRED, {"$eq": ["$holder", holder]}]}
    taken = {
        "hospital": hospital_key,
        "window": month,
        "holder": holder,
        "token": NEXT_TOKEN,
        "takenAt": "$$NOW",
        "expiresAt": _after(seconds),
    }
    change = {"$set": {name: {"$cond": [free, value, f"${name}"]} for name, value in taken.items()}}
    lease = passport[LEASES].find_one_and_update(
        {"_id": lease_id(hospital_key, month)}, [change], upsert=True, return_document=ReturnDocument.AFTER
    )
    return cast("Document", lease)


def _renew(passport: Passport, own: Document, seconds: float, done: threading.Event) -> None:
    """Keep a lease until `done`; also after it has run out, as long as nobody has taken it."""
    while not done.wait(seconds / 3):
        try:
            found = passport[LEASES].update_one(own, [{"$set": {"expiresAt": _after(seconds)}}])
        except mongo.PyMongoError as error:
            log.warning("%s: the lease could not be renewed (%s)", own["_id"], type(error).__name__)
        else:
            if not found.matched_count:
                return


def _after(seconds: float) -> Document:
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def lease_id(hospital_key: str, month: str) -> str:
    """The _id of a window's lease."""
    return f"{hospital_key}/{month}"
