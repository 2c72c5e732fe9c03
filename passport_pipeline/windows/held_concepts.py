"""Concepts that are held back: their dictionary changed in a way that an operator has to decide about.

While a concept is held back, its stored entry stays as it was, so that no record is rewritten. Rows with it that were
entered since the entry was last read unchanged are parked (`held_concept`): nobody knows which of both they mean. If
the hospital takes its change back, the next reading releases the concept.

What belongs here: holding back when the lookup is renewed, accepting, and how many records a change concerns. What does
not: which changes are plausible (dictionary_changes), reading the lookup (lookups).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.core.row_references import References
from passport_pipeline.passport.days.record_rows import record_rows
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.lookups import ConceptLookup
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.dictionary_changes import CHANGES, implausible_changes

HELD = "held-concepts"
CHANGED = "changes"
NAMED = 5
"""How many held-back concepts a message names."""


@dataclass(frozen=True)
class HeldConcepts:
    """What is held back of one hospital's dictionary: CHANGES, and since when, in UTC."""

    key: str
    changes: pd.DataFrame
    since: datetime

    @property
    def description(self) -> str:
        """In words, with the command that shows what it concerns."""
        names = [
            f"{name} ({what}: {before or 'none'} -> {now or 'none'})" for _, name, what, before, now in self._rows()
        ]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return (
            f"{self.key}: changes of its dictionary are held back since {self.since:%Y-%m-%d %H:%M} UTC: "
            f"{', '.join(names[:NAMED])}{more}. Records go on to show what they show, and new rows with these concepts "
            "are parked. If a change is wrong, have it corrected at the hospital; if it is right, see what it concerns "
            f"and let it through: `passport-pipeline hospitals accept {self.key} --dictionary --dry-run`"
        )

    def to_json(self) -> list[dict[str, object]]:
        """As `status --json` prints it."""
        return [dict(zip(CHANGES, row, strict=True)) for row in self._rows()]

    def _rows(self) -> Iterable[tuple[int, str, str, str, str]]:
        return zip(*(self.changes[name].tolist() for name in CHANGES), strict=True)


def held_concepts(hospital_key: str, batches: Batches) -> HeldConcepts | None:
    """What is held back of a hospital's dictionary; None where nothing is. Raises BatchError."""
    stored = batches.read_frames(hospital_key, HELD)
    return None if stored is None else HeldConcepts(hospital_key, stored[0][CHANGED], _time(stored[1]["since"]))


def hold_back_changes(
    hospital: Hospital, batches: Batches, lookup: ConceptLookup, last_read: datetime | None, at: datetime
) -> ConceptLookup:
    """The lookup as it is to be stored: as it was read, but for used concepts whose changes are not plausible, which
    stay as they are stored. `last_read` is when the stored one was read, `at` the time of this reading, both in UTC.

    Raises BatchError.
    """
    stored = batches.read_frames(hospital.key, "concepts")
    if stored is None:
        return lookup
    before, now = stored[0], lookup.frames()
    changes = implausible_changes(before, now)
    if len(changes):
        changes = changes[np.isin(changes["concept_id"], _used(hospital.key, batches))].reset_index(drop=True)
    previous = held_concepts(hospital.key, batches)
    if changes.empty:
        if previous is not None:
            batches.delete_frames(hospital.key, HELD)
        return lookup
    ids = changes["concept_id"].unique()
    pending = {name: _of(frame, ids) for name, frame in now.items() if name in _KEPT}
    since = previous.since if previous else at
    batches.write_frames(hospital.key, HELD, {CHANGED: changes, **pending}, {"since": since.isoformat()})
    # A former version stored fewer frames; of a concept that is held back nothing newer is taken over.
    kept = {name: pd.concat([_without(now[name], ids), _of(before.get(name, now[name][:0]), ids)]) for name in _KEPT}
    concepts = kept["concepts"].reindex(columns=now["concepts"].columns).astype(now["concepts"].dtypes)
    from_local = (last_read or at).astimezone(hospital.zone).replace(tzinfo=None)
    fresh = concepts["concept_id"].isin(ids) & concepts["held_from"].isna()
    kept["concepts"] = concepts.assign(held_from=concepts["held_from"].mask(fresh, pd.Timestamp(from_local)))
    merged = {name: frame.sort_values(list(frame.columns), ignore_index=True) for name, frame in kept.items()}
    return ConceptLookup.from_frames({**now, **merged})


