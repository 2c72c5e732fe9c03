"""What each day of a hospital holds in the passport: as recorded after a run, and recomputed from the
documents.

What belongs here: digests and counts of days, and when a hospital was last synchronised. What does not:
bringing a day into line (reconciling), recording it (marks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any

import numpy as np
from pymongo import errors as mongo

from passport_pipeline.digests import Digest, window_of
from passport_pipeline.errors import PassportRefused
from passport_pipeline.passport.collections import CONFLICTS, DAYS, HOSPITALS, PARKED, RECORDS, SYNC
from passport_pipeline.passport.database import Document, Passport, answering
from passport_pipeline.passport.people import Account

CHUNK = 10_000


@dataclass(frozen=True)
class DayRecord:
    """A day as a run left it: its digest, what the records were made of, and its live rows by outcome.

    `inputs` is empty where the day is not in line, so that it equals no inputs.
    """

    digest: Digest
    inputs: str
    loaded: int = 0
    attached: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Totals:
    """Live rows by outcome; parked and skipped ones by reason."""

    loaded: int = 0
    attached: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class HospitalStatus:
    """What the passport recorded of one hospital: windows, rows by outcome, and the last run's time."""

    key: str
    windows: int
    last_day: date | None
    totals: Totals
    last_sync: datetime | None

    @property
    def loaded(self) -> int:
        """Rows that lead a record."""
        return self.totals.loaded

    @property
    def attached(self) -> int:
        """Rows that belong to another row's record."""
        return self.totals.attached

    @property
    def parked(self) -> Mapping[str, int]:
        """Parked rows by reason."""
        return self.totals.parked

    @property
    def skipped(self) -> Mapping[str, int]:
        """Skipped rows by reason."""
        return self.totals.skipped

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline status --json` prints it."""
        return {
            "key": self.key,
            "windows": self.windows,
            "lastDay": self.last_day.isoformat() if self.last_day else None,
            "loaded": self.loaded,
            "attached": self.attached,
            "parked": dict(self.parked),
            "skipped": dict(self.skipped),
            "lastSync": self.last_sync.isoformat() if self.last_sync else None,
        }


@answering("reading the recorded days")
def recorded(passport: Passport, hospital_key: str, month: str | None = None) -> dict[date, DayRecord]:
    """The days of a window (None: of all) as runs left them; days that never were in line have an empty
    digest.

    Raises PassportError.
    """
    found: dict[date, DayRecord] = {}
    for document in passport[DAYS].find(_of(hospital_key, month), sort=[("_id", 1)]):
        in_line = not document.get("writers") and "digest" in document
        digest = Digest.from_json(document["digest"]) if "digest" in document else Digest()
        outcomes = document.get("outcomes") or {}
        skipped = outcomes.get("skipped") or {}
        found[date.fromisoformat(document["day"])] = DayRecord(
            digest=digest,
            inputs=document.get("inputs", "") if in_line else "",
            loaded=int(outcomes.get("loaded", 0)),
            attached=int(outcomes.get("attached", 0)),
            parked={reason: int(rows) for reason, rows in (outcomes.get("parked") or {}).items()},
            skipped={reason: int(part["live"]) for reason, part in skipped.items()},
        )
    return found


@answering("reading the recorded windows")
def recorded_months(passport: Passport, hospital_key: str) -> list[str]:
    """The windows that a run recorded days of, oldest first. Raises PassportError."""
    return sorted(passport[DAYS].distinct("window", {"hospital": hospital_key}))


@answering("looking for windows that hold documents")
def held_months(passport: Passport, hospital_key: str) -> list[str]:
    """The windows that there are records or parked rows of, recorded or not, oldest first. Raises PassportError."""
    days = {
        *passport[RECORDS].distinct("source.day", {"source.hospital": hospital_key}),
        *passport[PARKED].distinct("day", {"hospital": hospital_key}),
    }
    return sorted({str(day)[:7] for day in days})


@answering("recomputing digests")
def recomputed(passport: Passport, hospital_key: str, month: str | None = None) -> dict[date, Digest]:
    """Every day's digest from the documents themselves, for one window or all.

    Records count with their rows, or with those of their open conflict; parked rows count, and what was
    skipped as the day recorded it. Days that hold nothing are absent. Memory does not grow with records.
    Raises PassportError.
    """
    fold = Fold()
    records, rows = _of_records(hospital_key, month), {"day": "$source.day", "crcs": "$source.rows.crc", "_id": 0}
    cursor = passport[RECORDS].find(records, rows, batch_size=CHUNK)
    for documents in _batched(cursor):
        fold.add(
            [document["day"] for document in documents],
            [document["crcs"] for document in documents],
        )
    fold_conflicts(passport, hospital_key, month, fold)
    cursor = passport[PARKED].find(_of(hospital_key, month), {"day": 1, "crcs": "$rows.crc"}, batch_size=CHUNK)
    for documents in _batched(cursor):
        fold.add(
            [document["day"] for document in documents],
            [document["crcs"] for document in documents],
        )
    digests = fold.digests()
    skipping = _of(hospital_key, month) | {"outcomes.skipped": {"$exists": True, "$ne": {}}}
    for document in passport[DAYS].find(skipping, {"day": 1, "outcomes.skipped": 1}):
        for part in document["outcomes"]["skipped"].values():
            digests[document["day"]] = digests.get(document["day"], Digest()) + Digest.from_json(part)
    return {date.fromisoformat(day): digests[day] for day in sorted(digests) if digests[day]}


def fold_conflicts(passport: Passport, hospital_key: str, days: str | None, fold: Fold) -> int:
    """Let the rows of open conflicts count in place of their records' own; returns how many conflicts there
    are.

    `days` is a window (YYYY-MM), one day (YYYY-MM-DD), or None for all.
    """
    conflicts: Document = {"hospital": hospital_key, "state": "open"}
    if days:
        conflicts["day"] = {"$gte": days, "$lte": f"{days}-31"}
    ids = []
    for conflict in passport[CONFLICTS].find(conflicts, {"day": 1, "rows.crc": 1}):
        ids.append(conflict["_id"])
        fold.add([conflict["day"]], [[row["crc"] for row in conflict["rows"]]])
    rows = {"source.day": 1, "source.rows.crc": 1}
    for record in passport[RECORDS].find({"_id": {"$in": ids}}, rows) if ids else ():
        fold.take_away(record["source"]["day"], [row["crc"] for row in record["source"]["rows"]])
    return len(ids)


@answering("counting rows by outcome")
def totals(passport: Passport, hospital_key: str, month: str | None = None) -> Totals:
    """Live rows by outcome, counted in the documents themselves; skipped ones as the days recorded them.

    Raises PassportError.
    """
    size = {"$group": {"_id": None, "documents": {"$sum": 1}, "rows": {"$sum": {"$size": "$source.rows"}}}}
    records = list(passport[RECORDS].aggregate([{"$match": _of_records(hospital_key, month)}, size]))
    loaded, rows = (records[0]["documents"], records[0]["rows"]) if records else (0, 0)
    conflicts = _of(hospital_key, month) | {"state": "open"}
    in_conflict = {found["_id"]: len(found["rows"]) for found in passport[CONFLICTS].find(conflicts, {"rows.crc": 1})}
    if in_conflict:
        held = passport[RECORDS].find({"_id": {"$in": list(in_conflict)}}, {"source.rows.crc": 1})
        rows += sum(in_conflict[record["_id"]] - len(record["source"]["rows"]) for record in held)
    by_reason = [
        {"$match": _of(hospital_key, month)},
        {"$group": {"_id": "$reason", "rows": {"$sum": {"$size": "$rows"}}}},
    ]
    parked = {found["_id"]: found["rows"] for found in passport[PARKED].aggregate(by_reason)}
    skipped: Counter[str] = Counter()
    for document in passport[DAYS].find(_of(hospital_key, month), {"outcomes.skipped": 1}):
        for reason, part in ((document.get("outcomes") or {}).get("skipped") or {}).items():
            skipped[reason] += int(part["live"])
    return Totals(loaded, rows - loaded, dict(sorted(parked.items())), dict(sorted(skipped.items())))


@answering("reading a hospital's status")
def status_of(passport: Passport, hospital_key: str) -> HospitalStatus:
    """What the passport recorded of one hospital, cheaply. Raises PassportError."""
    days = recorded(passport, hospital_key)
    parked: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for day in days.values():
        parked.update(day.parked)
        skipped.update(day.skipped)
    sums = Totals(
        sum(day.loaded for day in days.values()),
        sum(day.attached for day in days.values()),
        dict(sorted(parked.items())),
        dict(sorted(skipped.items())),
    )
    held = [day for day, content in days.items() if content.digest]
    hospital = passport[HOSPITALS].find_one({"openmrsHospitalKey": hospital_key}, {"_id": 1})
    sync = passport[SYNC].find_one({"hospitalId": str(hospital["_id"])}) if hospital else None
    return HospitalStatus(
        key=hospital_key,
        windows=len({window_of(day) for day in held}),
        last_day=max(held, default=None),
        totals=sums,
        last_sync=sync["lastSyncTime"] if sync else None,
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


class Fold:
    """Digests by day, folded from rows' checksums in a few vectorised steps."""

    def __init__(self) -> None:
        self._days: dict[str, list[int]] = {}

    def add(self, days: Sequence[str], crcs: Sequence[Sequence[int]]) -> None:
        """Take in documents: the day and the rows' checksums of each."""
        if not days:
            return
        numbers: dict[str, int] = {}
        codes = np.fromiter((numbers.setdefault(day, len(numbers)) for day in days), np.int64, len(days))
        counts = np.fromiter(map(len, crcs), np.int64, len(crcs))
        values = np.fromiter(chain.from_iterable(crcs), np.uint64, int(counts.sum()))
        values = values[np.argsort(np.repeat(codes, counts), kind="stable")]
        rows = np.bincount(codes, weights=counts, minlength=len(numbers)).astype(np.int64)
        ends = np.cumsum(rows)
        for day, code in numbers.items():
            part = values[ends[code] - rows[code] : ends[code]]
            if len(part):
                self._merge(day, len(part), int(np.bitwise_xor.reduce(part)), int(part.sum()))

    def take_away(self, day: str, crcs: Sequence[int]) -> None:
        """Take out rows that were added."""
        digest = Digest.of(crcs)
        self._merge(day, -digest.live, digest.crc_xor, -digest.crc_sum)

    def digests(self) -> dict[str, Digest]:
        """What was added, by day."""
        return {day: Digest(*parts) for day, parts in self._days.items()}

    def _merge(self, day: str, rows: int, crc_xor: int, crc_sum: int) -> None:
        parts = self._days.setdefault(day, [0, 0, 0])
        parts[0] += rows
        parts[1] ^= crc_xor
        parts[2] += crc_sum


def _of(hospital_key: str, month: str | None) -> Document:
    return {"hospital": hospital_key} | ({"window": month} if month else {})


def _of_records(hospital_key: str, month: str | None) -> Document:
    # As a range of days, which the index on hospital and day serves.
    days = {"source.day": {"$gte": f"{month}-01", "$lte": f"{month}-31"}} if month else {}
    return {"source.hospital": hospital_key} | days


def _batched(cursor: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in cursor:
        batch.append(document)
        if len(batch) == CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch
