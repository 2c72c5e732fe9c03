"""Step one of a window: the days whose digest differs, from the hospital into raw batches.

What belongs here: which days are read again, and that what was read is what the digest says. What does not: SQL
(openmrs), files (batches).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pandas as pd

from passport_pipeline.batches import Batches
from passport_pipeline.digests import differing
from passport_pipeline.openmrs.lookups import Lookups, unknown_references
from passport_pipeline.openmrs.observations import read_observations
from passport_pipeline.openmrs.source import Source
from passport_pipeline.openmrs.survey import Survey, cell_digests, tail_survey, window_cells
from passport_pipeline.windows.references import renew_lookups, renew_survey, stored_lookups, stored_survey


@dataclass(frozen=True)
class Extracted:
    """What the step did: days and live rows of the window, and how many of them were read now."""

    days: int
    live: int
    days_read: int
    rows_read: int
    days_removed: int


def current_survey(source: Source, batches: Batches) -> Survey:
    """The kept survey brought up to date at its tail; a full one where none was kept."""
    stored = stored_survey(source.hospital.key, batches)
    return tail_survey(source, stored) if stored is not None else renew_survey(source, batches)


def extract_window(
    source: Source, batches: Batches, month: str, *, batch_rows: int = 20_000, full: bool = False
) -> Extracted:
    """Bring the raw batches of a window into line with the hospital.

    The digests and the rows come out of one read-only snapshot, so a batch holds exactly what its digest says.
    `full` reads every day again; about `batch_rows` rows are held in memory. Raises SourceError, BatchError.
    """
    key = source.hospital.key
    survey = current_survey(source, batches)
    with source.snapshot() as connection:
        cells = window_cells(connection, source.schema, survey, month)
        there = cell_digests(cells)
        here = batches.days(key, month)
        stale = sorted(there) if full else [day for day in differing(there, here) if day in there]
        wanted = cells[cells["day"].isin([pd.Timestamp(day) for day in stale])]
        frames = read_observations(connection, source, wanted, batch_rows)
        rows = batches.write_days(key, month, _known(source, batches, frames), {day: there[day] for day in stale})
    removed: list[date] = sorted(here.keys() - there.keys())
    for day in removed:
        batches.delete_day(key, day)
    live = sum(digest.live for digest in there.values())
    return Extracted(len(there), live, len(stale), rows, len(removed))


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
