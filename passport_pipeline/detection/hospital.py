"""Which windows differ: the hospital's survey held against what the passport recorded.

What belongs here: one look at a hospital, and comparing. What does not: looking at many (turns), Dagster (sensors), SQL
(openmrs), MongoDB (passport).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.digests import Digest, differing
from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.days.behind import behind
from passport_pipeline.passport.days.leases import held
from passport_pipeline.passport.days.state import DayRecord, recorded, recorded_version
from passport_pipeline.passport.hospitals.state import CheckResult, HospitalState
from passport_pipeline.sources.base import Activity, Source
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.windows.restore_check import admit, renewed_fingerprint
from passport_pipeline.windows.survey import stored_survey, survey_version

# A full survey is taken every night; one more hour or two for those that had to wait for their turn.
SURVEY_OVERDUE = timedelta(hours=26)


@dataclass(frozen=True)
class Change:
    """A window with days that are not in line, and a name for what they are at both ends: the same until either
    changes.
    """

    month: str
    days: int
    name: str


@dataclass(frozen=True)
class Seen:
    """What a look at a hospital found: the windows to be run, None where it has to be surveyed in full first.

    `overdue` is since when it has not been surveyed in full, where the nightly survey failed or was never begun.
    """

    windows: Sequence[Change] | None
    look: CheckResult
    overdue: datetime | None = None


@dataclass(frozen=True)
class Basis:
    """What a comparison was made of, as short as it can be told: the hospital's pulse, the survey that is kept, the
    days that are recorded, and what was asked for. Where nothing of it has moved, another comparison finds the same.
    """

    activity: Activity
    kept: str
    recorded: str
    asked: tuple[tuple[str, str], datetime | None]

    def holds_since(self, before: Basis) -> bool:
        """Whether nothing has moved since `before`, which was read over the same connection."""
        same = (self.kept, self.recorded, self.asked) == (before.kept, before.recorded, before.asked)
        return same and self.activity.unchanged_since(before.activity)


@dataclass(frozen=True)
class Compared:
    """A comparison of a hospital's days at both ends: the windows that differ, since when their days have (as
    HospitalState has it), and when the last full survey was taken.
    """

    windows: Sequence[Change]
    behind: Mapping[str, datetime]
    surveyed_at: datetime


@dataclass(frozen=True)
class Noted:
    """The last comparison, and its basis."""

    basis: Basis
    compared: Compared


def look_at(connections: Connections, hospital: Hospital, state: HospitalState, months: tuple[str, str]) -> Seen:
    """Look at an active hospital: its clock, its lineage, and by the tail of its survey its days in `months`.

    What cannot have changed since the last look (Basis) is not looked at again, for as long as the connection is kept.
    Windows that a run is at just now are left to it. Raises SourceError, PassportError, BatchError.
    """
    passport, at, lineage = connections.passport, connections.passport.now(), None
    with connections.kept.source(hospital, connections.settings) as kept:
        busy = held(passport, hospital.key)
        basis = _basis(connections, hospital, kept.activity, (months, state.survey_after))
        noted, kept.noted = cast("Noted | None", kept.noted), None
        if noted and basis and basis.holds_since(noted.basis):
            kept.noted, compared = noted, noted.compared
        else:
            found = _compared(connections, kept.source, state, months, at)
            if found is None:
                return Seen(None, CheckResult(state, at, kept.clock.skew, surveyed=False))
            compared, survey = found
            lineage = renewed_fingerprint(kept.source, state, survey, at)
            kept.noted = Noted(basis, compared) if basis else None
    # A run that ended in between has brought in what the survey does not show, so its window is not judged by it.
    busy |= held(passport, hospital.key)
    overdue = compared.surveyed_at if at - compared.surveyed_at > SURVEY_OVERDUE else None
    windows = [change for change in compared.windows if change.month not in busy]
    return Seen(windows, CheckResult(state, at, kept.clock.skew, behind=compared.behind, lineage=lineage), overdue)


def _basis(
    connections: Connections,
    hospital: Hospital,
    activity: Activity | None,
    asked: tuple[tuple[str, str], datetime | None],
) -> Basis | None:
    """The basis of a comparison that begins now; None where the hospital or the passport does not tell."""
    recorded = recorded_version(connections.passport, hospital.key) if activity is not None else None
    if activity is None or not recorded:
        return None
    return Basis(activity, survey_version(hospital, connections.batches), recorded, asked)


def _compared(
    connections: Connections, source: Source, state: HospitalState, months: tuple[str, str], at: datetime
) -> tuple[Compared, HospitalSurvey] | None:
    """The hospital's days at both ends; None where it has to be surveyed in full first."""
    passport, key = connections.passport, source.hospital.key
    stored = stored_survey(source.hospital, connections.batches)
    admit(source, passport, state)
    if stored is None or (state.survey_after and stored.taken_at < state.survey_after):
        return None
    survey = stored.refresh(source)
    there, here = survey.digests(), recorded(passport, key, counts=False)
    days = not_in_line(there, here, months)
    return Compared(changes(days, there, here), behind(days, here, state.behind, at), stored.taken_at), survey


def not_in_line(there: Mapping[date, Digest], here: Mapping[date, DayRecord], months: tuple[str, str]) -> list[date]:
    """The days, from the first to the last of `months` (`YYYY-MM`, both included), whose digest at the hospital
    (`there`) is not what the passport recorded (`here`), or which a run has left unfinished; oldest first.
    """
    unlike = differing(there, {day: record.digest for day, record in here.items()})
    unfinished = (day for day, record in here.items() if not record.up_to_date)
    return [day for day in sorted({*unlike, *unfinished}) if months[0] <= month_of(day) <= months[1]]


def changes(days: Iterable[date], there: Mapping[date, Digest], here: Mapping[date, DayRecord]) -> list[Change]:
    """The windows of these days, which are not in line; oldest first."""
    found: dict[str, list[date]] = {}
    for day in days:
        found.setdefault(month_of(day), []).append(day)
    return [Change(month, len(days), _name(days, there, here)) for month, days in found.items()]


def _name(days: Iterable[date], there: Mapping[date, Digest], here: Mapping[date, DayRecord]) -> str:
    nothing = DayRecord(Digest(), "")
    ends = ((day, there.get(day, Digest()), here.get(day, nothing)) for day in days)
    told = "|".join(f"{day} {source} {record.digest} {record.inputs}" for day, source, record in ends)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
