"""Whether the next load of a window is plausible, by what the passport holds of the same days. It is checked before
anything is published, so that an emptied database, or a setting that matches nobody, does not empty the passport.

What belongs here: comparing what a load would do with what was recorded. What does not: the hospital as a whole
(hospital_plausibility), how a record is made (records), holding the window back (orchestration.assets.records). Nothing
is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.row_references import Ids
from passport_pipeline.passport.days.record_rows import record_rows
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.records.documents import Accounts
from passport_pipeline.sources.drafts import ATTACHED, LEAD, PARKED
from passport_pipeline.windows.compare import WindowComparison
from passport_pipeline.windows.documents import documents_of
from passport_pipeline.windows.fingerprint import Dependencies

ACCEPT_TAG = "passport/accept"
HELD_BACK_TAG = "passport/held-back"


@dataclass(frozen=True)
class DayChange:
    """A day that would be loaded: its live rows as recorded, and as they are in its raw batch."""

    day: date
    before: int
    now: int

    @property
    def vanished(self) -> int:
        """Rows fewer than before."""
        return max(0, self.before - self.now)


@dataclass(frozen=True)
class Plausibility:
    """What a load would do to the days of a window that are stale and were recorded before.

    in_records  their rows that were loaded or attached
    parked      those of them that would be parked, by reason
    removed     those of them that would leave the records, for whatever reason
    patients    the persons whose rows would leave
    """

    window: tuple[str, str]
    settings: Settings
    days: Sequence[DayChange] = ()
    in_records: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    removed: int = 0
    patients: int = 0

    @property
    def before(self) -> int:
        """Live rows as recorded."""
        return sum(day.before for day in self.days)

    @property
    def vanished(self) -> int:
        """Rows that days lose; what other days gain is not subtracted."""
        return sum(day.vanished for day in self.days)

    @property
    def to_be_parked(self) -> int:
        """Rows that are loaded or attached and would be parked."""
        return sum(self.parked.values())

    @property
    def faults(self) -> list[str]:
        """What is not plausible, with its numbers; nothing where all is."""
        limits, faults = self.settings, []
        if _exceeds(self.vanished, self.before, limits.max_shrink, limits.guard_rows):
            faults.append(
                f"{self.vanished} of {self.before} live rows of {len(self.days)} days are no longer at the hospital "
                f"(PASSPORT_MAX_SHRINK is {limits.max_shrink:.0%})"
            )
        if _exceeds(self.to_be_parked, self.in_records, limits.max_parked, limits.guard_rows):
            reasons = ", ".join(f"{reason}: {rows}" for reason, rows in sorted(self.parked.items()))
            faults.append(
                f"{self.to_be_parked} of {self.in_records} rows that patients see would be parked ({reasons}; "
                f"PASSPORT_MAX_PARKED is {limits.max_parked:.0%})"
            )
        return faults

    @property
    def message(self) -> str | None:
        """Why the window is held back, and how to let it through; None where it is plausible."""
        if not self.faults:
            return None
        hospital, month = self.window
        return (
            f"held back, nothing was changed: {'; and '.join(self.faults)}. The hospital's database may have been "
            "emptied or restored from a backup, or its identifier types, the passport's patients or the rules have "
            "changed. If it is right so, let it through: `passport-pipeline sync "
            f"--hospital {hospital} --from {month} --to {month} --accept`, or a run with the tag {ACCEPT_TAG}: true"
        )


def check_plausibility(
    settings: Settings, batches: Batches, passport: Passport, comparison: WindowComparison
) -> Plausibility:
    """Compare what a load of a window's stale days would do with what the passport recorded of them.

    Costs next to nothing where no day would be loaded, else making the days' documents once more. Raises PassportError,
    BatchError.
    """
    records, window = comparison.recorded, (comparison.hospital.key, comparison.month)
    stale = [day for day in comparison.stale if day in records]
    days = [DayChange(day, records[day].digest.live, comparison.states[day].digest.live) for day in stale]
    in_records = sum(records[day].loaded + records[day].attached for day in stale)
    if not in_records:
        return Plausibility(window, settings, days)
    outcomes = _outcomes(settings, batches, comparison.dependencies, stale)
    if not outcomes.parked and not any(day.vanished for day in days):
        return Plausibility(window, settings, days, in_records)
    current = record_rows(passport, comparison.hospital.key, stale)
    parked = {reason: int(np.isin(rows, current.rows).sum()) for reason, rows in outcomes.parked.items()}
    removed = ~np.isin(current.rows, outcomes.in_records)
    return Plausibility(
        window,
        settings,
        days,
        in_records,
        parked={reason: rows for reason, rows in parked.items() if rows},
        removed=int(removed.sum()),
        patients=np.unique(current.persons[removed]).size,
    )


@dataclass(frozen=True)
class _Outcomes:
    """The row_ids of rows that would be loaded or attached, and of those that would be parked, by reason."""

    in_records: Ids
    parked: Mapping[str, Ids]


def _exceeds(rows: int, of: int, share: float, least: int) -> bool:
    return rows >= least and rows > share * of


def _outcomes(settings: Settings, batches: Batches, dependencies: Dependencies, days: Sequence[date]) -> _Outcomes:
    """The outcomes that the rows of these days would have."""
    in_records: list[Ids] = [np.empty(0, dtype=np.int64)]
    parked: defaultdict[str, list[Ids]] = defaultdict(list)
    now = datetime.now(UTC)
    for documents in documents_of(settings, batches, dependencies, days, accounts=_no_accounts, now=now, run_id=""):
        outcomes = documents.outcomes
        rows = outcomes["row_id"].to_numpy(dtype=np.int64)
        in_records.append(rows[outcomes["outcome"].isin([LEAD, ATTACHED]).to_numpy()])
        for reason, row_ids in outcomes.loc[outcomes["outcome"] == PARKED].groupby("reason")["row_id"]:
            parked[str(reason)].append(row_ids.to_numpy(dtype=np.int64))
    return _Outcomes(np.concatenate(in_records), {reason: np.concatenate(parts) for reason, parts in parked.items()})


def _no_accounts(clinicians: pd.DataFrame) -> Accounts:
    """Empty account ids, since no document is stored: a check creates no accounts."""
    return dict.fromkeys([None, *clinicians["clinician_key"]], ("", ""))
