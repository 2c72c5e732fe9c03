"""The reader of a stream that is one table of a MySQL database, by its row definition.

What belongs here: surveys and months of such a stream, behind the interface of sources. What does not: the
statements (survey_reading, row_checksums), what a row is and holds (the stream's own package).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import pandas as pd
import sqlalchemy as sa

from passport_pipeline.core.digests import Digest
from passport_pipeline.sources.base import Progress
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.mysql.row_checksums import read_row_checksums
from passport_pipeline.sources.mysql.row_definition import RowDefinition
from passport_pipeline.sources.mysql.survey import Survey, cell_digests, checksum_cells, with_checksums
from passport_pipeline.sources.mysql.survey_reading import ChangedBlocks, full_survey, tail_survey, window_cells

ReadRows = Callable[[sa.Connection, pd.DataFrame, int], Generator[pd.DataFrame]]
"""read_rows(connection, cells, batch_rows): frames of the live rows of these cells, as MonthReader.rows gives them."""


@dataclass(frozen=True)
class TableReader:
    """Reads the rows of `rows` in `database`.

    read_rows       gives frames with the columns day, unit_id, row_crc, and the row's number in `id_column`
    changed_blocks  where older rows may have changed
    count_withdrawn counts unvoided rows that are not live, by reason
    """

    database: Database
    rows: RowDefinition
    read_rows: ReadRows
    id_column: str
    changed_blocks: ChangedBlocks = lambda connection, survey, since: set()
    count_withdrawn: Callable[[sa.Connection], Mapping[str, int]] = lambda connection: {}

    def survey(self, taken_at: datetime, progress: Progress | None = None) -> Survey:
        """As StreamReader.survey."""
        return full_survey(self.database, self.rows, taken_at, progress)

    def refresh(self, survey: Survey) -> Survey:
        """As StreamReader.refresh."""
        return tail_survey(self.database, self.rows, survey, self.changed_blocks)

    @contextmanager
    def month(self, survey: Survey, month: str) -> Iterator[TableMonth]:
        """As StreamReader.month, out of one read-only snapshot."""
        with self.database.snapshot() as connection:
            yield TableMonth(self, connection, survey, month)

    def withdrawn(self) -> Mapping[str, int]:
        """As StreamReader.withdrawn."""
        with self.database.reading() as connection:
            return self.count_withdrawn(connection)


class TableMonth:
    """One month in one snapshot."""

    def __init__(self, reader: TableReader, connection: sa.Connection, survey: Survey, month: str) -> None:
        self._reader, self._connection, self._survey, self._month = reader, connection, survey, month
        self._checksums: list[pd.DataFrame] = []
        self._counted = True

    @cached_property
    def _cells(self) -> pd.DataFrame:
        """The month's cells; without checksums where no digests were asked for."""
        rows = self._reader.rows
        return window_cells(self._connection, rows, self._survey, self._month, checksums=not self._counted)

    def digests(self, *, counted: bool = False) -> Mapping[date, Digest | int]:
        """As MonthReader.digests: counting takes half of the server's time."""
        self._counted = counted
        digests = cell_digests(self._cells)
        return {day: digest.live for day, digest in digests.items()} if counted else digests

    def rows(self, days: Collection[date], batch_rows: int) -> Generator[pd.DataFrame]:
        """As MonthReader.rows; a frame is one statement, and the next one is fetched while it is used."""
        chosen = self._cells[self._cells["day"].isin([pd.Timestamp(day) for day in days])]
        for frame in self._reader.read_rows(self._connection, chosen, batch_rows):
            if self._counted:
                self._checksums.append(checksum_cells(frame.rename(columns={self._reader.id_column: "row_id"})))
            yield frame

    def row_checksums(self, day: date) -> pd.DataFrame:
        """As MonthReader.row_checksums."""
        of_day = self._cells[self._cells["day"] == pd.Timestamp(day)]
        return read_row_checksums(self._connection, self._reader.rows, of_day, day)

    def survey(self) -> Survey:
        """As MonthReader.survey."""
        cells = with_checksums(self._cells, self._checksums) if self._checksums else self._cells
        return Survey(cells, self._survey.taken_at, self._survey.max_row_id)
