"""Step one of a window: the days whose digest differs, from the hospital into raw batches.

What belongs here: which days are read again, and that what was read is what the digest says. What does not: SQL
(openmrs), files (batches).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.core.digests import differing
from passport_pipeline.core.gc_tuning import collecting_seldom
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.mysql.survey import cell_digests, tail_survey, window_cells, with_checksums
from passport_pipeline.sources.openmrs.lookups import references, unknown_references
from passport_pipeline.sources.openmrs.observations.reading import checksum_cells, read_observations
from passport_pipeline.sources.openmrs.source import Source
from passport_pipeline.windows.lookups import renew_lookups, stored_lookups
from passport_pipeline.windows.survey import keep_window, lacks_loss, machines_clock, renew_survey, stored_survey


@dataclass(frozen=True)
class Extracted:
    """What the step did: days and live rows of the window, and how many of them were read now."""

    days: int
    live: int
    days_read: int
    rows_read: int
    days_removed: int


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
    """Bring the raw batches of a window into line with the hospital.

    The digests and the rows come out of one read-only snapshot, so a batch holds exactly what its digest says. Where
    every day is to be read, because there is no file yet or with `full`, the hospital only counts the rows, and the
    digests are those of the rows that come. About `batch_rows` rows are held in memory, and as many are under way.
    `confirm` is called before each file is replaced or removed and after the last, and raises where it is not to be.
    What the window holds that a survey of the tail does not show is kept with the survey, under its time by `now`, the
    clock of all surveys that are kept. Raises SourceError, BatchError.
    """
    key = source.hospital.key
    stored = stored_survey(key, batches) or renew_survey(source, batches, now)
    survey, at = tail_survey(source, stored), now()
    with source.snapshot() as connection:
        files = batches.month(key, month)
        # A file without the third fold may hold what the other two did not see change: it is read again.
        here = {day: file.digest for day, file in files.items() if file and file.digest.complete}
        every = full or not here
        cells = window_cells(connection, source.schema, survey, month, checksums=not every)
        there = cell_digests(cells)
        stale = sorted(there) if every else [day for day in differing(there, here) if day in there]
        wanted = cells[cells["day"].isin([pd.Timestamp(day) for day in stale])]
        expected = {day: there[day].live if every else there[day] for day in stale}
        checksums: list[pd.DataFrame] = []
        with closing(read_observations(connection, source, wanted, batch_rows)) as frames:
            known = _known(source, batches, _noted(frames, checksums))
            rows = batches.write_days(key, month, known, expected, references, confirm=confirm)
    if every:
        cells = with_checksums(cells, checksums)
    removed: list[date] = sorted(files.keys() - there.keys())
    for day in removed:
        confirm()
        batches.delete_day(key, day)
    if stale or removed:
        confirm()  # a run that slept on the way from asking to replacing has put back an old file: it loads nothing
    if lacks_loss(stored, month, cells):
        # Whether the loss is plausible is decided by what else the hospital has lost.
        renew_survey(source, batches, now)
    else:
        keep_window(key, batches, stored, survey, month, cells, at)
    live = sum(digest.live for digest in there.values())
    return Extracted(len(there), live, len(stale), rows, len(removed))


def _noted(frames: Iterable[pd.DataFrame], checksums: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Pass the frames on, and note what each adds to the checksums of its cells."""
    for frame in frames:
        checksums.append(checksum_cells(frame))
        yield frame


def _known(source: Source, batches: Batches, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Pass the frames on; renew the lookups where a row refers to what they lack.

    What is missing from renewed lookups too is not at the hospital, and is not looked for again.
    """
    lookups = stored_lookups(source.hospital.key, batches) or renew_lookups(source, batches)
    nowhere: set[tuple[str, int]] = set()
    for frame in frames:
        if _missing(lookups, frame) - nowhere:
            lookups = renew_lookups(source, batches)
            nowhere |= _missing(lookups, frame)
        yield frame


def _missing(lookups: Lookups, frame: pd.DataFrame) -> set[tuple[str, int]]:
    return {(kind, number) for kind, numbers in unknown_references(lookups, frame).items() for number in numbers}
