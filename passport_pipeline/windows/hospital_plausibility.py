"""Whether what is about to become of a hospital as a whole is plausible: all of its windows together, since a small
window alone may lose anything on any day.

A hospital is held against what the passport recorded of all its days, and what it had when it was last plausible:

* rows: how many live rows each window holds fewer than recorded, by the survey that is kept (a run of a window takes a
  new one where that does not show what the window has lost), and those that the window at hand would park;
* persons with a usable national id, since a row is shown only where its person has one;
* main tables that hold nothing any more.

What one window gains never makes up for what another loses; within one it does, since who corrects a note voids it and
writes another. Nothing is said of a window that takes nothing away.

What belongs here: this one comparison, and the message. What does not: one window by itself (guarding), keeping what
was decided (passport.holding). Nothing is written.
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
"""Of the persons with a usable national id, how many a small hospital may lose between two runs: a clinic of 60 merges
some duplicates in an hour, and a person table that is half loaded lacks half of them."""


@dataclass(frozen=True)
class HospitalChange:
    """What is about to become of a hospital, as far as a run of one of its windows can tell.

    before, vanished    live rows recorded of all its windows, and how many fewer those hold that hold fewer
    windows, shrinking  windows that were recorded, and those that have fewer rows now
    now                 what the hospital has now of what `state.known` remembers
    at                  when that was asked, by MongoDB's clock
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
        """Rows that would be taken away: of all windows those that vanished, of the one at hand those to be parked."""
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
        """What is not plausible, with its numbers; nothing where all is."""
        return [fault for fault in (self._few_rows(), self._few_persons(), self._empty_tables()) if fault]

    @property
    def holds(self) -> bool:
        """Whether the window at hand is not to be loaded because of its hospital."""
        window, limits = self.window, self.settings
        if window is None or not self.faults or self.accepted:
            return False
        if not window.taken and not (self.emptied and window.shown):
            return False
        certain = self.state.held_back or self._mostly_gone() or self._few_persons() or self.emptied
        return bool(certain) or window.patients >= limits.hospital_guard_patients

    @property
    def accepted(self) -> bool:
        """Whether an operator has let through what the hospital loses."""
        return let_through_now(self.state, self.vanished, self.settings.hospital_guard_rows, self.at)

    @property
    def parking(self) -> str | None:
        """The month of the window at hand, where rows of it would be parked."""
        return self.window.window[1] if self.window and self.window.to_be_parked else None

    @property
    def plausible(self) -> bool:
        """Whether the hospital is to be held back no longer, now that the window at hand is loaded."""
        cause = self.state.held_back.parking if self.state.held_back else None
        return not self.faults and (cause is None or (self.window is not None and self.window.window[1] == cause))

    @property
    def why(self) -> str:
        """Why the hospital is held back: the first reason, where it is already."""
        return self.state.held_back.why if self.state.held_back else "; and ".join(self.faults)

    def held_back(self, held: HeldBack) -> HospitalChange:
        """The same of a hospital that is held back: another run may have found out first, and said why."""
        return replace(self, state=replace(self.state, held_back=held))

    @property
    def message(self) -> str | None:
        """Why nothing of the hospital is loaded that would take something away, and what to do; None where it is.

        The same for all of its windows.
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
        parked, found = self.lost - self.vanished, []
        if self.vanished:
            windows = f"{self.shrinking} of {self.windows} windows"
            found.append(f"{self.vanished} of {self.before} live rows are gone, from {windows}")
        if parked:
            found.append(f"{parked} of {self.before} live rows would be parked in one window alone")
        return f"{', and '.join(found)} (PASSPORT_MAX_HOSPITAL_LOSS is {limits.max_hospital_loss:.0%})"

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


def weigh_hospital(
    settings: Settings, batches: Batches, passport: Passport, compared: WindowComparison, found: Plausibility
) -> HospitalChange:
    """Weigh the hospital of a window that was `found` to take so much away. All days are compared only where it takes
    anything away, or the hospital is held back. Raises PassportError, BatchError.
    """
    key = compared.hospital.key
    state = _state(key, batches, passport)
    change = HospitalChange(state, settings, known_now(key, batches), passport.now(), window=found)
    if not found.taken and state.held_back is None:
        return change
    here = recorded(passport, key, counts=False)
    window = {day: compared.wanted[day].digest.live for day in compared.wanted.by_day.keys() | compared.recorded.keys()}
    return _compared(change, compared.hospital, batches, here, window)


def review_hospital(settings: Settings, batches: Batches, passport: Passport, hospital: Hospital) -> None:
    """Hold a hospital back no longer where it is plausible by what is kept of it; where a window's rows would have been
    parked, that window alone can tell. Raises PassportError, BatchError.
    """
    key = hospital.key
    state = _state(key, batches, passport)
    if state.held_back is None or state.held_back.parking:
        return
    change = HospitalChange(state, settings, known_now(key, batches), passport.now())
    change = _compared(change, hospital, batches, recorded(passport, key, counts=False), {})
    if not change.faults:
        record_plausible(passport, state, change.now)


def _state(key: str, batches: Batches, passport: Passport) -> HospitalState:
    """The hospital's state; where it was never seen to be plausible, known is what it had before its last change."""
    state = state_of(passport, key)
    return state if state.known else replace(state, known=Known(usable_ids_before(key, batches)))


def known_now(key: str, batches: Batches) -> Known:
    """What is to be remembered of a plausible hospital, by what is kept of it. Raises BatchError."""
    return Known(usable_ids(key, batches), stored_tables(key, batches))


def _compared(
    change: HospitalChange,
    hospital: Hospital,
    batches: Batches,
    here: Mapping[date, DayRecord],
    window: Mapping[date, int],
) -> HospitalChange:
    """The same with its rows: those of the `window` at hand as its raw batches have them, of others by the survey."""
    survey = stored_survey(hospital, batches)
    there = {} if survey is None else {day: digest.live for day, digest in survey.digests().items()}
    before: Counter[str] = Counter()
    now: Counter[str] = Counter()
    for day in here.keys() | there.keys() | window.keys():
        recorded_live = here[day].digest.live if day in here else 0
        before[month_of(day)] += recorded_live
        if day in window:
            now[month_of(day)] += window[day]
        elif survey is None or (day in here and not _older(here[day], survey)):
            now[month_of(day)] += recorded_live
        else:
            now[month_of(day)] += there.get(day, 0)
    lost = {month: rows - now[month] for month, rows in before.items() if rows > now[month]}
    return replace(
        change,
        before=before.total(),
        vanished=sum(lost.values()),
        windows=sum(rows > 0 for rows in before.values()),
        shrinking=len(lost),
    )


def _older(record: DayRecord, survey: HospitalSurvey) -> bool:
    """Whether a day was recorded before the survey was taken: else the survey does not speak of what was recorded."""
    return record.recorded_at is None or record.recorded_at < survey.taken_at
