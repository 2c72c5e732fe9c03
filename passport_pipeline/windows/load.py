"""Step three of a window: the days that differ, from raw batches into the passport.

What belongs here: which days are loaded, and the walk of one day's frames through building, accounts and
reconciling. What does not: how a record is built (records), how it is written (passport).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from passport_pipeline.batches import Batches
from passport_pipeline.digests import Digest, differing
from passport_pipeline.errors import BatchError
from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline.openmrs.lookups import Lookups
from passport_pipeline.passport.collections import CONTRACT_VERSION
from passport_pipeline.passport.database import Passport
from passport_pipeline.passport.days import recomputed, record_sync, recorded
from passport_pipeline.passport.people import Account, ensure_clinicians, ensure_hospital
from passport_pipeline.passport.reconciling import DayReconciler, DayResult
from passport_pipeline.records.building import build
from passport_pipeline.records.categories import RULES_VERSION
from passport_pipeline.records.documents import Documents, clinicians, documents
from passport_pipeline.windows.match import matches_name
from passport_pipeline.windows.references import stored_lookups

WRITTEN = ("inserted", "updated", "retracted", "unchanged", "conflicts")
OUTCOMES = ("loaded", "attached", "parked", "skipped")


@dataclass
class Loaded:
    """What the step did, summed over the days that it loaded; every count is of source rows or records."""

    days: int = 0
    days_loaded: int = 0
    records: int = 0  # of the whole window, after the step
    written: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(WRITTEN, 0)))
    outcomes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))

    def add(self, result: DayResult) -> None:
        """Count one day's result."""
        self.days_loaded += 1
        self.written.update(
            inserted=result.inserted,
            updated=result.updated,
            retracted=result.retracted,
            unchanged=result.unchanged,
            conflicts=result.conflicts,
        )
        self.outcomes.update(
            loaded=result.loaded,
            attached=result.attached,
            parked=sum(result.parked.values()),
            skipped=sum(result.skipped.values()),
        )


@dataclass(frozen=True)
class WindowLoad:
    """What every day of one window's load has in common."""

    settings: Settings
    hospital: Hospital
    batches: Batches
    passport: Passport
    account: Account
    lookups: Lookups
    matches: pd.DataFrame
    run_id: str
    now: datetime

    def inputs(self) -> str:
        """A hash of all that records are made of besides their rows: rules, contract, lookups, matches."""
        matches = self.matches.sort_values("person_id").to_csv(index=False).encode()
        parts = [
            str(RULES_VERSION),
            str(CONTRACT_VERSION),
            self.hospital.name,
            self.hospital.timezone,
            self.lookups.content_hash(),
        ]
        return hashlib.blake2b("|".join(parts).encode() + matches, digest_size=16).hexdigest()

    def load(self, days: Sequence[date], digests: Mapping[date, Digest], inputs: str) -> Iterator[DayResult]:
        """Bring the passport's records of these days into line with their raw batches, a result a day.

        Small days are built together, since a frame costs more than its rows; a day larger than a frame comes in
        several. A day without a file ends with nothing in the passport.
        """
        waiting = deque(days)
        opened: OpenDay | None = None
        for observations in self.batches.read_days(self.hospital.key, days, self.settings.batch_rows):
            made = self._documents(observations)
            for day, part in _by_day(made):
                while opened is None or opened.day != day:
                    if opened is not None:
                        yield opened.close(digests, inputs)
                    opened = self._open(waiting.popleft())
                opened.apply(part)
        if opened is not None:
            yield opened.close(digests, inputs)
        for day in waiting:
            yield self._open(day).close(digests, inputs)

    def _open(self, day: date) -> OpenDay:
        return OpenDay(day, DayReconciler(self.passport, self.hospital.key, day, self.account, self.run_id, self.now))

    def _documents(self, observations: pd.DataFrame) -> Documents:
        built = build(observations, self.lookups, self.hospital.name)
        accounts = ensure_clinicians(
            self.passport, self.hospital, self.account, clinicians(observations, self.lookups), self.settings
        )
        return documents(
            built, observations, self.lookups, self.hospital, self.matches, accounts, self.now, self.run_id
        )


@dataclass
class DayPart:
    """What one frame makes of one day."""

    records: list[dict[str, Any]] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, Digest] = field(default_factory=dict)


def _by_day(made: Documents) -> list[tuple[date, DayPart]]:
    parts: defaultdict[str, DayPart] = defaultdict(DayPart)
    for record in made.records:
        parts[record["source"]["day"]].records.append(record)
    for parked in made.parked:
        parts[parked["day"]].parked.append(parked)
    for (day, reason), rows in made.skipped.groupby(["day", "reason"]):
        parts[f"{day:%Y-%m-%d}"].skipped[str(reason)] = Digest.of(rows["row_crc"].to_numpy())
    return [(date.fromisoformat(day), parts[day]) for day in sorted(parts)]


@dataclass
class OpenDay:
    """A day that is being reconciled, and the rows that rules have skipped of it so far."""

    day: date
    reconciler: DayReconciler
    skipped: defaultdict[str, Digest] = field(default_factory=lambda: defaultdict(Digest))

    def apply(self, part: DayPart) -> None:
        """Bring what a frame makes of the day into line."""
        self.reconciler.apply(part.records, part.parked)
        for reason, digest in part.skipped.items():
            self.skipped[reason] += digest

    def close(self, digests: Mapping[date, Digest], inputs: str) -> DayResult:
        """Retract what the day no longer holds, and record it."""
        return self.reconciler.close(digests.get(self.day, Digest()), self.skipped, inputs)


def load_window(
    settings: Settings,
    hospital: Hospital,
    batches: Batches,
    passport: Passport,
    month: str,
    *,
    run_id: str,
    full: bool = False,
) -> Loaded:
    """Load the days of a window whose raw batch, or anything else that records are made of, differs from what
    the passport recorded; `full` loads every day, those too that only documents name.

    Touches no hospital. Raises PassportError, BatchError.
    """
    now = datetime.now(UTC)
    lookups = stored_lookups(hospital.key, batches)
    matches = batches.read_frames(hospital.key, matches_name(month))
    if lookups is None or matches is None:
        raise BatchError(
            f"{hospital.key} {month}: lookups or matches are missing beside the raw batches; "
            "materialise obs_batch and patient_matches of this window first"
        )
    account = ensure_hospital(passport, hospital, settings)
    load = WindowLoad(settings, hospital, batches, passport, account, lookups, matches[0]["matches"], run_id, now)
    inputs = load.inputs()
    there = batches.days(hospital.key, month)
    here = recorded(passport, hospital.key, month)
    stale = set(differing(there, {day: record.digest for day, record in here.items()}))
    stale |= {day for day, record in here.items() if record.inputs != inputs}
    result = Loaded(days=len(there))
    days = sorted(there.keys() | here.keys() | recomputed(passport, hospital.key, month).keys() if full else stale)
    for day in load.load(days, there, inputs):
        result.add(day)
    result.records = sum(record.loaded for record in recorded(passport, hospital.key, month).values())
    record_sync(passport, account, now)
    return result
