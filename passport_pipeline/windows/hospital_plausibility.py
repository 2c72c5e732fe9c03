"""Whether what a hospital would lose over all of its windows is plausible. A small window alone may lose all its rows
on an ordinary day.

The hospital is compared with what the passport recorded of all its days, and what it had when it was last plausible:

* rows: how many live rows fewer than recorded each window holds by the stored survey (a run of a window takes a new
  survey where the stored one lacks what the window has lost), and those that the window at hand would park;
* persons with a usable national id, since a row is loaded only where its person has one;
* main tables that are empty now.

Rows that one window gains never make up for rows that another loses; within one window they do, since a clinician who
corrects a note voids it and writes another. A window that loses nothing is never held back.

What belongs here: this comparison, and the message. What does not: one window by itself (plausibility), storing that a
hospital is held back (passport.hospitals.held_back).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.days.state import DayRecord, recorded
from passport_pipeline.passport.hospitals.held_back import let_through_now, record_plausible
from passport_pipeline.passport.hospitals.state import HeldBack, HospitalState, Known, state_of
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.windows.compare import WindowComparison
from passport_pipeline.windows.lookups import usable_ids, usable_ids_before
from passport_pipeline.windows.plausibility import ACCEPT_TAG, Plausibility
from passport_pipeline.windows.survey import stored_survey, stored_tables

HALF = 0.5
SHARE_OF_PERSONS = 0.3
"""The share of its persons with a usable national id that a small hospital may lose between two runs: a clinic of 60
merges some duplicates in an hour; a half loaded person table lacks half of them."""


@dataclass(frozen=True)
class HospitalChange:
    """What a hospital would lose, as far as a run of one of its windows can tell.

    before, vanished    live rows recorded of all its windows, and how many rows its shrinking windows lose
    windows, shrinking  windows that were recorded, and those that have fewer rows now
    now                 what the hospital has now; `state.known` is what it had when it was last plausible
    at                  the time of the check, by MongoDB's clock
    window              the window at hand; None where none is
    """

    state: HospitalState
    settings: Settings
    now: Known
    at: datetime
    before: int = 0
    vanished: int = 0
    windows: int = 0
    shrinking: int = 0
    window: Plausibility | None = None

    @property
    def lost(self) -> int:
        """Rows that would leave the records: those that vanished from all windows, and those that this one parks."""
        return self.vanished + (self.window.to_be_parked if self.window else 0)

    @property
    def emptied(self) -> list[str]:
        """Main tables that held rows and hold none now."""
        known = self.state.known
        if known is None or known.filled is None or self.now.filled is None:
            return []
        return sorted({*known.filled} - {*self.now.filled})

    @property
    def faults(self) -> list[str]:
        """What is not plausible, with its numbers; empty where everything is plausible."""
        return [fault for fault in (self._few_rows(), self._few_persons(), self._empty_tables()) if fault]

    @property
    def holds(self) -> bool:
        """Whether the window at hand must not be loaded because of its hospital."""
        window, limits = self.window, self.settings
        if window is None or not self.faults or self.accepted:
            return False
        if not window.removed and not (self.emptied and window.in_records):
            return False
        certain = self.state.held_back or self._mostly_gone() or self._few_persons() or self.emptied
        return bool(certain) or window.patients >= limits.hospital_guard_patients

    @property
    def accepted(self) -> bool:
        """Whether an operator has let this loss through."""
        return let_through_now(self.state, self.vanished, self.settings.hospital_guard_rows, self.at)

    @property
    def parking(self) -> str | None:
        """The month of the window at hand, where it would park rows."""
        return self.window.window[1] if self.window and self.window.to_be_parked else None

    @property
    def plausible(self) -> bool:
        """Whether the hospital no longer has to be held back, once the window at hand is loaded."""
        cause = self.state.held_back.parking if self.state.held_back else None
        return not self.faults and (cause is None or (self.window is not None and self.window.window[1] == cause))

    @property
    def why(self) -> str:
        """Why the hospital is held back; where it already is, the first reason."""
        return self.state.held_back.why if self.state.held_back else "; and ".join(self.faults)

    def held_back(self, held: HeldBack) -> HospitalChange:
        """The same for a hospital that is held back already: another run may have found a reason first."""
        return replace(self, state=replace(self.state, held_back=held))

    @property
    def message(self) -> str | None:
        """Why no window of the hospital that loses rows is loaded, and what to do; None where it is not held back.

        It is the same for all windows of the hospital.
        """
        if not self.holds:
            return None
        key = self.state.key
        return (
            f"{key}: the whole hospital is held back, nothing was taken away: {self.why}. Its database may be half "
            "loaded, emptied or another one, or its national_id_types may be wrong. Have the database looked at: when "
            "it is right again, the hospital goes on by itself; what only adds to the passport is loaded meanwhile. If "
            f"it is right so, let it through: `passport-pipeline hospitals accept {key} --reason ...` (for a day), "
            f"`passport-pipeline sync --hospital {key} --accept`, or runs with the tag {ACCEPT_TAG}: true"
        )

    def _mostly_gone(self) -> bool:
        return self.lost >= self.settings.hospital_gone_rows and self.lost > HALF * self.before

    def _few_rows(self) -> str | None:
        limits = self.settings
        many = self.lost >= limits.hospital_guard_rows and self.lost > limits.max_hospital_loss * self.before
        if not many and not self._mostly_gone():
            return None
        parked, losses = self.lost - self.vanished, []
        if self.vanished:
            windows = f"{self.shrinking} of {self.windows} windows"
            losses.append(f"{self.vanished} of {self.before} live rows are gone, from {windows}")
        if parked:
            losses.append(f"{parked} of {self.before} live rows would be parked in one window alone")
        return f"{', and '.join(losses)} (PASSPORT_MAX_HOSPITAL_LOSS is {limits.max_hospital_loss:.0%})"

    def _few_persons(self) -> str | None:
        limits, known = self.settings, self.state.known
        if known is None or known.usable is None or self.now.usable is None:
            return None
        fewer = known.usable - self.now.usable
        many = fewer >= limits.hospital_guard_rows and fewer > limits.max_hospital_loss * known.usable
        most = fewer >= limits.hospital_guard_patients and fewer >= SHARE_OF_PERSONS * known.usable
        if not many and not most:
            return None
        return f"{self.now.usable} persons have a usable national id, and {known.usable} had one"

    def _empty_tables(self) -> str | None:
        return f"these tables are empty and were not: {', '.join(self.emptied)}" if self.emptied else None


def check_hospital_plausibility(
    settings: Settings, batches: Batches, passport: Passport, comparison: WindowComparison, window: Plausibility
) -> HospitalChange:
    """Check the hospital of a window whose own plausibility was checked. All days of the hospital are compared only
    where the window loses rows, or the hospital is held back. Raises PassportError, BatchError.
    """
    key, states = comparison.hospital.key, comparison.states
    state = _state(key, batches, passport)
    change = HospitalChange(state, settings, known_now(key, batches), passport.now(), window=window)
    if not window.removed and state.held_back is None:
        return change
    records = recorded(passport, key, counts=False)
    live = {day: states[day].digest.live for day in states.by_day.keys() | comparison.recorded.keys()}
    return _with_rows(change, comparison.hospital, batches, records, live)


def review_hospital(settings: Settings, batches: Batches, passport: Passport, hospital: Hospital) -> None:
    """Let a hospital go on that was held back, where it is plausible by what is stored of it. If it was held back
    because a window would park rows, only a run of that window can tell. Raises PassportError, BatchError.
    """
    key = hospital.key
    state = _state(key, batches, passport)
    if state.held_back is None or state.held_back.parking:
        return
    change = HospitalChange(state, settings, known_now(key, batches), passport.now())
    change = _with_rows(change, hospital, batches, recorded(passport, key, counts=False), {})
    if not change.faults:
        record_plausible(passport, state, change.now)


def _state(key: str, batches: Batches, passport: Passport) -> HospitalState:
    """The hospital's state; if it was never recorded as plausible, `known` is what it had before its last change."""
    state = state_of(passport, key)
    return state if state.known else replace(state, known=Known(usable_ids_before(key, batches)))


