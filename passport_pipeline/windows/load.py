"""Step three of a window: the days that differ, from raw batches into the passport.

What belongs here: which days are loaded, and the walk of one day's frames through building, accounts and
reconciling. What does not: how a record is built (records), how it is written (passport).
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from passport_pipeline.batches import Batches
from passport_pipeline.digests import Digest
from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline.openmrs.lookups import Lookups
from passport_pipeline.passport.database import Passport
from passport_pipeline.passport.days import record_sync, recorded
from passport_pipeline.passport.freshness import measure, record_lags
from passport_pipeline.passport.hospital_states import refuse_inactive
from passport_pipeline.passport.people import Account, ensure_clinicians, ensure_hospital
from passport_pipeline.passport.reconciling import DayReconciler, DayResult
from passport_pipeline.passport.recounting import recounted
from passport_pipeline.passport.retrying import Retries, due_days
from passport_pipeline.records.building import build
from passport_pipeline.records.documents import Documents, clinicians, documents
from passport_pipeline.windows.inputs import stored_inputs
from passport_pipeline.windows.staleness import DayStates, window_states

WRITTEN = ("inserted", "updated", "retracted", "unchanged", "conflicts")
OUTCOMES = ("loaded", "attached", "parked", "skipped")

log = logging.getLogger(__name__)


@dataclass
class Loaded:
    """What the step did, summed over the days that it loaded; every count is of source rows or records."""

    days: int = 0
    days_loaded: int = 0
    records: int = 0  # of the whole window, after the step
    written: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(WRITTEN, 0)))
    outcomes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))
    exhausted: Counter[str] = field(default_factory=Counter)  # records whose last attempt this was, by reason
    lags: list[float] = field(default_factory=list)  # seconds from a row's creation to its record, of those inserted

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
        self.exhausted.update(result.exhausted)


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
    token: int

    def load(self, days: Sequence[date], states: DayStates) -> Iterator[DayResult]:
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
                        yield opened.close(states)
                    opened = self._open(waiting.popleft())
                opened.apply(part)
        if opened is not None:
            yield opened.close(states)
        for day in waiting:
            yield self._open(day).close(states)

    def _open(self, day: date) -> OpenDay:
        retries = Retries.of(self.settings)
        reconciler = DayReconciler(
            self.passport, self.hospital.key, day, self.account, self.run_id, self.now, retries, self.token
        )
        return OpenDay(day, reconciler)

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

    def close(self, states: DayStates) -> DayResult:
        """Retract what the day no longer holds, and record it."""
        return self.reconciler.close(states[self.day].digest, self.skipped, states[self.day].inputs)


def load_window(
    settings: Settings,
    hospital: Hospital,
    batches: Batches,
    passport: Passport,
    month: str,
    *,
    run_id: str,
    token: int = 0,
    full: bool = False,
) -> Loaded:
    """Load the days of a window whose raw batch, or anything else that records are made of, differs from what
    the passport recorded, and those with parked rows that are due; `full` loads every day, those too that only
    documents name.

    `token` is that of the run's lease on the window (leases): without one, no day that was ever loaded under a lease
    is changed. Touches no hospital. Raises HospitalNotActive, PassportError, BatchError.
    """
    refuse_inactive(passport, hospital.key)
    now = datetime.now(UTC)
    made_of = stored_inputs(hospital, batches, month)
    account = ensure_hospital(passport, hospital, settings)
    load = WindowLoad(
        settings, hospital, batches, passport, account, made_of.lookups, made_of.matches, run_id, now, token
    )
    there = window_states(batches, made_of, month)
    here = recorded(passport, hospital.key, month)
    stale = {*there.stale(here), *due_days(passport, hospital.key, month, now)}
    result = Loaded(days=len(there.by_day))
    held = there.by_day.keys() | here.keys()
    days = sorted(held | recounted(passport, hospital.key, [month]).keys() if full else stale)
    for day, done in zip(days, load.load(days, there), strict=True):
        result.add(done)
        if done.inserted:
            result.lags += measure(passport, hospital.key, account.hospital_id, day, run_id)
    result.records = sum(record.loaded for record in recorded(passport, hospital.key, month).values())
    record_sync(passport, account, now)
    record_lags(passport, account.hospital_id, result.lags)
    if result.exhausted:
        _warn_of_exhausted(hospital.key, month, result.exhausted)
    return result


def _warn_of_exhausted(hospital_key: str, month: str, exhausted: Counter[str]) -> None:
    log.warning(
        "%s %s: %d parked records have failed their last attempt (%s) and are not tried again by themselves; see "
        "`passport-pipeline parked list --state exhausted`, mend the cause, then `parked replay`",
        hospital_key,
        month,
        exhausted.total(),
        ", ".join(f"{reason}: {records}" for reason, records in sorted(exhausted.items())),
    )
