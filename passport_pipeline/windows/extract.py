"""Step one of a window: the days whose digest differs, from the hospital into raw batches.

What belongs here: which days are read again, and that the rows that were read have the digest. What does not: reading
(sources), files (batches).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import astuple, dataclass
from datetime import date, datetime

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.core.digests import Digest, differing_days
from passport_pipeline.core.gc_tuning import collecting_less_often
from passport_pipeline.sources.base import MonthReader, Source, Stream, Survey
from passport_pipeline.sources.frames import ROWS, held
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.windows.lookups import complete_lookups, renew_lookups
from passport_pipeline.windows.survey import has_lost_rows, machine_clock, renew_survey, store_month, stored_survey


@dataclass(frozen=True)
class Extracted:
    """What the step did: days and live rows of the window, and how many of them were read; a day of two streams counts
    twice.
    """

    days: int = 0
    live: int = 0
    days_read: int = 0
    rows_read: int = 0
    days_removed: int = 0

    def __add__(self, other: Extracted) -> Extracted:
        return Extracted(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@collecting_less_often
def extract_window(
    source: Source,
    batches: Batches,
    month: str,
    *,
    batch_rows: int = 20_000,
    full: bool = False,
    confirm: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = machine_clock,
) -> Extracted:
    """Bring the raw batches of a window up to date with the hospital, stream by stream.

    Where the system can, the digests and the rows of a stream come out of one read-only snapshot, so a batch holds
    exactly what its digest says. Where every day is to be read, because there is no file yet or with `full`, the
    hospital only counts the rows, and the digests are those of the rows that come. About `batch_rows` rows are held in
    memory, and as many are under way. `confirm` is called before each file is replaced or removed and after the last,
    and raises where that is not allowed. What the window holds that a refresh of the survey does not show is stored
    with the survey, under its time by `now`, the clock of all stored surveys. Raises SourceError, BatchError.
    """
    hospital = source.hospital
    stored = stored_survey(hospital, batches) or renew_survey(source, batches, now)
    refreshed, at = stored.refresh(source), now()
    extracted, lost = Extracted(), False
    for name, stream in source.system.streams.items():
        with source.reader(name).month(refreshed.streams[name], month) as reader:
            part = _StreamExtraction(source, stream, reader, batches, month, confirm)
            extracted += part.run(batch_rows, full=full)
            read = reader.survey()
        lost = lost or has_lost_rows(stored.streams[name], read, month)
        unseen = _unseen(stored.streams[name], refreshed.streams[name], read, month)
        if unseen is not None and not lost:
            store_month(hospital.key, name, batches, month=month, part=unseen, at=at)
    if extracted.days_read or extracted.days_removed:
        confirm()  # a run that slept between `confirm` and replacing has put an old file back: it loads nothing
    if lost:
        # Whether the loss is plausible depends on what else the hospital has lost.
        renew_survey(source, batches, now)
    return extracted


def _unseen(stored: Survey, refreshed: Survey, read: Survey, month: str) -> pd.DataFrame | None:
    """What was read of a month that a refresh of the stored survey does not show; None where it shows all."""
    part = stored.part(month, read)
    return None if stored.part(month, refreshed).equals(part) else part


@dataclass
class _StreamExtraction:
    """One stream of a window that is being extracted."""

    source: Source
    stream: Stream
    reader: MonthReader
    batches: Batches
    month: str
    confirm: Callable[[], None]

    def run(self, batch_rows: int, *, full: bool) -> Extracted:
        """Read the days that differ, and remove those that the hospital no longer has."""
        batches = self.batches.stream(self.source.hospital.key, self.stream.name)
        files = batches.month(self.month)
        # The first two folds may have missed a change, so a file without the third is read again.
        complete = {day: file.digest for day, file in files.items() if file and file.digest.complete}
        all_days = full or not complete
        digests = self.reader.digests(counted=all_days)
        stale = sorted(digests) if all_days else _differing(digests, complete)
        with closing(self.reader.rows(stale, batch_rows)) as frames:
            expected = {day: digests[day] for day in stale}
            rows = batches.write_days(
                self.month, self._with_lookups(frames), expected, self.stream.references, confirm=self.confirm
            )
        removed: list[date] = sorted(files.keys() - digests.keys())
        for day in removed:
            self.confirm()
            batches.delete_day(day)
        live = sum(digest.live if isinstance(digest, Digest) else digest for digest in digests.values())
        return Extracted(len(digests), live, len(stale), rows, len(removed))

    def _with_lookups(self, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Pass the frames on; renew the lookups where a row refers to an entry that they lack.

        An entry that renewed lookups lack too does not exist at the hospital, and they are not renewed for it again.
        """
        lookups = complete_lookups(self.source, self.batches)
        absent: set[tuple[str, int]] = set()
        for frame in frames:
            held(ROWS, frame)
            if self._missing(lookups, frame) - absent:
                lookups = renew_lookups(self.source, self.batches)
                absent |= self._missing(lookups, frame)
            yield frame

    def _missing(self, lookups: Lookups, frame: pd.DataFrame) -> set[tuple[str, int]]:
        unknown = self.stream.unknown_references(lookups, frame)
        return {(kind, number) for kind, numbers in unknown.items() for number in numbers}


def _differing(digests: Mapping[date, Digest | int], complete: Mapping[date, Digest]) -> list[date]:
    """The days of the hospital that have no batch, or one with another digest, or whose rows were only counted."""
    computed = {day: digest for day, digest in digests.items() if isinstance(digest, Digest)}
    return sorted(digests.keys() - (computed.keys() - differing_days(computed, complete)))
