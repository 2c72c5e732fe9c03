"""Which hospitals take part, and how each stands: the documents of sourcehospitals.

What belongs here: pausing, resuming, retiring and stopping a hospital, each change with who, when and why; the results
of checks. What does not: which hospitals there are (config.hospitals), what counts as behind or stale (days.behind,
staleness), what a lineage means (sources).

A hospital without a document is active. A state decides what is begun; a run that has begun goes on to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import UpdateOne

from passport_pipeline.core.errors import ConfigurationError, HospitalNotActive
from passport_pipeline.passport.hospitals.unanswered import Unanswered
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

ACTIVE, PAUSED, STOPPED, RETIRED = "active", "paused", "stopped", "retired"
PIPELINE = "passport-pipeline"


@dataclass(frozen=True)
class HeldBack:
    """Since when a hospital is held back as a whole, why, and how many of its rows had vanished then.

    `parking` is the month of the window that was to be loaded, if rows of it would have been parked; else None.
    """

    since: datetime
    why: str
    vanished: int
    parking: str | None = None

    @property
    def description(self) -> str:
        """In words: "held back since 2026-11-21 09:00 UTC: ..."."""
        return f"held back since {self.since:%Y-%m-%d %H:%M} UTC: {self.why}"


@dataclass(frozen=True)
class LetThrough:
    """Until when an operator lets through that rows vanish, and how many."""

    until: datetime
    vanished: int


@dataclass(frozen=True)
class Known:
    """What a hospital had when it was last plausible: the number of persons with a usable national id, and the tables
    that held rows. Either is None where it was not checked.
    """

    usable: int | None = None
    filled: tuple[str, ...] | None = None

    def to_json(self) -> Document:
        """As MongoDB stores it."""
        fields: Document = {"usable": self.usable, "filled": None if self.filled is None else list(self.filled)}
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class HospitalState:
    """One hospital's state and how it stands; times are in UTC.

    since, by, reason  of the last change; None where there was none
    survey_after       a survey that was taken before is outdated: the time of the last resume
    surveyed_at        when its tail, or all of it, was last surveyed
    up_to_date_since   since when the passport has been up to date with it; None while it is behind
    behind_since       since when a day of it has been behind; None while it is up to date
    behind             the days that are behind, by ISO date, each with the time since when
    clock_skew         seconds that the hospital's clock is ahead of ours
    lineage            by which a database that was restored from a backup is recognised (sources)
    unanswered         since when checks of it have failed; None where the last one did not
    fingerprint        uuids by which its database is distinguished from all other hospitals' (database_claims); None
                       where it was never admitted, or held no observation then
    takes_database     whether an operator has decided that its database is its own, whichever hospital's it was
    first_seen         when its first document was written; None where there is none
    held_back          None where what its next runs would do is plausible (windows.hospital_plausibility)
    let_through        what an operator lets through in spite of that; None where nothing
    known              what it had when it was last plausible; None where it never was
    """

    key: str
    state: str = ACTIVE
    since: datetime | None = None
    by: str | None = None
    reason: str | None = None
    survey_after: datetime | None = None
    surveyed_at: datetime | None = None
    up_to_date_since: datetime | None = None
    behind_since: datetime | None = None
    behind: Mapping[str, datetime] = field(default_factory=dict)
    clock_skew: float | None = None
    lineage: Document | None = None
    unanswered: Unanswered | None = None
    fingerprint: tuple[str, ...] | None = None
    takes_database: bool = False
    first_seen: datetime | None = None
    held_back: HeldBack | None = None
    let_through: LetThrough | None = None
    known: Known | None = None

    @property
    def active(self) -> bool:
        """Whether it takes part."""
        return self.state == ACTIVE

    @property
    def answers(self) -> bool:
        """Whether it answered the last check; False where it was never checked."""
        return self.surveyed_at is not None and self.unanswered is None

    @property
    def description(self) -> str:
        """Its state in words: "paused since 2026-11-21 09:00 UTC by anna (the server moves)"."""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        return f"{self.state}{since}" + (f" by {self.by} ({self.reason})" if self.by else "")

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline hospitals list --json` prints it."""
        return {
            "state": self.state,
            "since": _iso(self.since),
            "by": self.by,
            "reason": self.reason,
            "surveyedAt": _iso(self.surveyed_at),
            "inLineAt": _iso(self.up_to_date_since),
            "behindSince": _iso(self.behind_since),
            "clockSkew": self.clock_skew,
            "unanswered": self.unanswered.to_json() if self.unanswered else None,
            "heldBack": {"since": _iso(self.held_back.since), "why": self.held_back.why} if self.held_back else None,
            "letThroughUntil": _iso(self.let_through.until) if self.let_through else None,
        }


