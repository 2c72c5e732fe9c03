"""Step one of a window: the days whose digest differs, from the hospital into raw batches.

What belongs here: which days are read again, and that what was read is what the digest says. What does not: reading
(sources), files (batches).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.core.digests import Digest, differing
from passport_pipeline.core.gc_tuning import collecting_seldom
from passport_pipeline.sources.base import MonthReader, Source, Stream, Survey
from passport_pipeline.sources.frames import ROWS, held
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.windows.lookups import renew_lookups, stored_lookups
from passport_pipeline.windows.survey import lacks_loss, machines_clock, renew_survey, store_month, stored_survey


@dataclass(frozen=True)
class Extracted:
    """What the step did: days and live rows of the window, and how many of them were read now; a day of two streams
    counts twice.
    """

    days: int = 0
    live: int = 0
    days_read: int = 0
    rows_read: int = 0
    days_removed: int = 0

    def __add__(self, other: Extracted) -> Extracted:
        return Extracted(
            self.days + other.days,
            self.live + other.live,
            self.days_read + other.days_read,
            self.rows_read + other.rows_read,
            self.days_removed + other.days_removed,
        )


@collecting_seldom
def extract_window(
    source: Source,
    batches: Batches,
    month: str,
    *,
    batch_rows: int = 20_000,
    full: bool = False,
    confirm: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = machines_clock,
) -> Extracted:
    """Bring the raw batches of a window up to date with the hospital, stream by stream.

    Where the system can, the digests and the rows of a stream come out of one read-only snapshot, so a batch holds
    exactly what its digest says. Where every day is to be read, because there is no file yet or with `full`, the
    hospital only counts the rows, and the digests are those of the rows that come. About `batch_rows` rows are held in
    memory, and as many are under way. `confirm` is called before each file is replaced or removed and after the last,
    and raises where it is not to be. What the window holds that a refresh of the survey does not show is stored with
    the survey, under its time by `now`, the clock of all stored surveys. Raises SourceError, BatchError.
    """
    hospital = source.hospital
    stored = stored_survey(hospital, batches) or renew_survey(source, batches, now)
    refreshed, at = stored.refresh(source), now()
    done, lost = Extracted(), False
    for name, stream in source.system.streams.items():
        with source.reader(name).month(refreshed.streams[name], month) as reader:
            part = _StreamExtraction(source, stream, reader, batches, month, confirm)
            done += part.run(batch_rows, full=full)
            read = reader.survey()
        lost = lost or lacks_loss(stored.streams[name], read, month)
        unseen = _unseen(stored.streams[name], refreshed.streams[name], read, month)
        if unseen is not None and not lost:
            store_month(hospital.key, name, batches, month=month, part=unseen, at=at)
    if done.days_read or done.days_removed:
        confirm()  # a run that slept on the way from asking to replacing has put back an old file: it loads nothing
    if lost:
        # Whether the loss is plausible is decided by what else the hospital has lost.
        renew_survey(source, batches, now)
    return done


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
        # A file without the third fold may hold what the other two did not see change: it is read again.
        complete = {day: file.digest for day, file in files.items() if file and file.digest.complete}
        every = full or not complete
        digests = self.reader.digests(counted=every)
        stale = sorted(digests) if every else _differing(digests, complete)
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
        """Pass the frames on; renew the lookups where a row refers to what they lack.

        What is missing from renewed lookups too is not at the hospital, and is not looked for again.
        """
        lookups = stored_lookups(self.source.hospital.key, self.batches) or renew_lookups(self.source, self.batches)
        nowhere: set[tuple[str, int]] = set()
        for frame in frames:
            held(ROWS, frame)
            if self._missing(lookups, frame) - nowhere:
                lookups = renew_lookups(self.source, self.batches)
                nowhere |= self._missing(lookups, frame)
            yield frame

    def _missing(self, lookups: Lookups, frame: pd.DataFrame) -> set[tuple[str, int]]:
        unknown = self.stream.unknown_references(lookups, frame)
        return {(kind, number) for kind, numbers in unknown.items() for number in numbers}


def _differing(digests: Mapping[date, Digest | int], complete: Mapping[date, Digest]) -> list[date]:
    """The days of the hospital whose batch has another digest, or none; where a day was only counted, all are read."""
    certain = {day: digest for day, digest in digests.items() if isinstance(digest, Digest)}
    differs = {*differing(certain, complete), *(digests.keys() - certain.keys())}
    return [day for day in sorted(differs) if day in digests]
