"""Whether what a window is about to become is plausible, by what the passport has of the same days: before anything
is published, so that a database that was emptied, or a setting that matches nobody, empties no passport.

What belongs here: holding a window's raw batches, matches and rules against what was recorded. What does not: the
hospital as a whole (hospital_guard), how a record is built (records), holding the window back (assets.records).
Nothing is written.
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
from passport_pipeline.sources.drafts import ATTACHED, LEAD, PARKED
from passport_pipeline.windows.compare import WindowComparison
from passport_pipeline.windows.documents import documents_of
from passport_pipeline.windows.fingerprint import Inputs

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
    """What would become of the days of a window that a run would load and that were recorded before.

    `shown` counts their rows that were loaded or attached, `parked` those of them that would be parked, by reason.
    `taken` counts those that would be shown no more, whatever the reason, and `patients` the persons whose they are.
    """

    window: tuple[str, str]
    settings: Settings
    days: Sequence[DayChange] = ()
    shown: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    taken: int = 0
    patients: int = 0

    @property
    def before(self) -> int:
        """Live rows as recorded."""
        return sum(day.before for day in self.days)

    @property
    def vanished(self) -> int:
        """Rows that days hold fewer than before, whatever other days hold more."""
        return sum(day.vanished for day in self.days)

    @property
    def to_be_parked(self) -> int:
        """Rows that are shown and would be parked."""
        return sum(self.parked.values())

    @property
    def faults(self) -> list[str]:
        """What is not plausible, with its numbers; nothing where all is."""
        limits, found = self.settings, []
        if _exceeds(self.vanished, self.before, limits.max_shrink, limits.guard_rows):
            found.append(
                f"{self.vanished} of {self.before} live rows of {len(self.days)} days are no longer at the hospital "
                f"(PASSPORT_MAX_SHRINK is {limits.max_shrink:.0%})"
            )
        if _exceeds(self.to_be_parked, self.shown, limits.max_parked, limits.guard_rows):
            reasons = ", ".join(f"{reason}: {rows}" for reason, rows in sorted(self.parked.items()))
            found.append(
                f"{self.to_be_parked} of {self.shown} rows that patients see would be parked ({reasons}; "
                f"PASSPORT_MAX_PARKED is {limits.max_parked:.0%})"
            )
        return found

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


def weigh(settings: Settings, batches: Batches, passport: Passport, compared: WindowComparison) -> Plausibility:
    """Hold the days of a window that a run would load (those that differ) against what the passport recorded of them.

    Costs next to nothing where no day would be loaded, else building the days' records once more. Raises PassportError,
    BatchError.
    """
    here, key = compared.recorded, compared.hospital.key
    stale = [day for day in compared.stale if day in here]
    days = [DayChange(day, here[day].digest.live, compared.wanted[day].digest.live) for day in stale]
    shown = sum(here[day].loaded + here[day].attached for day in stale)
    if not shown:
        return Plausibility((key, compared.month), settings, days)
    outcomes = _outcomes(settings, batches, compared.inputs, stale)
    if not outcomes.parked and not any(day.vanished for day in days):
        return Plausibility((key, compared.month), settings, days, shown)
    seen = record_rows(passport, key, stale)
    counts = {reason: int(np.isin(rows, seen.rows).sum()) for reason, rows in outcomes.parked.items()}
    gone = ~np.isin(seen.rows, outcomes.kept)
    return Plausibility(
        (key, compared.month),
        settings,
        days,
        shown,
        parked={reason: rows for reason, rows in counts.items() if rows},
        taken=int(gone.sum()),
        patients=np.unique(seen.persons[gone]).size,
    )


@dataclass(frozen=True)
class _Outcomes:
    """The row_ids of rows that would be shown, and of those that would be parked, by reason."""

    kept: Ids
    parked: Mapping[str, Ids]


def _exceeds(rows: int, of: int, share: float, least: int) -> bool:
    return rows >= least and rows > share * of


def _outcomes(settings: Settings, batches: Batches, made_of: Inputs, days: Sequence[date]) -> _Outcomes:
    """What would become of the rows of these days."""
    kept: list[Ids] = [np.empty(0, dtype=np.int64)]
    parked: defaultdict[str, list[Ids]] = defaultdict(list)
    frames = documents_of(settings, batches, made_of, days, accounts=_nobodys, now=datetime.now(UTC), run_id="")
    for outcomes in (frame.outcomes for frame in frames):
        rows = outcomes["row_id"].to_numpy(dtype=np.int64)
        kept.append(rows[outcomes["outcome"].isin([LEAD, ATTACHED]).to_numpy()])
        waiting = outcomes.loc[outcomes["outcome"] == PARKED, ["row_id", "reason"]]
        for reason, some in waiting.groupby("reason"):
            parked[str(reason)].append(some["row_id"].to_numpy(dtype=np.int64))
    return _Outcomes(np.concatenate(kept), {reason: np.concatenate(parts) for reason, parts in parked.items()})


def _nobodys(clinicians: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Accounts that serve as well, since no document is kept: what is only looked at makes nobody known."""
    return dict.fromkeys(clinicians["clinician_key"], ("", ""))
