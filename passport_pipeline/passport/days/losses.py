"""How many records a hospital has lost since its days were recorded, and whether MongoDB itself lost them.

What belongs here: comparing what days recorded with how many records there are, in all days of a hospital at once. What
does not: what becomes of a record that is gone (reconcile.deletions), comparing with the hospital (verification).

The application deletes single records. What else removes records (a dropped collection, an older copy of it) removes
many, or brings others back that had gone, or older versions of them. This is found out before anything is repaired, and
noted for as long as the repair may take, since a loss that is half repaired looks like single deletions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from passport_pipeline.passport.days.dirty import DOUBTED, MISLISTED, UNLISTED
from passport_pipeline.passport.hospitals.state import first_seen
from passport_pipeline.passport.mongo.collections import DAYS, RECORDS, SOURCE_HOSPITALS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

MOST_DELETED = 20
REPAIRED_AFTER = timedelta(days=7)
# Markers of days in which no run is at work.
_QUIET = frozenset({DOUBTED, UNLISTED, MISLISTED})


@dataclass(frozen=True)
class Losses:
    """Records that days recorded, and how many of them are gone: `lost` of all days, `of_day` of one. `older` is
    whether any day holds what it held before it was recorded.
    """

    recorded: int
    lost: int
    of_day: int
    older: bool

    @property
    def by_damage(self) -> bool:
        """Whether MongoDB lost them, and nobody deleted them one by one."""
        return self.older or self.lost > MOST_DELETED or 2 * self.lost > self.recorded


@answering("comparing recorded days with their records")
def losses(passport: Passport, hospital_key: str, day: date | None = None, written: int = 0) -> Losses:
    """What a hospital has lost; days in which a run is at work are left out, but for `day`, to which the run that asks
    has so far added `written` records. Raises PassportError.
    """
    held = _held(passport, hospital_key)
    recorded = lost = of_day = 0
    older = False
    query = {"hospital": hospital_key, "outcomes": {"$exists": True}}
    for document in passport[DAYS].find(query, {"day": 1, "outcomes": 1, "writers": 1}):
        own = bool(day) and document["day"] == str(day)
        if not own and (document.get("writers") or {}).keys() - _QUIET:
            continue
        outcomes = document["outcomes"]
        records, versions = held.get(document["day"], (0, 0))
        expected = int(outcomes.get("records", outcomes["loaded"]))
        missing = expected - records + (written if own else 0)
        recorded += expected
        lost += max(0, missing)
        if own:
            of_day = max(0, missing)
        else:
            older |= missing < 0 or (missing == 0 and versions < outcomes.get("versions", 0))
    return Losses(recorded, lost, of_day, older)


@answering("noting that records were lost")
def note_damage(passport: Passport, hospital_key: str, found: Losses, now: datetime) -> None:
    """Note that MongoDB lost records of a hospital, if it did. Raises PassportError."""
    if found.by_damage:
        change = {"$set": {"recordsLostAt": now}, "$setOnInsert": first_seen(now)}
        passport[SOURCE_HOSPITALS].update_one({"_id": hospital_key}, change, upsert=True)


@answering("reading whether records were lost")
def damaged_at(passport: Passport, hospital_key: str, now: datetime) -> datetime | None:
    """When it was last found that MongoDB had lost records of a hospital; None where that has been repaired since.
    Raises PassportError.
    """
    hospital = passport[SOURCE_HOSPITALS].find_one({"_id": hospital_key}, {"recordsLostAt": 1}) or {}
    at: datetime | None = hospital.get("recordsLostAt")
    return at if at and now < at + REPAIRED_AFTER else None


def _held(passport: Passport, hospital_key: str) -> Mapping[str, tuple[int, int]]:
    """How many records each day (ISO) has, and the sum of their versions."""
    sums: Document = {"_id": "$source.day", "records": {"$sum": 1}, "versions": {"$sum": "$source.version"}}
    groups = passport[RECORDS].aggregate([{"$match": {"source.hospital": hospital_key}}, {"$group": sums}])
    return {group["_id"]: (group["records"], group["versions"]) for group in groups}
