"""What each day is to be recorded with, compared with what the passport recorded of it.

What belongs here: this one comparison, by day: for a run of a window, and for all days of a hospital. What does not:
what a day's records are made of (fingerprint), loading (load), which windows have to be run (detection.plan). Touches
no hospital.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import blake2b
from typing import Self

import pandas as pd

from passport_pipeline.batches.store import Batches, DayBatch
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.digests import Digest, differing
from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.row_references import References
from passport_pipeline.passport.days.state import DayRecord, recorded
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.windows.fingerprint import Inputs, common, stored_inputs
from passport_pipeline.windows.lookups import (
    CONCEPTS,
    LOCATIONS,
    NATIONAL_IDS,
    PROVIDERS,
    stored_lookups,
    stored_national_ids,
)
from passport_pipeline.windows.match import match_persons


class Reason(StrEnum):
    """Why a day or a window is stale.

    UNFINISHED    a run has left the day unfinished, or it has a dirty marker, or is due to be checked again
    ROWS          the day's rows are not those that were recorded
    DEPENDENCIES  they are, but records would be made of them differently now
    DUE           the window is to be run whatever its days are: for its parked rows, for example
    """

    UNFINISHED = "unfinished"
    ROWS = "rows"
    DEPENDENCIES = "dependencies"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class DayState:
    """What a day is to be recorded with: the digest of its rows, and its inputs ("" where rows alone are compared)."""

    digest: Digest
    inputs: str = ""


@dataclass(frozen=True)
class DayStates:
    """The states that days are to have; a day that is not among them is to be `empty`."""

    by_day: Mapping[date, DayState]
    empty: DayState

    @classmethod
    def of_survey(cls, digests: Mapping[date, Digest]) -> Self:
        """By the hospital's rows alone."""
        return cls({day: DayState(digest) for day, digest in digests.items()}, DayState(Digest()))

    @classmethod
    def of_batches(cls, batches: Mapping[date, DayBatch | None], inputs: Inputs) -> Self:
        """By raw batches, and what records are made of besides; a day without a readable batch is to be empty."""
        states = {day: DayState(batch.digest, inputs.of(batch.references)) for day, batch in batches.items() if batch}
        return cls(states, DayState(Digest(), inputs.of(References())))

    def __getitem__(self, day: date) -> DayState:
        return self.by_day.get(day, self.empty)


def stale_days(wanted: DayStates, records: Mapping[date, DayRecord]) -> dict[date, Reason]:
    """The days that the passport has not recorded as they are to be, oldest first, each with the first reason.

    A day that was never recorded is stale unless it has no rows and rows alone are compared. Pure.
    """
    digests = {day: state.digest for day, state in wanted.by_day.items()}
    other_rows = set(differing(digests, {day: record.digest for day, record in records.items()}))
    stale: dict[date, Reason] = {}
    for day in sorted(wanted.by_day.keys() | records.keys()):
        inputs = wanted.by_day.get(day, wanted.empty).inputs
        record = records.get(day)
        if record and not record.inputs:
            stale[day] = Reason.UNFINISHED
        elif day in other_rows or (inputs and record is None):
            stale[day] = Reason.ROWS
        elif inputs and record and record.inputs != inputs:
            stale[day] = Reason.DEPENDENCIES
    return stale


@dataclass(frozen=True)
class WindowComparison:
    """A window as it would be made now (`inputs`, `wanted`), and as the passport recorded its days (`recorded`)."""

    month: str
    inputs: Inputs
    wanted: DayStates
    recorded: Mapping[date, DayRecord]

    @property
    def hospital(self) -> Hospital:
        """Whose window it is."""
        return self.inputs.hospital

    @property
    def stale(self) -> list[date]:
        """The days that differ, oldest first."""
        return list(stale_days(self.wanted, self.recorded))


def compare_window(hospital: Hospital, batches: Batches, passport: Passport, month: str) -> WindowComparison:
    """Compare a window's raw batches, lookups and matches with what was recorded of its days. Made under the window's
    lease, so that plausibility is checked of what is then loaded. Raises PassportError, BatchError.
    """
    inputs = stored_inputs(hospital, batches, month)
    records = recorded(passport, hospital.key, month)
    return WindowComparison(month, inputs, window_states(batches, inputs, month), records)


def window_states(batches: Batches, inputs: Inputs, month: str) -> DayStates:
    """The states of a window's days. Raises BatchError, also where a day's file cannot be read: the day must not pass
    for empty.
    """
    files = batches.month(inputs.hospital.key, month)
    unreadable = [day for day, file in files.items() if file is None]
    if unreadable:
        raise BatchError(
            f"{inputs.hospital.key} {unreadable[0]}: the raw batch is damaged, or was written by an older version; "
            "materialise obs_batch of this window first"
        )
    return DayStates.of_batches(files, inputs)


def stored_states(hospital: Hospital, batches: Batches, passport: Passport) -> DayStates | None:
    """The states of all days of a hospital, by its stored batches, lookups and identifiers, and the patients whom the
    passport has now. None where lookups or identifiers were never stored.

    A day whose raw batch cannot be read is to be empty, so it is stale and read again. Raises PassportError,
    BatchError.
    """
    lookups, held = stored_lookups(hospital.key, batches), stored_national_ids(hospital.key, batches)
    if lookups is None or held is None:
        return None
    files: dict[date, DayBatch | None] = {}
    for month in batches.months(hospital.key):
        files |= batches.month(hospital.key, month)
    everybody = References.union([file.references for file in files.values() if file])["person"]
    persons = pd.DataFrame({"person_id": everybody, "person_uuid": pd.Series("", range(len(everybody)), dtype="str")})
    return DayStates.of_batches(files, Inputs(hospital, lookups, match_persons(passport, persons, held)))


def dependencies_version(hospital: Hospital, batches: Batches) -> str | None:
    """A short text that changes whenever `stored_states` may give something else because of the hospital: by its
    lookups, identifiers, rules, name or zone. None where lookups or identifiers were never stored. Raises BatchError.
    """
    parts = [common(hospital)]
    for name, text in ((CONCEPTS, "hash"), (PROVIDERS, "hash"), (LOCATIONS, "hash"), (NATIONAL_IDS, "digest")):
        stored = batches.read_texts(hospital.key, name)
        if stored is None:
            return None
        parts.append(stored.get(text, ""))
    return blake2b("|".join(parts).encode(), digest_size=6).hexdigest()


def names_any(hospital_key: str, batches: Batches, national_ids: frozenset[str]) -> bool:
    """Whether somebody at the hospital goes by one of these (normalised) national ids, with nothing there that
    contradicts it. Raises BatchError.
    """
    held = stored_national_ids(hospital_key, batches) if national_ids else None
    if held is None:
        return False
    return bool((held["reason"].isna() & held["national_id"].isin(national_ids)).any())
