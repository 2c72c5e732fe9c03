"""Which days the passport does not hold as they would be made now: what raw batches, lookups, matches and rules come
to, held against what was recorded of each day.

What belongs here: this one comparison, for a run of a window and for all windows of a hospital. What does not: what
a day's records are made of (inputs), loading (load), asking for runs (automation). Touches no hospital.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

import pandas as pd

from passport_pipeline.batches.store import Batches, DayBatch
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.row_references import References
from passport_pipeline.core.windows import month_of
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


@dataclass(frozen=True, slots=True)
class DayState:
    """What a day is recorded with when it is in line: the digest of its rows, and its inputs."""

    digest: Digest
    inputs: str

    def agrees(self, recorded: DayRecord) -> bool:
        """Whether that is what a run recorded of the day."""
        return self.inputs == recorded.inputs and self.digest.agrees(recorded.digest)


class DayStates:
    """The states that days are to have, by their raw batches; a day without one is to be empty."""

    def __init__(self, batches: Mapping[date, DayBatch | None], inputs: Inputs) -> None:
        self.by_day = {
            day: DayState(batch.digest, inputs.of(batch.references)) for day, batch in batches.items() if batch
        }
        self._empty = DayState(Digest(), inputs.of(References()))

    def __getitem__(self, day: date) -> DayState:
        return self.by_day.get(day, self._empty)

    def stale(self, here: Mapping[date, DayRecord]) -> list[date]:
        """The days that the passport (`here`) recorded differently, or not at all; oldest first."""
        return [
            day
            for day in sorted(self.by_day.keys() | here.keys())
            if day not in here or not self[day].agrees(here[day])
        ]


@dataclass(frozen=True)
class StaleWindow:
    """A window, how many of its days are stale, and a name for what they are to be: the same until that changes, or
    until a run records one of them, so that what happened, was healed and happened again has another.
    """

    month: str
    days: int
    name: str


@dataclass(frozen=True)
class ComparedWindow:
    """A window as it would be made now (`inputs`, `there`), and as the passport recorded its days (`here`)."""

    month: str
    inputs: Inputs
    there: DayStates
    here: Mapping[date, DayRecord]

    @property
    def hospital(self) -> Hospital:
        """Whose window it is."""
        return self.inputs.hospital

    @property
    def stale(self) -> list[date]:
        """The days that differ, oldest first."""
        return self.there.stale(self.here)


def compare_window(hospital: Hospital, batches: Batches, passport: Passport, month: str) -> ComparedWindow:
    """Hold a window's raw batches, lookups and matches against what was recorded of its days. Made under the window's
    lease, so that the guard weighs what is then loaded. Raises PassportError, BatchError.
    """
    inputs = stored_inputs(hospital, batches, month)
    return ComparedWindow(month, inputs, window_states(batches, inputs, month), recorded(passport, hospital.key, month))


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
    return DayStates(files, inputs)


def stale_windows(hospital: Hospital, batches: Batches, passport: Passport) -> list[StaleWindow] | None:
    """The windows of a hospital with stale days, oldest first: by the lookups and identifiers that are kept, and the
    patients whom the passport has now. None where lookups or identifiers were never kept.

    A day whose raw batch is gone or cannot be read is stale too, so that it is read again. One that a run has left
    unfinished, or that is marked, is not: whoever looks at the hospital finds it. Raises PassportError, BatchError.
    """
    lookups, held = stored_lookups(hospital.key, batches), stored_national_ids(hospital.key, batches)
    if lookups is None or held is None:
        return None
    here = recorded(passport, hospital.key)
    files: dict[date, DayBatch | None] = {}
    for month in batches.months(hospital.key):
        files |= batches.month(hospital.key, month)
    everybody = References.union(file.references for file in files.values() if file)["person"]
    persons = pd.DataFrame({"person_id": everybody, "person_uuid": pd.Series("", range(len(everybody)), dtype="str")})
    states = DayStates(files, Inputs(hospital, lookups, match_persons(passport, persons, held)))
    windows: dict[str, list[date]] = {}
    for day in states.stale(here):
        if day not in here or here[day].up_to_date:
            windows.setdefault(month_of(day), []).append(day)
    return [StaleWindow(month, len(days), _name(days, states, here)) for month, days in windows.items()]


def basis(hospital: Hospital, batches: Batches) -> str | None:
    """A short text that changes whenever `stale_windows` might find something else because of the hospital: by its
    lookups, identifiers, rules, name or zone. None where lookups or identifiers were never kept. Raises BatchError.
    """
    parts = [common(hospital)]
    for name, text in ((CONCEPTS, "hash"), (PROVIDERS, "hash"), (LOCATIONS, "hash"), (NATIONAL_IDS, "digest")):
        kept = batches.read_texts(hospital.key, name)
        if kept is None:
            return None
        parts.append(kept.get(text, ""))
    return blake2b("|".join(parts).encode(), digest_size=6).hexdigest()


def names_any(hospital_key: str, batches: Batches, national_ids: frozenset[str]) -> bool:
    """Whether somebody at the hospital goes by one of these (normalised) national ids, with nothing there that speaks
    against it. Raises BatchError.
    """
    held = stored_national_ids(hospital_key, batches) if national_ids else None
    if held is None:
        return False
    return bool((held["reason"].isna() & held["national_id"].isin(national_ids)).any())


def _name(days: list[date], states: DayStates, here: Mapping[date, DayRecord]) -> str:
    told = "|".join(f"{day} {states[day]} {here[day].recorded_at if day in here else None}" for day in days)
    return blake2b(told.encode(), digest_size=8).hexdigest()
