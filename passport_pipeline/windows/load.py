"""Step three of a window: the days that differ, from raw batches into the passport.

What belongs here: which days are loaded, and the walk of one day's frames through building, accounts and
reconciling. What does not: how a record is built (records), how it is written (passport).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pandas as pd

from passport_pipeline.batches import Batches
from passport_pipeline.digests import Digest, differing
from passport_pipeline.errors import BatchError
from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline.openmrs.lookups import Lookups
from passport_pipeline.passport.database import Passport
from passport_pipeline.passport.days import record_sync, recorded
from passport_pipeline.passport.people import Account, ensure_clinicians, ensure_hospital
from passport_pipeline.passport.reconciling import DayReconciler, DayResult
from passport_pipeline.records.building import build
from passport_pipeline.records.categories import RULES_VERSION
from passport_pipeline.records.documents import clinicians, documents
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
        """A hash of all that records are made of besides their rows: rules, lookups, matches."""
        matches = self.matches.sort_values("person_id").to_csv(index=False).encode()
        parts = [str(RULES_VERSION), self.hospital.name, self.hospital.timezone, self.lookups.content_hash()]
        return hashlib.blake2b("|".join(parts).encode() + matches, digest_size=16).hexdigest()

    def day(self, day: date, digest: Digest, inputs: str) -> DayResult:
        """Bring the passport's records of one day into line with the day's raw batch."""
        reconciler = DayReconciler(self.passport, self.hospital.key, day, self.account, self.run_id, self.now)
        skipped: dict[str, Digest] = {}
        for observations in self.batches.read_day(self.hospital.key, day):
            built = build(observations, self.lookups, self.hospital.name)
            accounts = ensure_clinicians(
                self.passport, self.hospital, self.account, clinicians(observations, self.lookups), self.settings
            )
            made = documents(
                built,
                observations,
                self.lookups,
                self.hospital,
                self.matches,
                accounts,
                self.now,
                self.run_id,
            )
            reconciler.apply(made.records, made.parked)
            for reason, rows in made.skipped.groupby("reason"):
                so_far = skipped.get(str(reason), Digest())
                skipped[str(reason)] = so_far + Digest.of(rows["row_crc"].to_numpy())
        return reconciler.close(digest, skipped, inputs)


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
    the passport recorded; `full` loads every day.

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
    for day in sorted(there.keys() | here.keys()) if full else sorted(stale):
        result.add(load.day(day, there.get(day, Digest()), inputs))
    result.records = sum(record.loaded for record in recorded(passport, hospital.key, month).values())
    record_sync(passport, account, now)
    return result