def accept_changes(
    hospital_key: str, batches: Batches, previewed: HeldConcepts, only: Collection[int] = ()
) -> pd.DataFrame:
    """Take over changes that are held back as `previewed`, of all concepts or of these `only`; gives them as CHANGES.

    Raises ConfigurationError where others are held back meanwhile, or a named concept is not; BatchError.
    """
    stored, held = batches.read_frames(hospital_key, "concepts"), batches.read_frames(hospital_key, HELD)
    if stored is None or held is None or not held[0][CHANGED].equals(previewed.changes):
        raise ConfigurationError(f"{hospital_key}: what is held back has changed meanwhile; look at it again")
    pending, texts = held
    changes = pending[CHANGED]
    ids = np.array(sorted(only) or changes["concept_id"].unique(), dtype=np.int64)
    strange = sorted(set(ids.tolist()) - set(changes["concept_id"].tolist()))
    if strange:
        raise ConfigurationError(f"{hospital_key}: no change of concept {strange[0]} is held back")
    frames = dict(stored[0])
    for name in _KEPT:
        if name in pending:
            part = pd.concat([_without(frames[name], ids), _of(pending[name], ids)]) if name in frames else None
            frames[name] = _of(pending[name], ids) if part is None else part.reset_index(drop=True)
    lookup = ConceptLookup.from_frames(frames)
    batches.write_frames(hospital_key, "concepts", lookup.frames(), {**stored[1], "hash": lookup.content_hash()})
    left = {name: _without(frame, ids) for name, frame in pending.items()}
    if left[CHANGED].empty:
        batches.delete_frames(hospital_key, HELD)
    else:
        batches.write_frames(hospital_key, HELD, left, texts)
    return _of(changes, ids)


def records_concerned(hospital: Hospital, batches: Batches, passport: Passport, ids: Collection[int]) -> pd.DataFrame:
    """How much of what patients see names each concept: concept_id, rows and days int64, sorted by rows, most first.

    Counts rows of records with the concept as question or answer, by the raw batches. Raises BatchError, PassportError.
    """
    hospital_key, streams = hospital.key, system_of(hospital).streams
    wanted = np.array(sorted(ids), dtype=np.int64)
    rows, days = dict.fromkeys(wanted.tolist(), 0), dict.fromkeys(wanted.tolist(), 0)
    for month in batches.months(hospital_key):
        files = batches.month(hospital_key, month)
        named = [day for day, file in files.items() if file and np.isin(wanted, file.references["concept"]).any()]
        if not named:
            continue
        shown = record_rows(passport, hospital_key, named).rows
        for stream, frame in batches.read_days(hospital_key, named, _FRAME):
            naming = streams[stream].naming(frame, wanted)
            seen = naming[np.isin(naming["row_id"], shown)]
            for concept_id in seen["concept_id"].unique().tolist():
                of_concept = seen[seen["concept_id"] == concept_id]
                rows[concept_id] += len(of_concept)
                days[concept_id] += of_concept["day"].nunique()
    counted = pd.DataFrame({"concept_id": list(rows), "rows": list(rows.values()), "days": list(days.values())})
    return counted.sort_values(["rows", "concept_id"], ascending=[False, True], ignore_index=True)


_FRAME = 50_000
_KEPT = ("concepts", "names", "mappings", "ranges")


def _used(hospital_key: str, batches: Batches) -> np.ndarray:
    """The concepts that stored rows have as question or answer."""
    files = (file for month in batches.months(hospital_key) for file in batches.month(hospital_key, month).values())
    return References.union([file.references for file in files if file])["concept"]


def _of(frame: pd.DataFrame, ids: np.ndarray) -> pd.DataFrame:
    return frame[frame["concept_id"].isin(ids)].reset_index(drop=True)


def _without(frame: pd.DataFrame, ids: np.ndarray) -> pd.DataFrame:
    return frame[~frame["concept_id"].isin(ids)].reset_index(drop=True)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
