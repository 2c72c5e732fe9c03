"""Which windows differ: the hospital's survey held against what the passport recorded.

What belongs here: one look at a hospital, comparing, and looking at many side by side within a time limit. What does
not: Dagster (sensors), SQL (openmrs), MongoDB (passport).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from passport_pipeline.digests import Digest, differing, window_of
from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.openmrs.clock import read_clock
from passport_pipeline.openmrs.source import Source
from passport_pipeline.openmrs.survey import tail_survey
from passport_pipeline.passport.days import DayRecord, recorded
from passport_pipeline.passport.freshness import behind
from passport_pipeline.passport.hospital_states import HospitalState, Look
from passport_pipeline.passport.leases import held
from passport_pipeline.resources import Connections
from passport_pipeline.windows.admission import admit, renewed_lineage
from passport_pipeline.windows.surveys import stored_survey

T = TypeVar("T")

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
    look: Look
    overdue: datetime | None = None


def look_at(connections: Connections, hospital: Hospital, state: HospitalState, months: tuple[str, str]) -> Seen:
    """Look at an active hospital: its clock, its lineage, and by the tail of its survey its days in `months`.

    Windows that a run is at just now are left to it. Raises SourceError, PassportError, BatchError.
    """
    passport, at = connections.passport, datetime.now(UTC)
    stored = stored_survey(hospital.key, connections.batches)
    with Source.open(hospital, connections.settings) as source:
        with source.reading() as connection:
            admit(connection, passport, state)
            skew = read_clock(connection).skew
        if stored is None or (state.survey_after and stored.taken_at < state.survey_after):
            return Seen(None, Look(state, at, skew, surveyed=False))
        busy = held(passport, hospital.key)
        survey = tail_survey(source, stored)
        with source.reading() as connection:
            lineage = renewed_lineage(connection, state, survey.max_obs_id, at)
    # A run that ended in between has brought in what this survey does not show, so its window is not judged by it.
    busy |= held(passport, hospital.key)
    there, here = survey.digests(), recorded(passport, hospital.key)
    days = not_in_line(there, here, months)
    look = Look(state, at, skew, behind=behind(days, here, state.behind, at), lineage=lineage)
    overdue = stored.taken_at if at - stored.taken_at > SURVEY_OVERDUE else None
    return Seen(changes(days, there, here, busy), look, overdue)


def not_in_line(there: Mapping[date, Digest], here: Mapping[date, DayRecord], months: tuple[str, str]) -> list[date]:
    """The days, from the first to the last of `months` (`YYYY-MM`, both included), whose digest at the hospital
    (`there`) is not what the passport recorded (`here`), or which a run has left unfinished; oldest first.
    """
    unlike = differing(there, {day: record.digest for day, record in here.items()})
    unfinished = (day for day, record in here.items() if not record.inputs)
    return [day for day in sorted({*unlike, *unfinished}) if months[0] <= window_of(day) <= months[1]]


def changes(
    days: Iterable[date],
    there: Mapping[date, Digest],
    here: Mapping[date, DayRecord],
    busy: Collection[str],
) -> list[Change]:
    """The windows of these days, which are not in line, but for the `busy` months; oldest first."""
    found: dict[str, list[date]] = {}
    for day in days:
        if window_of(day) not in busy:
            found.setdefault(window_of(day), []).append(day)
    return [Change(month, len(days), _name(days, there, here)) for month, days in found.items()]


def _name(days: Iterable[date], there: Mapping[date, Digest], here: Mapping[date, DayRecord]) -> str:
    nothing = DayRecord(Digest(), "")
    ends = ((day, there.get(day, Digest()), here.get(day, nothing)) for day in days)
    told = "|".join(f"{day} {source} {record.digest} {record.inputs}" for day, source, record in ends)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def rotated(keys: Sequence[str], last: str | None) -> list[str]:
    """The keys, beginning after `last`, so that those who had no turn come first."""
    ordered = sorted(keys)
    start = sum(key <= last for key in ordered) if last else 0
    return [*ordered[start:], *ordered[:start]]


def side_by_side(
    keys: Sequence[str], look: Callable[[str], T], *, seconds: float, at_once: int = 8
) -> tuple[dict[str, T], dict[str, BaseException], list[str]]:
    """What `look` gives for each key, what it raised, and the keys that took longer than `seconds` together.

    A look that takes longer is left to its own time limit; its result is dropped.
    """
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="survey")
    looks = {pool.submit(look, key): key for key in keys}
    done, late = wait(looks, timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    failed = {looks[one]: error for one in done if (error := one.exception()) is not None}
    found = {looks[one]: one.result() for one in done if looks[one] not in failed}
    return found, failed, sorted(looks[one] for one in late)
