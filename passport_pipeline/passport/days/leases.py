"""Leases: one run at a time brings a window up to date, and one that was suspended for too long changes nothing more.

What belongs here: the documents of windowleases. What does not: the fence on a day that a lease's token is compared
with (dirty), releasing a lease by hand (lease_release), what is done under a lease (orchestration).

A lease runs out by MongoDB's clock, so the clocks of the machines do not matter, and is renewed as long as its
holder lives: a run that is killed costs the next one no more than the lease's time. Each time it is taken its token
grows. A run that wakes up late (a suspended machine, a stopped process) is recognised by its old token.

Where MongoDB's clock was ahead and was set right, a lease ends far in the future, and no run renews it. No run can tell
that its holder is gone; an operator can, and releases it.
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
from passport_pipeline.passport.mongo.collections import LEASES
from passport_pipeline.passport.mongo.database import Document, Passport, answering

# How many times a lease's length a run waits for another: long enough for some loads of large windows.
PATIENCE = 20
EXPIRED = {"$lte": ["$expiresAt", "$$NOW"]}  # true also of a lease that was never taken
# A lease that ends more than so many times its length from now was given when MongoDB's clock was ahead.
FAR = 10

# From the clock, so that it grows also where the lease was deleted.
NEXT_TOKEN = {"$max": [{"$add": ["$token", 1]}, {"$toLong": "$$NOW"}]}

log = logging.getLogger(__name__)


@contextmanager
def lease(passport: Passport, hospital_key: str, month: str, holder: str, seconds: float) -> Iterator[int]:
    """Hold the window of a hospital and month (`YYYY-MM`) for the run `holder`; gives the lease's token.

    Waits for a lease of another run, unless it has run out; takes one of the same run at once, under a new token,
    because only an earlier attempt of it can hold one. `seconds` is how long the lease lasts after each renewal. Raises
    WindowBusy where the other run takes too long, PassportError.
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


@answering("checking the lease")
def confirm(passport: Passport, hospital_key: str, month: str, token: int) -> None:
    """Check that no other run has taken the window over. Raises WindowTakenOver, PassportError."""
    if not passport[LEASES].find_one({"_id": lease_id(hospital_key, month), "token": token}, {"_id": 1}):
        raise taken_over(hospital_key, month)


@answering("looking for leases")
def held(passport: Passport, hospital_key: str) -> set[str]:
    """The months of a hospital that a run works on. A lease that ends later than any can (FAR) does not count: a run of
    its window reports what is to be done. Raises PassportError.
    """
    believable = {"$lte": ["$expiresAt", _after(FAR * LONGEST_LEASE)]}
    live = {"hospital": hospital_key, "$expr": {"$and": [{"$not": [EXPIRED]}, believable]}}
    return {lease["window"] for lease in passport[LEASES].find(live, {"window": 1})}


def taken_over(hospital_key: str, month: str) -> WindowTakenOver:
    """The error of a run that finds a newer token than its own."""
    return WindowTakenOver(
        f"{hospital_key} {month}: another run has taken this window over while this one did not renew its lease, and "
        "brings it up to date; nothing is to be done (see PASSPORT_LEASE_SECONDS where this happens often, and "
        "`passport-pipeline leases list`, which shows whether an operator has released it)"
    )


def _wait(passport: Passport, hospital_key: str, month: str, holder: str, seconds: float) -> Document:
    taken = _take(passport, hospital_key, month, holder, seconds)
    if taken["holder"] == holder:
        return taken
    _refuse_unending(passport, taken, seconds)
    trying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda lease: lease["holder"] != holder),
        wait=tenacity.wait_random(0.1, 0.4),
        stop=tenacity.stop_after_delay(seconds * PATIENCE),
        retry_error_callback=lambda state: state.outcome.result(),  # type: ignore[union-attr]
    )
    taken = trying(_take, passport, hospital_key, month, holder, seconds)
    if taken["holder"] == holder:
        return taken
    _refuse_unending(passport, taken, seconds)
    raise WindowBusy(
        f"{hospital_key} {month}: another run ({taken['holder']}) is bringing this window up to date; run again when "
        "it has ended"
    )


def _refuse_unending(passport: Passport, other: Document, seconds: float) -> None:
    """Raise WindowBusy where another run's lease ends so late that waiting for it is of no use."""
    ends = other["expiresAt"]
    if (ends - passport.now()).total_seconds() > FAR * seconds:
        key, month = other["hospital"], other["window"]
        raise WindowBusy(
            f"{key} {month}: the lease of another run ({other['holder']}) ends only at {ends:%Y-%m-%d %H:%M} UTC; was "
            f"MongoDB's clock ahead? If that run is no longer at work, `passport-pipeline leases release {key} "
            f"--month {month} --reason '...'` lets other runs have the window"
        )


@answering("taking a lease")
def _take(passport: Passport, hospital_key: str, month: str, holder: str, seconds: float) -> Document:
    """Take the window's lease if it is free; returns the lease as it is then, also where another run holds it."""
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
    """Renew a lease until `done`; also after it has run out, as long as no other run has taken it."""
    while not done.wait(seconds / 3):
        try:
            result = passport[LEASES].update_one(own, [{"$set": {"expiresAt": _after(seconds)}}])
        except mongo.PyMongoError as error:
            log.warning("%s: the lease could not be renewed (%s)", own["_id"], type(error).__name__)
        else:
            if not result.matched_count:
                return


def _after(seconds: float) -> Document:
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def lease_id(hospital_key: str, month: str) -> str:
    """The _id of a window's lease."""
    return f"{hospital_key}/{month}"
