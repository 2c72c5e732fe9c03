"""What each day of a hospital holds in the passport, as recorded after a run.

What belongs here: digests and counts of days, and when a hospital was last synchronised. What does not: bringing a day
up to date (reconcile), recording it (dirty), counting in the documents themselves (counts).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Self

from pymongo import errors as mongo

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.accounts import Account
from passport_pipeline.passport.hospitals.lag import Lag
from passport_pipeline.passport.hospitals.state import HeldBack, state_of
from passport_pipeline.passport.hospitals.unanswered import Unanswered
from passport_pipeline.passport.mongo.collections import CONFLICTS, DAYS, HOSPITALS, PARKED, RECORDS, SYNC
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.parked.retry_policy import exhausted_rows

UNREAD = dict.fromkeys(("hospital", "window", "runId", "fence", "allergies"), 0)


@dataclass(frozen=True)
class DayRecord:
    """A day as a run left it: its digest, what the records were made of, and its live rows by outcome.

    `inputs` is empty where the day is not up to date, so that it equals no inputs. `recorded_at` is when a run last
    recorded something new. `versions` is the sum of its records' versions, None where the day was
    recorded before they were summed up.
    """

    digest: Digest
    inputs: str
    loaded: int = 0
    attached: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    recorded_at: datetime | None = None
    versions: int | None = None

    @property
    def up_to_date(self) -> bool:
        """Whether a run has closed the day, none has marked it dirty since, and it is not due to be checked again."""
        return bool(self.inputs)


@dataclass(frozen=True)
class DayCount:
    """A day as its documents have it (counts): its digest, and its live rows by outcome.

    Skipped rows have no document: they count as the day recorded them, with the digest `left_out`. `records` counts
    documents, also of those that no row leads.
    """

    digest: Digest = field(default_factory=Digest)
    loaded: int = 0
    attached: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    left_out: Digest = field(default_factory=Digest)
    versions: int = 0
    records: int = 0

    def contradicts(self, day: DayRecord) -> bool:
        """Whether these cannot be the documents that a run left when it recorded the day: their rows have other
        outcomes, or their versions are older. Newer versions are decided conflicts.
        """
        same_outcomes = (self.loaded, self.attached, self.parked) == (day.loaded, day.attached, day.parked)
        return not same_outcomes or (day.versions is not None and self.versions < day.versions)

    def __add__(self, other: DayCount) -> DayCount:
        return DayCount(
            self.digest + other.digest,
            self.loaded + other.loaded,
            self.attached + other.attached,
            _summed(self.parked, other.parked),
            _summed(self.skipped, other.skipped),
            self.left_out + other.left_out,
            self.versions + other.versions,
            self.records + other.records,
        )


@dataclass(frozen=True)
class Totals:
    """Live rows by outcome: loaded ones lead a record, attached ones belong to it; parked and skipped by reason."""

    loaded: int = 0
    attached: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, days: Collection[DayRecord | DayCount]) -> Self:
        """The sums over these days."""
        return cls(
            loaded=sum(day.loaded for day in days),
            attached=sum(day.attached for day in days),
            parked=_summed(*(day.parked for day in days)),
            skipped=_summed(*(day.skipped for day in days)),
        )


@dataclass(frozen=True)
class HospitalStatus:
    """What the passport recorded of one hospital: windows, rows by outcome, and the last run's time."""

    key: str
    windows: int
    last_day: date | None
    totals: Totals
    last_sync: datetime | None
    exhausted: int = 0  # of the parked rows: no longer tried by themselves
    conflicts: int = 0  # open ones
    lag: Lag | None = None  # None before a row was measured
    unanswered: Unanswered | None = None  # None where it answered at the last check
    held_back: HeldBack | None = None  # as a whole

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline status --json` prints it."""
        return {
            "key": self.key,
            "windows": self.windows,
            "lastDay": self.last_day.isoformat() if self.last_day else None,
            "loaded": self.totals.loaded,
            "attached": self.totals.attached,
            "parked": dict(self.totals.parked),
            "exhausted": self.exhausted,
            "conflicts": self.conflicts,
            "skipped": dict(self.totals.skipped),
            "lastSync": self.last_sync.isoformat() if self.last_sync else None,
            "lag": self.lag.to_json() if self.lag else None,
            "unanswered": self.unanswered.to_json() if self.unanswered else None,
            "heldBack": self.held_back.description if self.held_back else None,
        }


@answering("reading the recorded days")
def recorded(
    passport: Passport, hospital_key: str, month: str | None = None, *, counts: bool = True
) -> dict[date, DayRecord]:
    """The days of a window (None: of all) as runs left them; days that never were up to date have an
    empty digest.

    Without `counts`, what became of the rows stays unread, which halves the time. Raises PassportError.
    """
    unread = UNREAD if counts else UNREAD | {"outcomes": 0}
    days: dict[date, DayRecord] = {}
    now: datetime | None = None
    for document in passport[DAYS].find(_of(hospital_key, month), unread, sort=[("_id", 1)]):
        up_to_date = not document.get("writers") and "digest" in document
        if "lookAgainAt" in document:
            now = now or passport.now()
            up_to_date = up_to_date and document["lookAgainAt"] > now
        digest = Digest.from_json(document["digest"]) if "digest" in document else Digest()
        outcomes = document.get("outcomes") or {}
        skipped = outcomes.get("skipped") or {}
        days[date.fromisoformat(document["day"])] = DayRecord(
            digest=digest,
            inputs=document.get("inputs", "") if up_to_date else "",
            loaded=int(outcomes.get("loaded", 0)),
            attached=int(outcomes.get("attached", 0)),
            parked={reason: int(rows) for reason, rows in (outcomes.get("parked") or {}).items()},
            skipped={reason: int(part["live"]) for reason, part in skipped.items()},
            recorded_at=document.get("recordedAt"),
            versions=outcomes.get("versions"),
        )
    return days


@answering("checking whether days were recorded")
def recorded_version(passport: Passport, hospital_key: str) -> str | None:
    """A short text that changes whenever a run records, adds or deletes a day of the hospital; None while a day is
    dirty, or is due to be checked again. MongoDB sums it up. A change by hand of a document does not change it.
    Raises PassportError.
    """
    # A missing field is less than any time, and than null.
    again = {"$and": [{"$gt": ["$lookAgainAt", None]}, {"$lte": ["$lookAgainAt", "$$NOW"]}]}
    summed: Document = {
        "_id": None,
        "days": {"$sum": 1},
        # A run gives every day that it records the time at which it began.
        "recorded": {"$sum": {"$toLong": "$recordedAt"}},
        "stale": {"$sum": {"$cond": [{"$or": [{"$gt": ["$writers", {}]}, again]}, 1, 0]}},
    }
    for sums in passport[DAYS].aggregate([{"$match": {"hospital": hospital_key}}, {"$group": summed}]):
        return None if sums["stale"] else f"{sums['days']} {sums['recorded']}"
    return "0"


@answering("reading the recorded windows")
def recorded_months(passport: Passport, hospital_key: str) -> list[str]:
    """The windows that a run recorded days of, oldest first. Raises PassportError."""
    return sorted(passport[DAYS].distinct("window", {"hospital": hospital_key}))


@answering("looking for windows that hold documents")
def held_months(passport: Passport, hospital_key: str) -> list[str]:
    """The windows that hold records or parked rows, recorded or not, oldest first. Raises PassportError."""
    days = {
        *passport[RECORDS].distinct("source.day", {"source.hospital": hospital_key}),
        *passport[PARKED].distinct("day", {"hospital": hospital_key}),
    }
    return sorted({str(day)[:7] for day in days})


@answering("reading a hospital's status")
def status_of(passport: Passport, hospital_key: str) -> HospitalStatus:
    """What the passport recorded of one hospital, cheaply. Raises PassportError."""
    days, state = recorded(passport, hospital_key), state_of(passport, hospital_key)
    held = [day for day, content in days.items() if content.digest]
    hospital = passport[HOSPITALS].find_one({"openmrsHospitalKey": hospital_key}, {"_id": 1})
    fields = {"lastSyncTime": 1, "freshness.p50": 1, "freshness.p95": 1, "freshness.rows": 1}
    sync = passport[SYNC].find_one({"hospitalId": str(hospital["_id"])}, fields) if hospital else None
    return HospitalStatus(
        key=hospital_key,
        windows=len({month_of(day) for day in held}),
        last_day=max(held, default=None),
        totals=Totals.of(days.values()),
        last_sync=sync["lastSyncTime"] if sync else None,
        lag=Lag.from_json(sync.get("freshness")) if sync else None,
        exhausted=exhausted_rows(passport, hospital_key),
        unanswered=state.unanswered,
        conflicts=passport[CONFLICTS].count_documents({"hospital": hospital_key, "state": "open"}),
        held_back=state.held_back,
    )


@answering("recording the time of synchronisation")
def record_sync(passport: Passport, account: Account, at: datetime) -> None:
    """Note when the hospital was last synchronised; an earlier time never replaces a later one.

    Raises PassportError.
    """
    change = {
        "$max": {"lastSyncTime": at, "updatedAt": at},
        "$setOnInsert": {"createdAt": at, "__v": 0},
    }
    for _ in range(3):
        try:
            passport[SYNC].update_one({"hospitalId": account.hospital_id}, change, upsert=True)
        except mongo.DuplicateKeyError:
            continue
        return
    raise PassportRefused("syncstatus holds a hospital's entry that cannot be updated")


def _of(hospital_key: str, month: str | None) -> Document:
    return {"hospital": hospital_key} | ({"window": month} if month else {})


def _summed(*counts: Mapping[str, int]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for by_reason in counts:
        sums.update(by_reason)
    return dict(sorted(sums.items()))
