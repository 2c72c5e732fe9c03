"""Checking hospitals for changes beside their rows: lookups, identifiers, the passport's patients, rules.

What belongs here: when a hospital is checked, the check, and what one tick leaves to the next. What does not: comparing
(plan), turns and the time limit (side_by_side), following patients (passport.patients.changes), Dagster
(orchestration.sensors). Touches no hospital: it reads what is stored of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from pydantic import BaseModel, Field

from passport_pipeline.config.hospitals import Hospital, first_month_of
from passport_pipeline.connections.run import TickConnections
from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.detection.plan import WindowDiff, stale_windows
from passport_pipeline.detection.side_by_side import Checks, SensorCursor, Turns, rotated, side_by_side
from passport_pipeline.passport.days.leases import held
from passport_pipeline.passport.days.state import DayRecord, recorded
from passport_pipeline.passport.hospitals.state import HospitalState, state_of
from passport_pipeline.passport.patients.changes import PatientChanges, hospitals_of, mark_faulty_lists, patient_changes
from passport_pipeline.passport.patients.record_lists import Days, mark_faulty_of_hospital, misplaced
from passport_pipeline.windows.compare import Reason, dependencies_version, names_any, stored_states

AT_ONCE = 8
"""Hospitals that are checked side by side: what is stored of them is read and put together here."""

POLL_MINUTES = 10
"""How often all hospitals are checked where MongoDB offers no change stream; a part of an hour."""


class Checked(BaseModel):
    """By which version of its dependencies a hospital was checked, and until when that holds: to the end of the day
    where everything was up to date, of the hour where windows were requested, so that a run that failed is not the
    last.
    """

    version: str
    until: datetime

    @classmethod
    def at(cls, version: str, at: datetime, *, stale: bool) -> Self:
        """The check of a time."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        return cls(
            version=version, until=hour + timedelta(hours=1) if stale else hour.replace(hour=0) + timedelta(days=1)
        )


class Cursor(SensorCursor):
    """What one tick leaves to the next; nothing of a patient. After an empty one, every hospital is checked.

    token    where the change stream of patients goes on; None where there is none
    polled   the POLL_MINUTES in which the last tick was
    checked  by hospital, its last check
    last     the last hospital that had its turn
    """

    token: str | None = None
    polled: str = ""
    checked: dict[str, Checked] = Field(default_factory=dict)
    last: str | None = None


@dataclass(frozen=True)
class DependenciesCheck:
    """What a check of one hospital found: what the cursor holds of it, None where it is to be checked again in the next
    tick, and the windows to be run.
    """

    checked: Checked | None = None
    diffs: Sequence[WindowDiff] = ()


@dataclass(frozen=True)
class TickChecks:
    """The checks of one tick, the cursor for the next, and why all hospitals were checked; None where they were not."""

    checks: Checks[DependenciesCheck]
    cursor: Cursor
    all_because: str | None


def check_all_dependencies(
    connections: TickConnections,
    hospitals: Mapping[str, Hospital],
    before: Cursor,
    queued: Collection[Window],
    until: float,
) -> TickChecks:
    """Have the lists of patients that changed mended, and check the hospitals where something changed side by side,
    `until` a time of the monotonic clock. Windows that are `queued` are not to be run again. Raises PassportError.
    """
    passport, at = connections.passport, datetime.now(UTC)
    changes = patient_changes(passport, before.token)
    mark_faulty_lists(passport, changes)
    concerned = hospitals_of(passport, changes)
    if changes.token is None and before.polled == _polled(at):
        concerned = set()
    wrong = misplaced(passport) if changes.token and changes.unknown else None
    tick = Tick(connections, before, at, queued, changes, concerned, wrong)
    turns = Turns(rotated(hospitals, before.last))
    checks = side_by_side(turns, lambda key: tick.check(hospitals[key]), until=until, at_once=AT_ONCE)
    # Of hospitals that could not be checked or had no turn the cursor holds nothing, so the next tick checks them,
    # though it does not hear again of the patients that changed.
    cursor = Cursor(
        token=changes.token,
        polled=_polled(at),
        checked={key: check.checked for key, check in checks.results.items() if check.checked},
        last=checks.last_of(turns.answering, before.last),
    )
    return TickChecks(checks, cursor, changes.unknown if changes.token else None)


@dataclass(frozen=True)
class Tick:
    """One tick; `concerned` are the hospitals that changed patients have records of, None for any, `queued` the windows
    that are requested already, and `misplaced` what lists name wrongly, None where they were not compared.
    """

    connections: TickConnections
    before: Cursor
    at: datetime
    queued: Collection[Window]
    changes: PatientChanges
    concerned: set[str] | None
    misplaced: Days | None

    def check(self, hospital: Hospital) -> DependenciesCheck:
        """Check a hospital, where something changed. A window that a run holds just now is left to it, and one whose
        rows have changed to `source_changes`; it is checked again in the next tick. Raises BatchError, PassportError,
        and SourceBusy where the check of an earlier tick is still running.
        """
        with self.connections.cache.exclusive(hospital.key, "/dependencies"):
            version = dependencies_version(hospital, self.connections.batches)
            if version is None:
                return DependenciesCheck()
            last = self.before.checked.get(hospital.key)
            if last and last.version == version and self.at < last.until and not self._concerns(hospital):
                return DependenciesCheck(last)
            return self._check(hospital, version)

    def _check(self, hospital: Hospital, version: str) -> DependenciesCheck:
        passport, key = self.connections.passport, hospital.key
        if self.misplaced is not None:
            mark_faulty_of_hospital(passport, key, self.misplaced)
        busy, state, records = held(passport, key), state_of(passport, key), recorded(passport, key)
        states = stored_states(hospital, self.connections.batches, passport)
        if states is None:
            return DependenciesCheck()
        months = (first_month_of(hospital, self.connections.settings), last_month())
        stale = stale_windows(states, records, months, ignoring={Reason.UNFINISHED})
        unqueued = [diff for diff in stale if Window(key, diff.month) not in self.queued]
        busy |= changing_months(state, records)
        free = [diff for diff in unqueued if diff.month not in busy]
        checked = Checked.at(version, self.at, stale=bool(stale)) if len(free) == len(unqueued) else None
        return DependenciesCheck(checked, free)

    def _concerns(self, hospital: Hospital) -> bool:
        if self.concerned is None or hospital.key in self.concerned:
            return True
        return names_any(hospital.key, self.connections.batches, self.changes.national_ids)


def changing_months(state: HospitalState, records: Mapping[date, DayRecord]) -> set[str]:
    """The months with days whose rows `source_changes` saw changed, and that no run has recorded since."""
    times = {day.isoformat(): record.recorded_at for day, record in records.items() if record.recorded_at}
    return {
        day[:7]
        for day in state.behind
        if state.surveyed_at is None or day not in times or times[day] < state.surveyed_at
    }


def _polled(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}:{at.minute // POLL_MINUTES * POLL_MINUTES:02d}"