def known_now(key: str, batches: Batches) -> Known:
    """What to store of a plausible hospital, by its stored national ids and tables. Raises BatchError."""
    return Known(usable_ids(key, batches), stored_tables(key, batches))


def _with_rows(
    change: HospitalChange,
    hospital: Hospital,
    batches: Batches,
    records: Mapping[date, DayRecord],
    batch_live: Mapping[date, int],
) -> HospitalChange:
    """The change with its counts of rows: by `batch_live` for days of the window at hand, by the survey for others."""
    survey = stored_survey(hospital, batches)
    survey_live = {} if survey is None else {day: digest.live for day, digest in survey.digests().items()}
    before: Counter[str] = Counter()
    now: Counter[str] = Counter()
    for day in records.keys() | survey_live.keys() | batch_live.keys():
        month, live = month_of(day), records[day].digest.live if day in records else 0
        before[month] += live
        if survey is not None and (day not in records or _older(records[day], survey)):
            live = survey_live.get(day, 0)
        now[month] += batch_live.get(day, live)
    lost = {month: rows - now[month] for month, rows in before.items() if rows > now[month]}
    return replace(
        change,
        before=before.total(),
        vanished=sum(lost.values()),
        windows=sum(rows > 0 for rows in before.values()),
        shrinking=len(lost),
    )


def _older(record: DayRecord, survey: HospitalSurvey) -> bool:
    """Whether a day was recorded before the survey was taken; else the survey lacks what was recorded."""
    return record.recorded_at is None or record.recorded_at < survey.taken_at
