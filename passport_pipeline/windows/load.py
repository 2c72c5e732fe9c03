"""Step three of a window: the days that differ, from raw batches into the passport.

What belongs here: which days are loaded, the accounts that their records need, and the counts. What does not: how
documents are made (documents), in which order days are written (day_writer), how a record is written (passport).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.gc_tuning import collecting_less_often
from passport_pipeline.passport.accounts import ensure_clinicians, ensure_hospital
from passport_pipeline.passport.days.counts import recounted
from passport_pipeline.passport.days.state import record_sync, recorded
from passport_pipeline.passport.hospitals.lag import measure, record_lags
from passport_pipeline.passport.hospitals.state import refuse_inactive
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.parked.retry_policy import Retries, due_days
from passport_pipeline.passport.reconcile.day import DayReconciler, DayResult
from passport_pipeline.passport.run import Run
from passport_pipeline.records.documents import Accounts
from passport_pipeline.windows.compare import DayStates, WindowComparison
from passport_pipeline.windows.day_writer import day_parts, write_days
from passport_pipeline.windows.documents import documents_of
from passport_pipeline.windows.fingerprint import Dependencies

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
        self.written.update({name: getattr(result, name) for name in WRITTEN})
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

    run: Run
    settings: Settings
    batches: Batches
    dependencies: Dependencies

    def load(self, days: Sequence[date], states: DayStates) -> Iterator[DayResult]:
        """Bring the passport's records of these days up to date with their raw batches; a result a day, in their order.

        Of a day without a file, nothing stays in the passport.
        """
        run = self.run
        documents = documents_of(
            self.settings,
            self.batches,
            self.dependencies,
            days,
            accounts=self._accounts(),
            now=run.now,
            run_id=run.run_id,
        )
        parts = day_parts(days, documents)
        return write_days(parts, lambda day: DayReconciler(run, day), states, self.settings.writers)

    def _accounts(self) -> Callable[[pd.DataFrame], Accounts]:
        """The accounts of clinicians, each of which is looked up or created once, and the hospital's, by None."""
        run = self.run
        ensured: dict[str | None, tuple[str, str | None]] = {None: (run.account.user_id, None)}

        def accounts(clinicians: pd.DataFrame) -> Accounts:
            if not ensured.keys() >= {*clinicians["clinician_key"]}:
                ensured.update(ensure_clinicians(run.passport, run.hospital, run.account, clinicians, self.settings))
            return ensured

        return accounts


@collecting_less_often
def load_window(
    settings: Settings,
    batches: Batches,
    passport: Passport,
    comparison: WindowComparison,
    *,
    run_id: str,
    token: int = 0,
    full: bool = False,
) -> Loaded:
    """Load the days of a window that are stale by the `comparison`, and those with parked rows that are due; `full`
    loads every day, also those that only documents name.

    `token` is that of the run's lease on the window (leases): without one, no day that was ever loaded under a lease
    is changed. No hospital is read. Raises HospitalNotActive, PassportError, BatchError.
    """
    hospital, month, states = comparison.hospital, comparison.month, comparison.states
    refuse_inactive(passport, hospital.key)
    now = passport.now()
    account = ensure_hospital(passport, hospital, settings)
    run = Run(passport, account, hospital, run_id, now, month, token, Retries.of(settings))
    load = WindowLoad(run, settings, batches, comparison.dependencies)
    stale = {*comparison.stale, *due_days(passport, hospital.key, month, now)}
    all_days = states.by_day.keys() | comparison.recorded.keys()
    days = sorted(all_days | recounted(passport, hospital.key, [month]).keys() if full else stale)
    results = dict(zip(days, load.load(days, states), strict=True))
    # A record that moved between two days that were written at once has left a dirty marker on one of them.
    records = recorded(passport, hospital.key, month)
    dirty = [day for day, record in records.items() if day in results and not record.up_to_date]
    for day, second in zip(dirty, load.load(dirty, states), strict=True):
        results[day] = second.after(results[day])
    loaded = Loaded(days=len(states.by_day))
    for result in results.values():
        loaded.add(result)
    loaded.records = sum(results.get(day, record).loaded for day, record in records.items())
    inserted = [day for day, result in results.items() if result.inserted]
    loaded.lags = measure(passport, hospital.key, account.hospital_id, inserted, run_id)
    record_sync(passport, account, now)
    record_lags(passport, account.hospital_id, loaded.lags)
    if loaded.exhausted:
        _warn_of_exhausted(hospital.key, month, loaded.exhausted)
    return loaded


def _warn_of_exhausted(hospital_key: str, month: str, exhausted: Counter[str]) -> None:
    log.warning(
        "%s %s: %d parked records have failed their last attempt (%s) and are not tried again by themselves; see "
        "`passport-pipeline parked list --state exhausted`, mend the cause, then `parked replay`",
        hospital_key,
        month,
        exhausted.total(),
        ", ".join(f"{reason}: {records}" for reason, records in sorted(exhausted.items())),
    )
