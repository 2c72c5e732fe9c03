"""Taking surveys: the cells of a stream, read from the hospital's own server.

The checksum is computed in a derived table that the server must not merge (hence its LIMIT): otherwise each of the
three folds would compute it, in three times the time. That table is narrow, which saves a fifth of the time: the day is
a number (20241231), and a row that is not live has no checksum.

What belongs here: the statements that give cells, for any row definition. What does not: cells as such (survey), where
older rows may have changed (the stream says it, by `ChangedBlocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.mysql.row_definition import RowDefinition, mixed
from passport_pipeline.sources.mysql.survey import (
    BLOCK,
    CELL_COLUMNS,
    MOST_RANGES,
    Ranges,
    Survey,
    cell_ranges,
    folded,
    in_month,
    merged,
)

# Ids per statement: the derived table stays within the 16 MB of memory that servers allow it by default.
BLOCKS_AT_ONCE = 8

ChangedBlocks = Callable[[sa.Connection, Survey, datetime], set[int]]
"""changed_blocks(connection, survey, since): the numbers of the blocks with older rows that may have changed since the
survey. The survey shows all changes before `since` (local time), but for those that came in late."""


def full_survey(
    database: Database, rows: RowDefinition, taken_at: datetime, progress: Callable[[int, int], None] | None = None
) -> Survey:
    """Survey the whole table, in ranges of the primary key; `taken_at` is in UTC.

    Each range is a statement and sees its own moment, so the hospital keeps no old row versions for it. `progress` is
    called with the ids done and all ids. Raises SourceError.
    """
    cells: list[pd.DataFrame] = []
    with database.reading() as connection:
        last = highest_id(connection, rows)
        for low, high in _walk(connection, rows, last):
            cells.append(read_cells(connection, rows, [(low, high)]))
            if progress is not None:
                progress(min(high, last), last)
        last = max(last, _max_of(cells))
    return Survey(folded(cells), taken_at, last)


def tail_survey(database: Database, rows: RowDefinition, survey: Survey, changed_blocks: ChangedBlocks) -> Survey:
    """The survey brought up to date where that is cheap: at its tail and where the stream knows of changes.

    Read again are the blocks from BLOCK ids below the highest known one upwards (long transactions commit ids out of
    order), and those below that `changed_blocks` names. A full survey finds the remaining changes. Raises SourceError.
    """
    taken_at = datetime.now(UTC)
    first = survey.tail
    with database.snapshot() as connection:
        last = highest_id(connection, rows)
        since = survey.taken_at.astimezone(database.hospital.zone).replace(tzinfo=None) - timedelta(days=1)
        changed = changed_blocks(connection, survey, since)
        tail = [*_walk(connection, rows, last, first * BLOCK)]
        older = merged((block * BLOCK, (block + 1) * BLOCK - 1) for block in changed if block < first)
        cells = [read_cells(connection, rows, chunk) for chunk in _chunks([*older, *tail])]
    unchanged = survey.cells[(survey.cells["block"] < first) & ~survey.cells["block"].isin(changed)]
    return Survey(folded([unchanged, *cells]), taken_at, max(last, _max_of(cells)))


def window_cells(
    connection: sa.Connection, rows: RowDefinition, survey: Survey, month: str, *, checksums: bool = True
) -> pd.DataFrame:
    """The cells of one month's days as the connection sees them now: CELL_COLUMNS, `day` never null.

    Reads only the id ranges that the survey names for the month. Without `checksums`, which take half of the server's
    time, they are 0. Raises SourceError.
    """
    surveyed = survey.cells[in_month(survey.cells, month)]
    first = datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - the hospital's local time, which has no zone
    after = (first + timedelta(days=32)).replace(day=1)
    ranges = cell_ranges(surveyed)
    cells = [read_cells(connection, rows, chunk, (first, after), checksums=checksums) for chunk in _chunks(ranges)]
    return folded(cells)


def within(column: ColumnElement[int], ranges: Ranges) -> ColumnElement[bool]:
    """The condition that a column lies in one of the ranges."""
    return sa.or_(*(column.between(low, high) for low, high in ranges))


def highest_id(connection: sa.Connection, rows: RowDefinition) -> int:
    """The highest id that the table holds; 0 of an empty one. Raises SourceError."""
    return int(connection.execute(sa.select(sa.func.max(rows.row_id)).select_from(rows.table)).scalar() or 0)


def _walk(connection: sa.Connection, rows: RowDefinition, last: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """Ranges of whole blocks that hold rows, from `first` to `last`; gaps between ids are skipped."""
    following = (
        sa.select(sa.func.min(rows.row_id))
        .select_from(rows.table)
        .where(rows.row_id >= sa.bindparam("first"), rows.row_id <= last)
    )
    while (low := connection.execute(following, {"first": first}).scalar()) is not None:
        block = int(low) // BLOCK
        first = (block + BLOCKS_AT_ONCE) * BLOCK
        yield block * BLOCK, first - 1


def _chunks(ranges: Ranges) -> Iterator[Ranges]:
    """The ranges in groups that one statement can take; a longer range is cut at block ends."""
    width = BLOCKS_AT_ONCE * BLOCK
    group: Ranges = []
    room = width
    for low, high in ranges:
        start = low
        while start <= high:
            end = min(high, start + room - 1)
            group.append((start, end))
            room -= end - start + 1
            start = end + 1
            if room <= 0 or len(group) >= MOST_RANGES:
                yield group
                group, room = [], width
    if group:
        yield group


def read_cells(
    connection: sa.Connection,
    rows: RowDefinition,
    ranges: Ranges,
    between: tuple[datetime, datetime] | None = None,
    *,
    checksums: bool = True,
) -> pd.DataFrame:
    """The cells of the rows in these id ranges, and of days in `between` (half-open) where it is given."""
    statement = _statement(rows, ranges, between, checksums=checksums)
    groups = connection.execute(statement).all()
    columns = zip(*groups, strict=True) if groups else ((),) * len(CELL_COLUMNS)
    data: dict[str, Any] = dict(zip(CELL_COLUMNS, columns, strict=True))
    days = pd.Series(data["day"], dtype="Int64").astype("str").str.zfill(8)
    data["day"] = pd.to_datetime(days, format="%Y%m%d", errors="coerce")
    return pd.DataFrame(data).astype(CELL_COLUMNS)


def _statement(
    rows: RowDefinition, ranges: Ranges, between: tuple[datetime, datetime] | None, *, checksums: bool
) -> sa.Select[Any]:
    condition = within(rows.row_id, ranges)
    if between is not None:
        condition = sa.and_(condition, rows.dated >= between[0], rows.dated < between[1])
    row = (
        sa.select(
            sa.type_coerce(sa.func.date(rows.dated) + 0, sa.Integer).label("day"),
            rows.unit_id.op("DIV")(BLOCK).label("unit_block"),
            rows.row_id.op("DIV")(BLOCK).label("block"),
            rows.row_id.label("row_id"),
            sa.func.if_(rows.live, rows.checksum if checksums else 0, sa.null()).label("crc"),
        )
        .select_from(rows.joined)
        .where(condition)
        .limit(2**63 - 1)
        .subquery("row")
    )
    return (
        sa.select(
            row.c.day,
            row.c.unit_block,
            row.c.block,
            sa.func.count(),
            sa.func.count(row.c.crc),
            sa.func.min(row.c.row_id),
            sa.func.max(row.c.row_id),
            sa.func.bit_xor(row.c.crc),
            sa.func.ifnull(sa.func.sum(row.c.crc), 0),
            sa.func.ifnull(sa.func.sum(mixed(row.c.crc)), 0),
        )
        .group_by(row.c.day, row.c.unit_block, row.c.block)
        .order_by(None)
    )


def _max_of(frames: list[pd.DataFrame]) -> int:
    return max((int(cells["max_row_id"].max()) for cells in frames if len(cells)), default=0)
