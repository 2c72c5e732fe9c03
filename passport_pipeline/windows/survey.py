"""Surveys that are stored: the last full one of a hospital, and what runs of windows have read since.

A run of a window computes its digests anew, also for rows that a refresh of the survey does not read. These are stored
beside the full survey, a file for each month of a stream: otherwise a window that a run has brought up to date would
seem to differ until the next night. The full survey itself is written by full surveys alone, and what is older than it
no longer counts.

What belongs here: storing surveys and putting them together. What does not: taking them (sources), where files lie
(batches).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd

from passport_pipeline.batches.store import Batches, of_stream
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.passport.hospitals.state import CheckResult, record_checks, refuse_inactive
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.base import Source, Survey
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.restore_check import renewed_fingerprint

SURVEY, SINCE, PART = "survey", "survey-since", "part"
TABLES = "tables"
LOST_ROWS, LOST_SHARE = 5, 0.05
"""A stored survey that lacks the loss of so many rows of a window is too old to check plausibility by."""

FINISHED, READ_AT, FILLED = "finishedAt", "readAt", "filled"


def survey_hospital(source: Source, batches: Batches, passport: Passport) -> tuple[HospitalSurvey, CheckResult]:
    """Survey an active hospital in full, and record its clock and its fingerprint. Raises SourceError, PassportError,
    BatchError.
    """
    state, at = refuse_inactive(passport, source.hospital.key), passport.now()
    survey = renew_survey(source, batches, passport.now)
    store_tables(source, batches)
    fingerprint = renewed_fingerprint(source, state, survey, at)
    check = CheckResult(state, at, source.clock().skew, lineage=fingerprint)
    record_checks(passport, [check])
    return survey, check


def machine_clock() -> datetime:
    """The time by this machine's clock, in UTC: good enough where no other machine stores surveys at the same place."""
    return datetime.now(UTC)


def renew_survey(source: Source, batches: Batches, now: Callable[[], datetime] = machine_clock) -> HospitalSurvey:
    """Survey the whole hospital and store the result, with the times at which it was begun and finished by `now`.

    Times that are compared with these must come from the same clock: a run passes Passport.now. Raises SourceError,
    BatchError, and what `now` raises.
    """
    survey = HospitalSurvey.take(source, now())
    finished = {FINISHED: now().isoformat()}
    for stream, stream_survey in survey.streams.items():
        frames, texts = stream_survey.to_frames()
        batches.write_frames(source.hospital.key, of_stream(SURVEY, stream), frames, texts | finished)
        for name in _month_names(source.hospital.key, stream, batches).values():
            if not _counts(batches.read_texts(source.hospital.key, name), finished[FINISHED]):
                batches.delete_frames(source.hospital.key, name)
    return survey


def stored_survey(hospital: Hospital, batches: Batches) -> HospitalSurvey | None:
    """The last full survey that was stored, with what runs of windows have read since; None where there is none of a
    stream, or only one of an earlier version. Raises BatchError.
    """
    surveys: dict[str, Survey] = {}
    for name, stream in system_of(hospital).streams.items():
        stored = batches.read_frames(hospital.key, of_stream(SURVEY, name))
        survey = stream.load_survey(*stored) if stored else None
        if stored is None or survey is None:
            return None
        finished = stored[1].get(FINISHED, stored[1]["takenAt"])
        for month, month_name in _month_names(hospital.key, name, batches).items():
            part = batches.read_frames(hospital.key, month_name)
            if part and _counts(part[1], finished):
                survey = survey.with_part(month, part[0][PART])
        surveys[name] = survey
    return HospitalSurvey(surveys)


def survey_version(hospital: Hospital, batches: Batches) -> str:
    """A short text that changes whenever the result of `stored_survey` may change. Reads no survey.

    Raises BatchError.
    """
    names = []
    for stream in system_of(hospital).streams:
        names += [of_stream(SURVEY, stream), *_month_names(hospital.key, stream, batches).values()]
    return json.dumps({name: batches.read_texts(hospital.key, name) for name in names}, sort_keys=True)


def store_month(
    hospital_key: str, stream: str, batches: Batches, *, month: str, part: pd.DataFrame, at: datetime
) -> None:
    """Store what a stream's month held `at` a time beyond what refreshing its stored survey shows. Raises
    BatchError.
    """
    name = of_stream(f"{SINCE}-{month}", stream)
    batches.write_frames(hospital_key, name, {PART: part}, {READ_AT: at.isoformat()})


def has_lost_rows(stored: Survey, read: Survey, month: str) -> bool:
    """Whether a month, as it was just read, holds far fewer live rows than in the stored survey.

    Rows that one day gains do not make up for rows that another loses.
    """
    before, now = stored.digests(month), read.digests(month)
    lost = sum(max(0, digest.live - (now[day].live if day in now else 0)) for day, digest in before.items())
    return lost >= LOST_ROWS and lost > LOST_SHARE * sum(digest.live for digest in before.values())


def store_tables(source: Source, batches: Batches) -> None:
    """Store which of the hospital's main tables hold rows now. Raises SourceError, BatchError."""
    key, filled = source.hospital.key, source.filled()
    if stored_tables(key, batches) != filled:
        batches.write_frames(key, TABLES, {}, {FILLED: ",".join(filled)})


def stored_tables(hospital_key: str, batches: Batches) -> tuple[str, ...] | None:
    """The main tables that held rows at the last check; None where they were never stored. Raises BatchError."""
    texts = batches.read_texts(hospital_key, TABLES)
    return None if texts is None else tuple(filter(None, texts[FILLED].split(",")))


def _month_names(hospital_key: str, stream: str, batches: Batches) -> dict[str, str]:
    """The months of a stream that were read apart from the full survey, and the names under which they are stored."""
    named = re.compile(rf"{SINCE}-(\d{{4}}-\d{{2}}){re.escape(of_stream('', stream))}")
    matches = map(named.fullmatch, batches.names(hospital_key))
    return {match[1]: match[0] for match in matches if match}


def _counts(texts: dict[str, str] | None, finished: str) -> bool:
    """Whether a month was read after the full survey was finished."""
    return texts is not None and texts.get(READ_AT, "") > finished