@dataclass(frozen=True)
class CheckResult:
    """The result of one check of a hospital, which was in this state before.

    `surveyed` tells whether its days were read; `behind` is as HospitalState has it, None where they were not compared;
    `lineage` is None where the stored one stays.
    """

    state: HospitalState
    at: datetime
    clock_skew: float
    surveyed: bool = True
    behind: Mapping[str, datetime] | None = None
    lineage: Document | None = None


@answering("reading the hospitals' states")
def hospital_states(passport: Passport, keys: Iterable[str] = ()) -> dict[str, HospitalState]:
    """The states of these hospitals, and of all others that have a document. Raises PassportError."""
    stored = {document["_id"]: _state_of(document) for document in passport[SOURCE_HOSPITALS].find()}
    return {key: HospitalState(key) for key in keys} | stored


@answering("reading a hospital's state")
def state_of(passport: Passport, key: str) -> HospitalState:
    """One hospital's state. Raises PassportError."""
    document = passport[SOURCE_HOSPITALS].find_one({"_id": key})
    return _state_of(document) if document else HospitalState(key)


def refuse_inactive(passport: Passport, key: str) -> HospitalState:
    """The hospital's state, which is active. Raises HospitalNotActive, PassportError."""
    state = state_of(passport, key)
    if not state.active:
        raise HospitalNotActive(f"{key}: the hospital is {state.description}; {_how_to_resume(state)}")
    return state


@answering("changing a hospital's state")
def change_state(  # noqa: PLR0917 - whose, what, why, who
    passport: Passport,
    registered: Iterable[str],
    key: str,
    state: str,
    reason: str,
    by: str,
    *,
    accept_restored: bool = False,
    accept_database: bool = False,
) -> HospitalState:
    """Pause, resume (`active`) or retire a hospital, and store who decided and why.

    `registered` are the keys of hospitals.yaml; a hospital that was in it once may be named too. After a resume the
    hospital is surveyed in full before anything else, so no change of the meantime is missed. With `accept_restored`
    its database as it is now is the right one, whatever was stored of it before; with `accept_database` it is this
    hospital's, too, whichever other hospital's it was. Resuming an active hospital changes nothing. Raises
    ConfigurationError (an unknown hospital, no reason, no name), PassportError.
    """
    states = hospital_states(passport, registered)
    now = passport.now()
    entry = history_entry(states, key, state, reason, by, f"is to be {state}", now)
    if state == ACTIVE and states[key].active and not accept_restored and not accept_database:
        return states[key]
    change: Document = {"$set": {"state": state}, "$push": {"stateHistory": entry}, "$unset": {"unanswered": ""}}
    if state == ACTIVE:
        change["$set"]["surveyAfter"] = now
        forgotten = ("lineage", "fingerprint") if accept_restored or accept_database else ()
        change["$unset"] |= dict.fromkeys(("inLineAt", "behindSince", "behind", *forgotten), "")
        if accept_database:
            change["$set"]["takesDatabase"] = True
    passport[SOURCE_HOSPITALS].update_one({"_id": key}, change, upsert=True)
    return state_of(passport, key)


def history_entry(  # noqa: PLR0917 - whose, what, why, who
    states: Mapping[str, HospitalState], key: str, state: str, reason: str, by: str, what: str, at: datetime
) -> Document:
    """The entry of the history for a decision about a hospital. Raises ConfigurationError for a hospital without a
    state, and where it is not said why the hospital `what` ("is to be paused"), or who decided it.
    """
    if key not in states:
        raise ConfigurationError(f"there is no hospital {key!r}, only: {', '.join(sorted(states)) or 'none'}")
    reason, by = reason.strip(), by.strip()
    if not reason or not by:
        raise ConfigurationError(f"{key}: say why the hospital {what}, and who decided it")
    return _entry(state, at, by, reason)


