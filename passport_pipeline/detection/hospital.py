"""Checking hospitals: which windows differ by the hospital's survey, compared with what the passport recorded.

What belongs here: the check of one hospital and its cache entry, and checking all hospitals of a tick. What does not:
comparing (plan), turns and the time limit (side_by_side), Dagster (orchestration.sensors), SQL (sources), MongoDB
(passport).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from passport_pipeline.config.hospitals import Hospital, first_month_of
from passport_pipeline.connections.cache import CacheEntry, CacheKey
from passport_pipeline.connections.run import TickConnections
from passport_pipeline.core.errors import SourceBusy, SourceUnreachable
from passport_pipeline.core.windows import last_month
from passport_pipeline.detection.plan import WindowDiff, stale_windows
from passport_pipeline.detection.side_by_side import Checks, LastTurns, Turns, side_by_side
from passport_pipeline.passport.days.behind import behind
from passport_pipeline.passport.days.leases import held
from passport_pipeline.passport.days.state import recorded, recorded_version
from passport_pipeline.passport.hospitals.state import CheckResult, HospitalState, hospital_states, record_checks
from passport_pipeline.passport.hospitals.unanswered import not_due, record_unanswered
from passport_pipeline.sources.base import Activity, Source
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.windows.compare import DayStates
from passport_pipeline.windows.restore_check import admit, renewed_fingerprint
from passport_pipeline.windows.survey import stored_survey, survey_version

SURVEY_OVERDUE = timedelta(hours=26)
"""A full survey is taken every night; one more hour or two for those that had to wait for their turn."""

AT_ONCE = 64
"""Hospitals that are checked side by side: each check waits for its hospital's answers most of the time, the more so
where the hospital is far away. Should they fall silent all at once, 250 are given up within a tick."""


@dataclass(frozen=True)
class HospitalCheck:
    """What a check of a hospital found: the windows to be run, None where it has to be surveyed in full first, and what
    is to be noted of the hospital.

    `overdue` is since when it has not been surveyed in full, where the nightly survey failed or was never begun.
    """

    diffs: Sequence[WindowDiff] | None
    result: CheckResult
    overdue: datetime | None = None


@dataclass(frozen=True)
class SourceDiffs:
    """A comparison of a hospital's days at both ends: the windows that differ, since when their days have (as
    HospitalState has it), and when the last full survey was taken.
    """

    diffs: Sequence[WindowDiff]
    behind: Mapping[str, datetime]
    surveyed_at: datetime


@dataclass(frozen=True)
class TickChecks:
    """The checks of one tick: of how many `active` hospitals, how many of these are `resting` because they did not
    answer, and the cursor for the next tick.
    """

    checks: Checks[HospitalCheck]
    active: int
    resting: int
    cursor: LastTurns


def check_hospitals(
    connections: TickConnections, hospitals: Mapping[str, Hospital], last: LastTurns, until: float
) -> TickChecks:
    """Check the active ones of these hospitals side by side, `until` a time of the monotonic clock, and note what was
    found, also of those that did not answer. Raises PassportError.
    """
    passport = connections.passport
    states = hospital_states(passport, hospitals)
    active = {key: states[key] for key in hospitals if states[key].active}
    later = not_due(passport) & active.keys()
    turns = Turns.of(active, later, last)

    def check(key: str) -> HospitalCheck:
        months = (first_month_of(hospitals[key], connections.settings), last_month())
        return check_hospital(connections, hospitals[key], states[key], months)

    checks = side_by_side(turns, check, until=until, at_once=AT_ONCE)
    record_checks(passport, (each.result for each in checks.results.values()))
    record_unanswered(passport, *_unanswered(checks))
    return TickChecks(checks, len(active), len(later), turns.last(checks, last))


def check_hospital(
    connections: TickConnections, hospital: Hospital, state: HospitalState, months: tuple[str, str]
) -> HospitalCheck:
    """Check an active hospital: its clock, its fingerprint, and by the tail of its survey its days in `months`.

    What is unchanged since the last check (CacheKey) is not read again, for as long as the connection is reused.
    Windows that a run holds just now are left to it. Raises SourceError, PassportError, BatchError.
    """
    passport, at, fingerprint = connections.passport, connections.passport.now(), None
    with connections.cache.source(hospital, connections.settings) as cached:
        busy = held(passport, hospital.key)
        cache_key = _cache_key(connections, hospital, cached.activity, months, state)
        entry, cached.entry = cached.entry, None
        match entry:
            case CacheEntry(before, SourceDiffs() as found) if cache_key and cache_key.unchanged_since(before):
                cached.entry = entry
            case _:
                compared = _compare(connections, cached.source, state, months, at)
                if compared is None:
                    return HospitalCheck(None, CheckResult(state, at, cached.clock.skew, surveyed=False))
                found, survey = compared
                fingerprint = renewed_fingerprint(cached.source, state, survey, at)
                cached.entry = CacheEntry(cache_key, found) if cache_key else None
    # A run that ended in between has brought in what the survey does not show, so its window is not judged by it.
    busy |= held(passport, hospital.key)
    overdue = found.surveyed_at if at - found.surveyed_at > SURVEY_OVERDUE else None
    diffs = [diff for diff in found.diffs if diff.month not in busy]
    result = CheckResult(state, at, cached.clock.skew, behind=found.behind, lineage=fingerprint)
    return HospitalCheck(diffs, result, overdue)


def _cache_key(
    connections: TickConnections,
    hospital: Hospital,
    activity: Activity | None,
    months: tuple[str, str],
    state: HospitalState,
) -> CacheKey | None:
    """What a comparison that begins now is made from; None where the hospital or the passport does not tell."""
    days = recorded_version(connections.passport, hospital.key) if activity is not None else None
    if activity is None or not days:
        return None
    return CacheKey(activity, (survey_version(hospital, connections.batches), days, months, state.survey_after))


def _compare(
    connections: TickConnections, source: Source, state: HospitalState, months: tuple[str, str], at: datetime
) -> tuple[SourceDiffs, HospitalSurvey] | None:
    """The hospital's days at both ends; None where it has to be surveyed in full first."""
    passport, key = connections.passport, source.hospital.key
    stored = stored_survey(source.hospital, connections.batches)
    admit(source, passport, state)
    if stored is None or (state.survey_after and stored.taken_at < state.survey_after):
        return None
    survey, records = stored.refresh(source), recorded(passport, key, counts=False)
    diffs = stale_windows(DayStates.of_survey(survey.digests()), records, months)
    days = chain.from_iterable(diff.days for diff in diffs)
    return SourceDiffs(diffs, behind(days, records, state.behind, at), stored.taken_at), survey


def _unanswered(checks: Checks[HospitalCheck]) -> tuple[dict[str, str], list[str]]:
    """The hospitals that did not answer, each with what its check said; and those whose check is still running. One
    that refuses, or is not set up right, does answer.
    """
    silent, running = {}, list(checks.late)
    for key, error in checks.failed.items():
        if isinstance(error, SourceBusy):
            running.append(key)
        elif isinstance(error, SourceUnreachable):
            silent[key] = str(error).removeprefix(f"{key}: ")
    return silent, running
