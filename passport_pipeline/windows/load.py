"""Step three of a window: the days that differ, from raw batches into the passport.

What belongs here: which days are loaded, the accounts that their records need, and what is counted. What does not: how
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
from passport_pipeline.core.gc_tuning import collecting_seldom
from passport_pipeline.passport.accounts import ensure_clinicians, ensure_hospital
from passport_pipeline.passport.days.counts import recounted
from passport_pipeline.passport.days.state import record_sync, recorded
from passport_pipeline.passport.hospitals.lag import measure, record_lags
from passport_pipeline.passport.hospitals.state import refuse_inactive
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.parked.retry_policy import Retries, due_days
from passport_pipeline.passport.reconcile.day import DayReconciler, DayResult
from passport_pipeline.passport.run import Run
from passport_pipeline.records.frames import Accounts
from passport_pipeline.windows.compare import DayStates, WindowComparison
from passport_pipeline.windows.day_writer import day_parts, write_days
from passport_pipeline.windows.documents import documents_of
from passport_pipeline.windows.fingerprint import Inputs

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

    run: Run
    settings: Settings
    batches: Batches
    inputs: Inputs

    def load(self, days: Sequence[date], states: DayStates) -> Iterator[DayResult]:
        """Bring the passport's records of these days into line with their raw batches, a result a day, in their order.

        A day without a file ends with nothing in the passport.
        """
        run = self.run
        documents = documents_of(
            self.settings,
            self.batches,
            self.inputs,
            days,
            accounts=self._accounts(),
            now=run.now,
            run_id=run.run_id,
        )
        parts = day_parts(days, documents)
        return write_days(parts, lambda day: DayReconciler(run, day), states, self.settings.writers)

    def _accounts(self) -> Callable[[pd.DataFrame], Accounts]:
        """The accounts of clinicians, which are looked up, or made, once each."""
        run = self.run
        ensured: dict[str, tuple[str, str]] = {}

        def accounts(clinicians: pd.DataFrame) -> dict[str, tuple[str, str]]:
            if not ensured.keys() >= {*clinicians["clinician_key"]}:
                ensured.update(ensure_clinicians(run.passport, run.hospital, run.account, clinicians, self.settings))
            return ensured

        return accounts


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
    hospital, month, there = compared.hospital, compared.month, compared.wanted
    refuse_inactive(passport, hospital.key)
    now = passport.now()
    account = ensure_hospital(passport, hospital, settings)
    run = Run(passport, account, hospital, run_id, now, month, token, Retries.of(settings))
    load = WindowLoad(run, settings, batches, compared.inputs)
    stale = {*compared.stale, *due_days(passport, hospital.key, month, now)}
    result = Loaded(days=len(there.by_day))
    held = there.by_day.keys() | compared.recorded.keys()
    days = sorted(held | recounted(passport, hospital.key, [month]).keys() if full else stale)
    done = dict(zip(days, load.load(days, there), strict=True))
    # A record that moved between two days that were written at once has left a mark on one of them.
    after = recorded(passport, hospital.key, month)
    marked = [day for day, record in after.items() if day in done and not record.up_to_date]
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