def first_seen(at: datetime) -> Document:
    """What a new document of a hospital begins with."""
    return {"state": ACTIVE, "stateHistory": [_entry(ACTIVE, at, PIPELINE, "seen for the first time")]}


@answering("stopping a hospital")
def stop(passport: Passport, read: HospitalState, reason: str) -> None:
    """Stop an active hospital, unless an operator has decided about it since its state was `read`. Raises
    PassportError.
    """
    now = passport.now()
    passport[SOURCE_HOSPITALS].update_one({"_id": read.key}, {"$setOnInsert": first_seen(now)}, upsert=True)
    change = {"$set": {"state": STOPPED}, "$push": {"stateHistory": _entry(STOPPED, now, PIPELINE, reason)}}
    passport[SOURCE_HOSPITALS].update_one({"_id": read.key, "state": ACTIVE} | same_lineage(read), change)


@answering("recording checks of hospitals")
def record_checks(passport: Passport, results: Iterable[CheckResult]) -> None:
    """Record the results of checks, with one command. Raises PassportError."""
    updates = [update for result in results for update in _updates(result)]
    if updates:
        passport[SOURCE_HOSPITALS].bulk_write(updates, ordered=True)


def _updates(result: CheckResult) -> Iterable[UpdateOne]:
    change: Document = {
        "$set": {"clockSkew": result.clock_skew} | ({"surveyedAt": result.at} if result.surveyed else {}),
        "$unset": {"unanswered": ""},
        "$setOnInsert": first_seen(result.at),
    }
    if result.behind:
        change["$set"] |= {"behind": dict(result.behind), "behindSince": min(result.behind.values())}
        change["$unset"] |= {"inLineAt": ""}
    elif result.behind is not None:
        change["$unset"] |= {"behind": "", "behindSince": ""}
        change["$set"] |= {} if result.state.up_to_date_since else {"inLineAt": result.at}
    yield UpdateOne({"_id": result.state.key}, change, upsert=True)
    if result.lineage is not None:
        # Not over one that another check has read, or an operator has made the pipeline forget, since.
        yield UpdateOne({"_id": result.state.key} | same_lineage(result.state), {"$set": {"lineage": result.lineage}})


def same_lineage(read: HospitalState) -> Document:
    """A filter that finds a hospital's document where its lineage is still the one that was `read`."""
    return {"lineage.readAt": (read.lineage or {}).get("readAt")}


def _state_of(document: Document) -> HospitalState:
    last = document["stateHistory"][-1]
    held_back, let_through, known = (document.get(name) for name in ("heldBack", "letThrough", "known"))
    return HospitalState(
        key=document["_id"],
        state=document["state"],
        since=last["at"],
        by=last["by"],
        reason=last["reason"],
        survey_after=document.get("surveyAfter"),
        surveyed_at=document.get("surveyedAt"),
        up_to_date_since=document.get("inLineAt"),
        behind_since=document.get("behindSince"),
        behind=document.get("behind") or {},
        clock_skew=document.get("clockSkew"),
        lineage=document.get("lineage"),
        unanswered=Unanswered.from_json(document.get("unanswered")),
        fingerprint=tuple(document["fingerprint"]) if "fingerprint" in document else None,
        takes_database=document.get("takesDatabase", False),
        first_seen=document["stateHistory"][0]["at"],
        held_back=_held_back(held_back) if held_back else None,
        let_through=LetThrough(let_through["until"], int(let_through["vanished"])) if let_through else None,
        known=None if known is None else _known(known),
    )


def _held_back(value: Document) -> HeldBack:
    return HeldBack(value["since"], value["why"], int(value["vanished"]), value.get("parking"))


def _known(value: Document) -> Known:
    filled = value.get("filled")
    return Known(value.get("usable"), None if filled is None else tuple(filled))


def _how_to_resume(state: HospitalState) -> str:
    command = f"`passport-pipeline hospitals resume {state.key}`"
    if state.state == STOPPED:
        return (
            f"{command} when the right database is back in its place, or the same with --accept-restored "
            "(--accept-database where it was another hospital's) when the database as it is now is the right one"
        )
    return f"{command} lets it take part again"


def _entry(state: str, at: datetime, by: str, reason: str) -> Document:
    return {"state": state, "at": at, "by": by, "reason": reason}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
