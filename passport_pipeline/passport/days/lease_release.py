"""Leases as operators list them, and the release by hand of one that no run will give back.

What belongs here: listing, and releasing with who and why, which is stored with the lease. What does not: taking,
renewing and giving back (leases).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.days.leases import EXPIRED, NEXT_TOKEN, lease_id
from passport_pipeline.passport.mongo.collections import LEASES
from passport_pipeline.passport.mongo.database import Document, Passport, answering

RELEASED = "nobody"  # the holder of a lease that was released


@dataclass(frozen=True)
class Held:
    """A lease that has not run out: of which window, the run that holds it, since when (None where it was taken by a
    version that did not store this), and until when; times are MongoDB's, in UTC.
    """

    hospital: str
    month: str
    holder: str
    since: datetime | None
    expires: datetime

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline leases list --json` prints it."""
        return {
            "hospital": self.hospital,
            "month": self.month,
            "holder": self.holder,
            "since": self.since.isoformat() if self.since else None,
            "expires": self.expires.isoformat(),
        }


@dataclass(frozen=True)
class Release:
    """A lease that an operator released: what it was then, when that was, who did it and why."""

    lease: Held
    at: datetime
    by: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline leases list --json` prints it."""
        return {
            "hospital": self.lease.hospital,
            "month": self.lease.month,
            "holder": self.lease.holder,
            "expires": self.lease.expires.isoformat(),
            "at": self.at.isoformat(),
            "by": self.by,
            "reason": self.reason,
        }


@answering("listing leases")
def held_leases(passport: Passport, hospital_keys: Iterable[str] = ()) -> list[Held]:
    """The leases of these hospitals, or of all, that have not run out, by window. Raises PassportError."""
    query = _of(hospital_keys) | {"$expr": {"$not": [EXPIRED]}}
    return [
        Held(lease["hospital"], lease["window"], lease["holder"], lease.get("takenAt"), lease["expiresAt"])
        for lease in passport[LEASES].find(query, sort=[("_id", 1)])
    ]


@answering("listing leases")
def releases(passport: Passport, hospital_keys: Iterable[str] = ()) -> list[Release]:
    """The releases of these hospitals' leases, or of all, the latest first. Raises PassportError."""
    released = [
        _release(lease["hospital"], lease["window"], entry)
        for lease in passport[LEASES].find(_of(hospital_keys) | {"releases": {"$exists": True}})
        for entry in lease["releases"]
    ]
    return sorted(released, key=lambda release: release.at, reverse=True)


@answering("releasing a lease")
def release(passport: Passport, hospital_key: str, month: str, reason: str, by: str) -> Release:
    """Take a window's lease (`month` is `YYYY-MM`) from the run that holds it, so that others may have it. Its token
    grows, so the run changes nothing more if it still lives. Who did it, when and why is stored with the lease.

    Raises ConfigurationError (no run holds it, no reason, no name), PassportError.
    """
    reason, by = reason.strip(), by.strip()
    if not reason or not by:
        raise ConfigurationError(f"{hospital_key} {month}: say why the lease is to be released, and who decided it")
    entry = {
        "at": "$$NOW",
        "by": {"$literal": by},
        "reason": {"$literal": reason},
        **{name: f"${name}" for name in ("holder", "token", "takenAt", "expiresAt")},
    }
    change = {
        "releases": {"$concatArrays": [{"$ifNull": ["$releases", []]}, [entry]]},
        "holder": RELEASED,
        "token": NEXT_TOKEN,
        "expiresAt": "$$NOW",
    }
    held = {"_id": lease_id(hospital_key, month), "$expr": {"$not": [EXPIRED]}}
    before = passport[LEASES].find_one_and_update(held, [{"$set": change}], projection={"_id": 0, "token": 1})
    if before is None:
        raise ConfigurationError(
            f"{hospital_key} {month}: no run holds this window; nothing was changed. `passport-pipeline leases list` "
            "shows those that are held"
        )
    after = passport[LEASES].find_one({"_id": lease_id(hospital_key, month)}) or {}
    (own,) = [entry for entry in after["releases"] if entry["token"] == before["token"]]
    return _release(hospital_key, month, own)


def _of(hospital_keys: Iterable[str]) -> Document:
    keys = list(hospital_keys)
    return {"hospital": {"$in": keys}} if keys else {}


def _release(hospital_key: str, month: str, entry: Document) -> Release:
    lease = Held(hospital_key, month, entry["holder"], entry.get("takenAt"), entry["expiresAt"])
    return Release(lease, entry["at"], entry["by"], entry["reason"])
