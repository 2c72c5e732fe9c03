"""Step three of a window: the days that differ, from raw batches into the passport.

What belongs here: which days are loaded, and the walk of one day's frames through building, accounts and
reconciling. What does not: how a record is built (records), how it is written (passport).
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.gc_tuning import collecting_seldom
from passport_pipeline.passport.accounts import Account, ensure_clinicians, ensure_hospital
from passport_pipeline.passport.days.counts import recounted
from passport_pipeline.passport.days.state import record_sync, recorded
from passport_pipeline.passport.hospitals.lag import measure, record_lags
from passport_pipeline.passport.hospitals.state import refuse_inactive
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.parked.retry_policy import Retries, due_days
from passport_pipeline.passport.reconcile.day import DayReconciler, DayResult
from passport_pipeline.records.documents import Documents
from passport_pipeline.records.frames import Making
from passport_pipeline.sources.openmrs.lookups import Lookups
from passport_pipeline.windows.compare import DayState, DayStates, WindowComparison

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
        """Bring the passport's records of these days into line with their raw batches, a result a day, in their order.

        Small days are built together, since a frame costs more than its rows; a day larger than a frame comes in
        several. A day without a file ends with nothing in the passport. The documents of a frame are made while those
        of the frame before are written, several days at once; so there are those of two frames in memory.
        """
        waiting, closing = deque(days), deque[Future[DayResult]]()
        opened: OpenDay | None = None
        making = self._making()
        with _writers(self.settings.writers) as pool:
            for observations in self.batches.read_days(self.hospital.key, days, self.settings.batch_rows):
                parts = _by_day(making.documents_of(observations))
                yield from _results(closing)
                for day, part in parts:
                    while opened is None or opened.day != day:
                        if opened is not None:
                            closing.append(opened.close(pool, states))
                        opened = self._open(waiting.popleft())
                    opened.part = part
                if opened is not None:
                    opened.write(pool)
            if opened is not None:
                closing.append(opened.close(pool, states))
            closing += [self._open(day).close(pool, states) for day in waiting]
            yield from _results(closing)

    def _open(self, day: date) -> OpenDay:
        retries = Retries.of(self.settings)
        reconciler = DayReconciler(
            self.passport, self.hospital.key, day, self.account, self.run_id, self.now, retries, self.token
        )
        return OpenDay(reconciler, day)

    def _making(self) -> Making:
        known: dict[str, tuple[str, str]] = {}

        def accounts(clinicians: pd.DataFrame) -> dict[str, tuple[str, str]]:
            if not known.keys() >= {*clinicians["clinician_key"]}:
                known.update(ensure_clinicians(self.passport, self.hospital, self.account, clinicians, self.settings))
            return known

        return Making(self.lookups, self.hospital, self.matches, accounts, self.now, self.run_id)


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
    """A day that is being reconciled, and what a frame made of it that is still to be written.

    Its parts are written in their order, each as a whole, whichever threads that is in.
    """

    reconciler: DayReconciler
    day: date
    part: DayPart | None = None
    skipped: defaultdict[str, Digest] = field(default_factory=lambda: defaultdict(Digest))
    writing: Future[None] | None = None

    def write(self, pool: Executor) -> None:
        """Begin to write what the last frame made of the day, which the next may go on with."""
        part, self.part = self.part, None
        if part is not None:
            self.written()
            self.writing = pool.submit(self._write, part)

    def close(self, pool: Executor, states: DayStates) -> Future[DayResult]:
        """Write the rest, retract what the day no longer holds, and record it."""
        return pool.submit(self._close, states[self.day])

    def written(self) -> None:
        """Wait for what is being written."""
        if self.writing is not None:
            self.writing.result()

    def _write(self, part: DayPart) -> None:
        self.reconciler.apply(part.records, part.parked)
        for reason, digest in part.skipped.items():
            self.skipped[reason] += digest

    def _close(self, state: DayState) -> DayResult:
        self.written()
        if self.part is not None:
            self._write(self.part)
        return self.reconciler.close(state.digest, self.skipped, state.inputs)


@contextmanager
def _writers(threads: int) -> Iterator[Executor]:
    """Threads that write days; whatever happens, none is at it any more in the end."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="writer")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _results(closing: deque[Future[DayResult]]) -> Iterator[DayResult]:
    while closing:
        yield closing.popleft().result()


@collecting_seldom
def load_window(
    settings: Settings,
    batches: Batches,
    passport: Passport,
    compared: WindowComparison,
    *,
    run_id: str,
    token: int = 0,
    full: bool = False,
) -> Loaded:
    """Load the days of a window that differ (`compared`) from what the passport recorded in their raw batch, or in
    anything else that records are made of, and those with parked rows that are due; `full` loads every day, those too
    that only documents name.

    `token` is that of the run's lease on the window (leases): without one, no day that was ever loaded under a lease
    is changed. Touches no hospital. Raises HospitalNotActive, PassportError, BatchError.
    """
    hospital, month, made_of, there = compared.hospital, compared.month, compared.inputs, compared.wanted
    refuse_inactive(passport, hospital.key)
    now = passport.now()
    account = ensure_hospital(passport, hospital, settings)
    load = WindowLoad(
        settings, hospital, batches, passport, account, made_of.lookups, made_of.matches, run_id, now, token
    )
    stale = {*compared.stale, *due_days(passport, hospital.key, month, now)}
    result = Loaded(days=len(there.by_day))
    held = there.by_day.keys() | compared.recorded.keys()
    days = sorted(held | recounted(passport, hospital.key, [month]).keys() if full else stale)
    done = dict(zip(days, load.load(days, there), strict=True))
    # A record that moved between two days that were written at once has left a mark on one of them.
    after = recorded(passport, hospital.key, month)
    marked = [day for day, record in after.items() if day in done and not record.in_line]
    for day, again in zip(marked, load.load(marked, there), strict=True):
        done[day] = again.after(done[day])
    for each in done.values():
        result.add(each)
    result.records = sum(done.get(day, record).loaded for day, record in after.items())
    inserted = [day for day, each in done.items() if each.inserted]
    result.lags = measure(passport, hospital.key, account.hospital_id, inserted, run_id)
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
