"""A hospital as it is stored: its raw batches and lookups, walked through once for a review.

What belongs here: that walk. What does not: what is decided of a frame (sources), what a review counts (the others).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Self

import pandas as pd

from passport_pipeline.batches.store import Batches, DayBatch
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.errors import BatchError
from passport_pipeline.sources.base import Progress, Stream
from passport_pipeline.sources.drafts import Concept
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.lookups import stored_lookups

FRAME_ROWS = 100_000


def silent(done: int, of: int) -> None:
    """A Progress that nobody follows."""


@dataclass(frozen=True)
class Stored:
    """What is stored of a hospital; `days` are those whose raw batch can be read, with its metadata."""

    hospital: Hospital
    batches: Batches
    lookups: Lookups
    days: dict[date, DayBatch]

    @classmethod
    def of(cls, hospital: Hospital, batches: Batches) -> Self:
        """Raises BatchError, also where nothing was ever stored."""
        lookups = stored_lookups(hospital.key, batches)
        if lookups is None:
            raise BatchError(
                f"{hospital.key}: nothing of its dictionary is stored yet; run `passport-pipeline sync --hospital "
                f"{hospital.key}` first"
            )
        days: dict[date, DayBatch] = {}
        for month in batches.months(hospital.key):
            days |= {day: batch for day, batch in batches.month(hospital.key, month).items() if batch}
        return cls(hospital, batches, lookups, days)

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams of its record system by name."""
        return dict(system_of(self.hospital).streams)

    def naming(self, concept_id: int) -> list[date]:
        """The days with rows that name a concept, oldest first."""
        return [day for day, batch in self.days.items() if concept_id in batch.references["concept"]]

    def frames(self, days: Collection[date], progress: Progress = silent) -> Iterator[tuple[Stream, pd.DataFrame]]:
        """The frames of these days, groups whole, each with its stream; `progress` counts rows. Raises BatchError."""
        rows, done = sum(self.days[day].digest.live for day in days), 0
        for name, frame in self.batches.read_days(self.hospital.key, sorted(days), FRAME_ROWS):
            yield self.streams[name], frame
            done += len(frame)
            progress(done, rows)

    def labels(self, hospital: Hospital) -> dict[int, tuple[str, ...]]:
        """How sensitive concepts are under a hospital's settings, by concept_id; only those that are."""
        told = [stream.labels(self.lookups, hospital) for stream in self.streams.values()]
        return {number: of for each in told for number, of in zip(each["concept_id"], each["labels"], strict=True)}

    @cached_property
    def concepts(self) -> pd.DataFrame:
        """sources.lookups.CONCEPTS by concept_id."""
        return self.lookups.concepts.concepts.drop_duplicates("concept_id").set_index("concept_id")

    def described(self, concept_id: int) -> Concept:
        """A concept in the words of the dictionary; without any where that does not have it."""
        words = self.concepts.reindex([concept_id])[["uuid", "name", "datatype", "concept_class"]].iloc[0]
        return Concept(concept_id, *(word if isinstance(word, str) else None for word in words.tolist()))


def counted(frame: pd.DataFrame) -> Counter[tuple[Any, ...]]:
    """How often each combination of the columns' values is there; None for null."""
    columns = (column.astype(object).where(column.notna(), None).tolist() for _, column in frame.items())
    return Counter(zip(*columns, strict=True))
