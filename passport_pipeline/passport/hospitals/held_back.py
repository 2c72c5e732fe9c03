"""Hospitals that are held back as a whole, in sourcehospitals: since when and why, and what lets them go on.

What belongs here: keeping that, and what is remembered of a hospital while it is plausible. What does not: what is
plausible (windows.hospital_guard), whether a hospital takes part (hospital_states).
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
    hospital_states,
    state_of,
    told_change,
)
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline.passport.mongo.database import Passport, answering

LET_THROUGH_FOR = timedelta(hours=24)
"""How long what a hospital loses is let through: every window has its turn in that time."""


@answering("holding a hospital back")
def hold_back(passport: Passport, key: str, why: str, vanished: int, parking: str | None = None) -> HeldBack:
    """Hold a hospital back, unless it is already: the first reason stays. Arguments as HeldBack has them.

    Raises PassportError.
    """
    collection, now = passport[SOURCE_HOSPITALS], passport.now()
    collection.update_one({"_id": key}, {"$setOnInsert": first_seen(now)}, upsert=True)
    held = {"since": now, "why": why, "vanished": vanished} | ({"parking": parking} if parking else {})
    collection.update_one({"_id": key, "heldBack": {"$exists": False}}, {"$set": {"heldBack": held}})
    return state_of(passport, key).held_back or HeldBack(now, why, vanished, parking)


@answering("noting that a hospital is plausible")
def note_plausible(passport: Passport, seen: HospitalState, known: Known) -> None:
    """Remember what a plausible hospital has, and hold it back no longer, unless it was held back since `seen`. Writes
    nothing where both is so already. Raises PassportError.
    """
    if seen.known != known:
        change = {"$set": {"known": known.to_json()}, "$setOnInsert": first_seen(passport.now())}
        passport[SOURCE_HOSPITALS].update_one({"_id": seen.key}, change, upsert=True)
    if seen.held_back is not None:
        held = {"_id": seen.key, "heldBack.since": seen.held_back.since}
        passport[SOURCE_HOSPITALS].update_one(held, {"$unset": {"heldBack": ""}})


@answering("letting a held-back hospital go on")
def accept(  # noqa: PLR0917 - whose, why, who, and what it comes to
    passport: Passport, registered: Iterable[str], key: str, reason: str, by: str, known: Known
) -> HospitalState:
    """Let through what a held-back hospital is about to lose, for a day, and note who decided and why.

    Not many more rows than had vanished when it was held back are let through, and what it has now is `known` of it.
    Raises ConfigurationError (an unknown hospital, one that is not held back, no reason, nobody), PassportError.
    """
    states, now = hospital_states(passport, registered), passport.now()
    state = states[key].state if key in states else ""
    entry = told_change(states, key, state, reason, by, "is to be let through", now)
    held = states[key].held_back
    if held is None:
        raise ConfigurationError(f"{key}: the hospital is not held back, so there is nothing to let through")
    let = {"until": now + LET_THROUGH_FOR, "vanished": held.vanished}
    change = {
        "$set": {"letThrough": let, "known": known.to_json()},
        "$unset": {"heldBack": ""},
        "$push": {"stateHistory": entry},
    }
    passport[SOURCE_HOSPITALS].update_one({"_id": key}, change)
    return state_of(passport, key)


@answering("noting that a hospital was let through")
def was_let_through(passport: Passport, key: str, known: Known) -> None:
    """All windows of a hospital were let through by an operator: what it has now is what is right, and `known` of it.
    Where it was held back, that is noted in its history. Raises PassportError.
    """
    seen = state_of(passport, key)
    note_plausible(passport, seen, known)
    if seen.held_back is not None:
        entry = {"state": seen.state, "at": passport.now(), "by": PIPELINE, "reason": "let through by sync --accept"}
        passport[SOURCE_HOSPITALS].update_one({"_id": key}, {"$push": {"stateHistory": entry}})


def let_through_now(state: HospitalState, vanished: int, everyday: int, now: datetime) -> bool:
    """Whether an operator has let through that so many rows vanish, give or take what may on any day."""
    let = state.let_through
    return let is not None and now < let.until and vanished <= let.vanished + everyday
