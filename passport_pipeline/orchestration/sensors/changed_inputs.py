"""The sensor for what changes beside the rows: lookups, identifiers, the passport's patients, rules.

What belongs here: when a hospital is compared, what is known from one tick to the next, and requests. What does not:
comparing (windows.staleness), following patients (passport.patient_changes), what a run does (assets).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import dagster as dg
from pydantic import Field

from passport_pipeline.config.hospitals import Hospital, first_month_of
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.detection.side_by_side import Looks, SensorCursor, Turns, rotated, side_by_side
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.jobs import window_records
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.orchestration.sensors.run_requests import asked_for, end_of_tick, taking_part, warn_of_others
from passport_pipeline.passport.days.leases import held
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.passport.hospitals.state import state_of
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.patients.changes import PatientChanges, hospitals_of, mark_faulty_lists, patient_changes
from passport_pipeline.passport.patients.record_lists import Days, mark_faulty_of_hospital, misplaced
from passport_pipeline.windows.compare import StaleWindow, basis, names_any, stale_windows

AT_ONCE = 8
"""Hospitals that are compared side by side: what they have kept is read and put together here."""

POLL_MINUTES = 10
"""How often all hospitals are compared where MongoDB offers no change stream; a part of an hour."""


class Cursor(SensorCursor):
    """What one tick leaves to the next; nothing of a patient. After an empty one, everything is compared.

    token   where the change stream of patients goes on; None where there is none
    polled  the POLL_MINUTES in which the last tick was
    seen    by hospital, what it was compared by and until when that holds: a day (`2026-11-21`) where all was in line,
            an hour (`2026-11-21T09`) where windows were requested, so that a run that failed is not the last
    last    the last hospital that had its turn
    """

    token: str | None = None
    polled: str = ""
    seen: dict[str, str] = Field(default_factory=dict)
    last: str | None = None


@dataclass(frozen=True)
class Compared:
    """What a look at one hospital found: what `Cursor.seen` is to hold of it ("" for nothing, so that it is looked at
    again in the next tick), and the windows to be run.
    """

    seen: str = ""
    windows: Sequence[StaleWindow] = ()


@dataclass(frozen=True)
class Tick:
    """One look at all hospitals; `concerned` are those that changed patients have records of, None for any, `asked` the
    partition keys that are asked for already, and `misplaced` what lists name wrongly, None where nobody had to look.
    """

    connections: Connections
    before: Cursor
    at: datetime
    asked: set[str]
    changes: PatientChanges
    concerned: set[str] | None
    misplaced: Days | None = None

    @classmethod
    def of(cls, connections: Connections, before: Cursor, asked: set[str]) -> Self:
        """See which patients changed, have their lists mended, and see whom that concerns. Raises PassportError."""
        at = datetime.now(UTC)
        changes = patient_changes(connections.passport, before.token)
        mark_faulty_lists(connections.passport, changes)
        concerned = hospitals_of(connections.passport, changes)
        if changes.token is None and before.polled == _polled(at):
            concerned = set()
        wrong = misplaced(connections.passport) if changes.token and changes.unknown else None
        return cls(connections, before, at, asked, changes, concerned, wrong)

    def look(self, hospital: Hospital) -> Compared:
        """Compare a hospital, where something moved. A window that a run is at just now is left to it, and one whose
        rows have changed to `source_changes`; it is looked at in the next tick. Raises BatchError, PassportError, and
        SourceBusy where the look of an earlier tick has not come to its end.
        """
        with self.connections.kept.alone(hospital.key, "/inputs"):
            return self._compared(hospital)

    def _compared(self, hospital: Hospital) -> Compared:
        batches, passport = self.connections.batches, self.connections.passport
        now = basis(hospital, batches)
        if now is None:
            return Compared()
        day, hour = f"{now} {self.at:%Y-%m-%d}", f"{now} {self.hour}"
        seen = self.before.seen.get(hospital.key)
        if seen in (day, hour) and not self._concerns(hospital):
            return Compared(seen)
        if self.misplaced is not None:
            mark_faulty_of_hospital(passport, hospital.key, self.misplaced)
        left = held(passport, hospital.key) | _behind(passport, hospital.key)
        stale = stale_windows(hospital, batches, passport) or []
        wanted = [one for one in stale if partition_key_of(Window(hospital.key, one.month)) not in self.asked]
        free = [one for one in wanted if one.month not in left]
        if len(free) < len(wanted):
            return Compared("", free)
        return Compared(hour if stale else day, free)

    def after(self, turns: Turns, looks: Looks[Compared]) -> Cursor:
        """What the next tick is to know: nothing of hospitals that could not be looked at or had no turn, so that they
        are compared then, though it does not hear again of the patients that changed.
        """
        return Cursor(
            token=self.changes.token,
            polled=_polled(self.at),
            seen={key: one.seen for key, one in looks.found.items() if one.seen},
            last=looks.last_of(turns.answering, self.before.last),
        )

    def requests(self, hospital: Hospital, compared: Compared) -> Iterator[dg.RunRequest]:
        """A run of each window; it is asked for again in the next hour where it is still needed then."""
        for window in compared.windows:
            if first_month_of(hospital, self.connections.settings) <= window.month <= last_month():
                run_key = f"{hospital.key}/{window.month}/{window.name}/{self.hour}"
                yield dg.RunRequest(run_key=run_key, partition_key=partition_key_of(Window(hospital.key, window.month)))

    @property
    def hour(self) -> str:
        """The hour of the tick, in UTC."""
        return f"{self.at:%Y-%m-%dT%H}"

    def _concerns(self, hospital: Hospital) -> bool:
        if self.concerned is None or hospital.key in self.concerned:
            return True
        return names_any(hospital.key, self.connections.batches, self.changes.national_ids)


@dg.sensor(job=window_records, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def changed_inputs(context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]) -> dg.SensorResult:
    """Requests the windows whose records would be made differently now, though no row changed: a concept, provider or
    location was renamed or retired, a patient was registered, corrected or deleted in the passport, an identifier was
    typed later, a rule changed. Looks at what is kept of the hospitals alone, and only where something moved.
    """
    until = end_of_tick()
    connections = connections.reread()
    try:
        chosen = taking_part(connections, context.instance)
        tick = Tick.of(connections, Cursor.read(context.cursor), asked_for(context.instance))
        turns = Turns(rotated(chosen, tick.before.last))
        looks = side_by_side(turns, lambda key: tick.look(chosen[key]), until=until, at_once=AT_ONCE)
    finally:
        connections.close()
    if tick.changes.token and tick.changes.unknown:
        context.log.info(f"all hospitals are compared, because {tick.changes.unknown}")
    warn_of_others(context, "compared", looks)
    seen = [(key, looks.found[key]) for key in turns.answering if key in looks.found]
    requests = [one for key, compared in seen for one in tick.requests(chosen[key], compared)]
    nothing = dg.SkipReason(f"nothing is to be made anew in {len(seen)} of {len(chosen)} hospitals")
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else nothing,
        cursor=tick.after(turns, looks).model_dump_json(),
    )


def _behind(passport: Passport, key: str) -> set[str]:
    """The months with days whose rows `source_changes` saw changed, and that no run has recorded since."""
    state = state_of(passport, key)
    here = recorded(passport, key) if state.behind else {}
    times = {day.isoformat(): record.recorded_at for day, record in here.items() if record.recorded_at}
    return {
        day[:7]
        for day in state.behind
        if state.surveyed_at is None or day not in times or times[day] < state.surveyed_at
    }


def _polled(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}:{at.minute // POLL_MINUTES * POLL_MINUTES:02d}"
