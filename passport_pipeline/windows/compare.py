"""The state that each day should have, compared with what the passport recorded of it.

What belongs here: this one comparison, by day: for a run of a window, and for all days of a hospital. What does not:
what a day's records depend on (fingerprint), loading (load), which windows need a run (detection.plan). No hospital is
read.
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
from passport_pipeline.core.digests import Digest, differing_days
from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.row_references import References
from passport_pipeline.passport.accounts import registered
from passport_pipeline.passport.days.state import DayRecord, recorded
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.windows.fingerprint import Dependencies, common, stored_dependencies
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
    DEPENDENCIES  the rows are the same, but their records would be different now
    DUE           the window has to be run whatever its days hold: for its parked rows, for example
    """

    UNFINISHED = "unfinished"
    ROWS = "rows"
    DEPENDENCIES = "dependencies"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class DayState:
    """What a day should be recorded with: the digest of its rows, and the fingerprint of what its records depend on
    besides ("" where rows alone are compared).
    """

    digest: Digest
    fingerprint: str = ""


@dataclass(frozen=True)
class DayStates:
    """The states that days should have; that of any other day is `empty`."""

    by_day: Mapping[date, DayState]
    empty: DayState

    @classmethod
    def of_survey(cls, digests: Mapping[date, Digest]) -> Self:
        """The states by the hospital's rows alone."""
        return cls({day: DayState(digest) for day, digest in digests.items()}, DayState(Digest()))

    @classmethod
    def of_batches(cls, batches: Mapping[date, DayBatch | None], dependencies: Dependencies) -> Self:
        """The states by raw batches and what records depend on besides; a day without a readable batch is empty."""
        fingerprint = dependencies.fingerprint
        states = {day: DayState(batch.digest, fingerprint(batch.references)) for day, batch in batches.items() if batch}
        return cls(states, DayState(Digest(), fingerprint(References())))

    def __getitem__(self, day: date) -> DayState:
        return self.by_day.get(day, self.empty)


def stale_days(states: DayStates, records: Mapping[date, DayRecord]) -> dict[date, Reason]:
    """The days that the passport has not recorded with these states, oldest first, each with the first reason.

    A day that was never recorded is stale unless it has no rows and rows alone are compared. Pure.
    """
    digests = {day: state.digest for day, state in states.by_day.items()}
    changed_rows = set(differing_days(digests, {day: record.digest for day, record in records.items()}))
    stale: dict[date, Reason] = {}
    for day in sorted(states.by_day.keys() | records.keys()):
        fingerprint, record = states[day].fingerprint, records.get(day)
        if record and not record.inputs:
            stale[day] = Reason.UNFINISHED
        elif day in changed_rows or (fingerprint and record is None):
            stale[day] = Reason.ROWS
        elif fingerprint and record and record.inputs != fingerprint:
            stale[day] = Reason.DEPENDENCIES
    return stale


@dataclass(frozen=True)
class WindowComparison:
    """A window as it would be loaded now (`dependencies`, `states`), and as the passport recorded its days."""

    month: str
    dependencies: Dependencies
    states: DayStates
    recorded: Mapping[date, DayRecord]

    @property
    def hospital(self) -> Hospital:
        """Whose window it is."""
        return self.dependencies.hospital

    @property
    def stale(self) -> list[date]:
        """The days that differ, oldest first."""
        return list(stale_days(self.states, self.recorded))


def compare_window(hospital: Hospital, batches: Batches, passport: Passport, month: str) -> WindowComparison:
    """Compare a window's raw batches, lookups and matches with what was recorded of its days. Call it under the lease
    of the window, so that what is loaded is what was checked for plausibility. Raises PassportError, BatchError.
    """
    dependencies = stored_dependencies(registered(passport, hospital), batches, month)
    records = recorded(passport, hospital.key, month)
    return WindowComparison(month, dependencies, window_states(batches, dependencies, month), records)


def window_states(batches: Batches, dependencies: Dependencies, month: str) -> DayStates:
    """The states of a window's days. Raises BatchError, also where a day's file cannot be read: the day must not be
    taken for empty.
    """
    key = dependencies.hospital.key
    files = batches.month(key, month)
    unreadable = [day for day, file in files.items() if file is None]
    if unreadable:
        raise BatchError(
            f"{key} {unreadable[0]}: the raw batch is damaged, or was written by an older version; "
            "materialise obs_batch of this window first"
        )
    return DayStates.of_batches(files, dependencies)


def stored_states(hospital: Hospital, batches: Batches, passport: Passport) -> DayStates | None:
    """The states of all days of a hospital, by its stored batches, lookups and identifiers, and the patients whom the
    passport has now. None where lookups or identifiers were never stored.

    A day whose raw batch cannot be read counts as empty, so it is stale and read again. Raises PassportError,
    BatchError.
    """
    lookups, holders = stored_lookups(hospital.key, batches), stored_national_ids(hospital.key, batches)
    if lookups is None or holders is None:
        return None
    files: dict[date, DayBatch | None] = {}
    for month in batches.months(hospital.key):
        files |= batches.month(hospital.key, month)
    ids = References.union([file.references for file in files.values() if file])["person"]
    persons = pd.DataFrame({"person_id": ids, "person_uuid": pd.Series("", range(len(ids)), dtype="str")})
    matches = match_persons(passport, persons, holders)
    return DayStates.of_batches(files, Dependencies(registered(passport, hospital), lookups, matches))


def dependencies_version(hospital: Hospital, batches: Batches) -> str | None:
    """A short text that changes whenever `stored_states` may change because of the hospital: with its lookups,
    identifiers, rules, overlays, name or zone. None where lookups or identifiers were never stored. Raises BatchError.
    """
    parts = [common(hospital), repr(hospital.settings.overlays)]
    for name, text in ((CONCEPTS, "hash"), (PROVIDERS, "hash"), (LOCATIONS, "hash"), (NATIONAL_IDS, "digest")):
        stored = batches.read_texts(hospital.key, name)
        if stored is None:
            return None
        parts.append(stored.get(text, ""))
    return blake2b("|".join(parts).encode(), digest_size=6).hexdigest()


def names_any(hospital_key: str, batches: Batches, national_ids: frozenset[str]) -> bool:
    """Whether a person of the hospital has one of these (normalised) national ids, with nothing there that contradicts
    it. Raises BatchError.
    """
    holders = stored_national_ids(hospital_key, batches) if national_ids else None
    if holders is None:
        return False
    return bool((holders["reason"].isna() & holders["national_id"].isin(national_ids)).any())
