"""Surveys that are kept: the last full one of a hospital, and what runs of windows have found since.

A run of a window computes its digests anew, also where no survey of the tail looks. What it finds there is kept beside
the full survey, by month, in one file: so a window that a run has brought into line does not seem to differ until the
next night. Runs of two windows at once may lose one of the two, which costs another request and no more; the full
survey itself is written by full surveys alone, and what is older than it no longer counts.

What belongs here: keeping surveys and putting them together. What does not: taking them (openmrs.survey), where files
lie (batches).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.passport.hospitals.state import Look, note_looks, refuse_inactive
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.mysql.clock import read_clock
from passport_pipeline.sources.mysql.survey import Survey, cell_digests, full_survey, in_month, with_month
from passport_pipeline.sources.openmrs.filled import filled_tables
from passport_pipeline.sources.openmrs.source import Source
from passport_pipeline.windows.restore_check import renewed_lineage

SURVEY, SINCE = "survey", "survey-since"
TABLES = "tables"
# A survey that is kept and does not show that so many rows of a window are gone is too old to judge the hospital by.
LOST_ROWS, LOST_SHARE = 5, 0.05
FINISHED, FILLED = "finishedAt", "filled"


def survey_hospital(source: Source, batches: Batches, passport: Passport) -> tuple[Survey, Look]:
    """Survey an active hospital in full, and note its clock and its lineage. Raises SourceError, PassportError,
    BatchError.
    """
    state, at = refuse_inactive(passport, source.hospital.key), passport.now()
    survey = renew_survey(source, batches, passport.now)
    note_tables(source, batches)
    with source.reading() as connection:
        lineage = renewed_lineage(connection, state, survey.max_obs_id, at)
        look = Look(state, at, read_clock(connection).skew, lineage=lineage)
    note_looks(passport, [look])
    return survey, look


def machines_clock() -> datetime:
    """The time by this machine's clock, in UTC: good enough where no other machine keeps surveys at the same place."""
    return datetime.now(UTC)


def renew_survey(source: Source, batches: Batches, now: Callable[[], datetime] = machines_clock) -> Survey:
    """Survey the whole hospital and keep the result, with the times at which it was begun and finished by `now`.

    What is held against these times has to go by the same clock: a run hands Passport.now. Raises SourceError,
    BatchError, and what `now` raises.
    """
    begun = now()
    survey = replace(full_survey(source), taken_at=begun)
    frames, metadata = survey.to_frames()
    finished = {FINISHED: now().isoformat()}
    batches.write_frames(source.hospital.key, SURVEY, frames, metadata | finished)
    return survey


def stored_survey(hospital_key: str, batches: Batches) -> Survey | None:
    """The last full survey that was kept, with what runs of windows have found since; None where there is none, or
    only one of an earlier version.

    Raises BatchError.
    """
    stored = batches.read_frames(hospital_key, SURVEY)
    if stored is None or not Survey.readable(stored[0]):
        return None
    survey = Survey.from_frames(*stored)
    finished = stored[1].get(FINISHED, stored[1]["takenAt"])
    for month, cells in _since(hospital_key, batches, finished)[0].items():
        survey = with_month(survey, month, cells)
    return survey


def survey_version(hospital_key: str, batches: Batches) -> str:
    """A short text that changes whenever `stored_survey` would give something else. Reads no survey.

    Raises BatchError.
    """
    kept = [batches.read_texts(hospital_key, name) for name in (SURVEY, SINCE)]
    return json.dumps(kept, sort_keys=True)


def keep_window(  # noqa: PLR0917 - two ends of one comparison
    hospital_key: str, batches: Batches, stored: Survey, current: Survey, month: str, cells: pd.DataFrame, at: datetime
) -> None:
    """Keep what a window's cells were `at` a time, if a survey of the tail does not show it: `current` is that, and
    `stored` what it was taken from. Raises BatchError.
    """
    known = current.cells[in_month(current.cells, month)]
    if _below(known, stored.tail).equals(_below(cells, stored.tail)):
        return
    kept = batches.read_frames(hospital_key, SURVEY)
    finished = kept[1].get(FINISHED, "") if kept else ""
    months, taken = _since(hospital_key, batches, finished)
    months, taken = months | {month: cells}, taken | {month: at.isoformat()}
    batches.write_frames(hospital_key, SINCE, months, taken)


def lacks_loss(stored: Survey, month: str, cells: pd.DataFrame) -> bool:
    """Whether a window's cells, as they are now, hold far fewer live rows than the survey that is kept has of them.

    What one day gains does not make up for what another loses.
    """
    there = cell_digests(cells)
    before = {day: digest.live for day, digest in stored.digests(month).items()}
    lost = sum(max(0, live - (there[day].live if day in there else 0)) for day, live in before.items())
    return lost >= LOST_ROWS and lost > LOST_SHARE * sum(before.values())


def note_tables(source: Source, batches: Batches) -> None:
    """Keep which of the hospital's main tables hold rows now. Raises SourceError, BatchError."""
    key = source.hospital.key
    with source.reading() as connection:
        filled = filled_tables(connection)
    if stored_tables(key, batches) != filled:
        batches.write_frames(key, TABLES, {}, {FILLED: ",".join(filled)})


def stored_tables(hospital_key: str, batches: Batches) -> tuple[str, ...] | None:
    """The main tables that held rows when somebody last looked; None where nobody has. Raises BatchError."""
    texts = batches.read_texts(hospital_key, TABLES)
    return None if texts is None else tuple(filter(None, texts[FILLED].split(",")))


def _since(hospital_key: str, batches: Batches, finished: str) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """The cells and times of the months that were found after the last full survey was finished."""
    frames, taken = batches.read_frames(hospital_key, SINCE) or ({}, {})
    newer = {month: at for month, at in taken.items() if at > finished and month in frames}
    return {month: frames[month] for month in newer}, newer


def _below(cells: pd.DataFrame, block: int) -> pd.DataFrame:
    return cells[cells["block"] < block].reset_index(drop=True)
