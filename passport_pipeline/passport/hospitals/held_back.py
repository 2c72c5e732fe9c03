"""Hospitals that are held back as a whole, in sourcehospitals: since when and why, and what lets them go on.

What belongs here: storing that, and what a hospital had while it was plausible. What does not: what is plausible
(windows.hospital_plausibility), whether a hospital takes part (state).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.hospitals.state import (
    PIPELINE,
    HeldBack,
    HospitalState,
    Known,
    first_seen,
    history_entry,
    hospital_states,
    state_of,
)
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline.passport.mongo.database import Passport, answering

LET_THROUGH_FOR = timedelta(hours=24)
"""How long a hospital may lose what was let through: each of its windows is run in that time."""


@answering("holding a hospital back")
def hold_back(passport: Passport, key: str, why: str, vanished: int, parking: str | None = None) -> HeldBack:
    """Hold a hospital back, unless it is already: the first reason stays. Arguments as HeldBack has them.

    Raises PassportError.
    """
    collection, now = passport[SOURCE_HOSPITALS], passport.now()
    collection.update_one({"_id": key}, {"$setOnInsert": first_seen(now)}, upsert=True)
    held_back = {"since": now, "why": why, "vanished": vanished} | ({"parking": parking} if parking else {})
    collection.update_one({"_id": key, "heldBack": {"$exists": False}}, {"$set": {"heldBack": held_back}})
    return state_of(passport, key).held_back or HeldBack(now, why, vanished, parking)


@answering("recording that a hospital is plausible")
def record_plausible(passport: Passport, read: HospitalState, known: Known) -> None:
    """Store what a plausible hospital has, and hold it back no longer, unless it was held back since its state was
    `read`. Writes nothing where nothing changes. Raises PassportError.
    """
    if read.known != known:
        change = {"$set": {"known": known.to_json()}, "$setOnInsert": first_seen(passport.now())}
        passport[SOURCE_HOSPITALS].update_one({"_id": read.key}, change, upsert=True)
    if read.held_back is not None:
        same = {"_id": read.key, "heldBack.since": read.held_back.since}
        passport[SOURCE_HOSPITALS].update_one(same, {"$unset": {"heldBack": ""}})


@answering("letting a held-back hospital go on")
def accept(  # noqa: PLR0917 - whose, why, who, and what it has now
    passport: Passport, registered: Iterable[str], key: str, reason: str, by: str, known: Known
) -> HospitalState:
    """Let through what a held-back hospital is about to lose, for a day, and store who decided and why.

    Not many more rows than had vanished when it was held back are let through; `known` is what it has now. Raises
    ConfigurationError (an unknown hospital, one that is not held back, no reason, no name), PassportError.
    """
    states, now = hospital_states(passport, registered), passport.now()
    state = states[key].state if key in states else ""
    entry = history_entry(states, key, state, reason, by, "is to be let through", now)
    held_back = states[key].held_back
    if held_back is None:
        raise ConfigurationError(f"{key}: the hospital is not held back, so there is nothing to let through")
    let_through = {"until": now + LET_THROUGH_FOR, "vanished": held_back.vanished}
    change = {
        "$set": {"letThrough": let_through, "known": known.to_json()},
        "$unset": {"heldBack": ""},
        "$push": {"stateHistory": entry},
    }
    passport[SOURCE_HOSPITALS].update_one({"_id": key}, change)
    return state_of(passport, key)


@answering("recording which changes of a dictionary were let through")
def record_accepted_changes(  # noqa: PLR0917 - whose, what, why, who
    passport: Passport, registered: Iterable[str], key: str, concepts: Iterable[int], reason: str, by: str
) -> None:
    """Add to a hospital's history who let the changes of these concepts through, and why. Raises ConfigurationError (an
    unknown hospital, no reason, no name), PassportError.
    """
    states, now = hospital_states(passport, registered), passport.now()
    state = states[key].state if key in states else ""
    entry = history_entry(states, key, state, reason, by, "is to have another dictionary", now)
    entry["reason"] = f"changes of the dictionary let through (concepts {', '.join(map(str, concepts))}): {reason}"
    change = {"$push": {"stateHistory": entry}, "$setOnInsert": {"state": state}}
    passport[SOURCE_HOSPITALS].update_one({"_id": key}, change, upsert=True)


@answering("recording that a hospital was let through")
def record_let_through(passport: Passport, key: str, known: Known) -> None:
    """An operator has let all windows of a hospital through: what it has now, `known`, is right. If it was held back,
    that is added to its history. Raises PassportError.
    """
    read = state_of(passport, key)
    record_plausible(passport, read, known)
    if read.held_back is not None:
        entry = {"state": read.state, "at": passport.now(), "by": PIPELINE, "reason": "let through by sync --accept"}
        passport[SOURCE_HOSPITALS].update_one({"_id": key}, {"$push": {"stateHistory": entry}})


def let_through_now(state: HospitalState, vanished: int, everyday: int, now: datetime) -> bool:
    """Whether an operator has let through that this number of rows vanishes, in addition to what may on any day."""
    allowed = state.let_through
    return allowed is not None and now < allowed.until and vanished <= allowed.vanished + everyday
