"""The survey: which day holds what, in digests that the hospital's own server computes.

A survey is a frame of cells. A cell is what one block of 16,384 obs_ids holds of one day, and of one block of
root ids within it. Because a cell belongs to one block of ids, a survey is brought up to date by reading some
blocks again and replacing their cells; because a cell gives its lowest and highest id, a window is read by id
ranges, and no index on `date_created` is ever needed. Rows that arrive late only add a small cell.

Measured on 2 cores for a million rows: 5 s; the tail above a known id takes milliseconds per thousand rows.
The checksum is computed in a derived table that the server must not merge (hence its LIMIT), since each of the three
folds would compute it otherwise: thrice the time. That table is narrow, which is worth a fifth of the time: the day
is a number (20241231), and a row that is not live has no checksum.

What belongs here: cells, and the ways to get them. What does not: what a row's day, liveness and checksum are
(openmrs.rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from passport_pipeline.core.digests import Digest
from passport_pipeline.sources.openmrs.observations.changed_blocks import touched_blocks
from passport_pipeline.sources.openmrs.observations.row_definition import Rows, mixed
from passport_pipeline.sources.openmrs.schema import Schema
from passport_pipeline.sources.openmrs.source import Source
from passport_pipeline.sources.openmrs.tables import obs

BLOCK = 16_384
# Ids per statement: the derived table stays within the 16 MB of memory that servers allow it by default.
BLOCKS_AT_ONCE = 8
# Neighbouring id ranges are read as one where fewer ids lie between them than a range costs; no statement
# names more ranges than servers plan for without falling back to a scan.
GAP, MOST_RANGES = 1_000, 400

CELL_COLUMNS = {
    "day": "datetime64[s]",
    "root_block": "int64",
    "block": "int64",
    "rows": "int64",
    "live": "int64",
    "min_obs_id": "int64",
    "max_obs_id": "int64",
    "crc_xor": "int64",
    "crc_sum": "int64",
    "crc_mix": "int64",
}
_KEYS = ["day", "root_block", "block"]

Ranges = list[tuple[int, int]]


@dataclass(frozen=True)
class Survey:
    """What a hospital holds, by day and block of ids.

    `cells` has CELL_COLUMNS, sorted by day, root_block, block, each combination once; nothing is null but
    `day`, which is NaT for rows whose root has no valid `date_created`. `rows` counts voided rows too, `live`
    and the checksums do not. `taken_at` is in UTC; `max_obs_id` is 0 for an empty table.
    """

    cells: pd.DataFrame
    taken_at: datetime
    max_obs_id: int

    @property
    def tail(self) -> int:
        """The block from which on a survey of the tail reads everything again."""
        return max(0, self.max_obs_id - BLOCK) // BLOCK

    def digests(self, month: str | None = None) -> dict[date, Digest]:
        """The digest of every day that holds a live row, of one month (`YYYY-MM`) or of all."""
        return cell_digests(self.cells if month is None else self.cells[in_month(self.cells, month)])

    def months(self) -> list[str]:
        """The months that hold live rows, oldest first."""
        return sorted(self.live_by_month())

    def live_by_month(self) -> dict[str, int]:
        """Live rows of each month that holds any."""
        live = self.cells[self.cells["day"].notna() & (self.cells["live"] > 0)]
        sums = live["live"].groupby(live["day"].dt.strftime("%Y-%m")).sum()
        return {str(month): int(rows) for month, rows in sums.items()}

    def outside(self, first_month: str, last_month: str) -> int:
        """Live rows of other months than these, both included: too old, in the future, or undated."""
        months = self.live_by_month().items()
        inside = sum(rows for month, rows in months if first_month <= month <= last_month)
        return int(self.cells["live"].sum()) - inside

    def to_frames(self) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
        """As Batches keeps it."""
        metadata = {"takenAt": self.taken_at.isoformat(), "maxObsId": str(self.max_obs_id)}
        return {"cells": self.cells}, metadata

    @staticmethod
    def readable(frames: Mapping[str, pd.DataFrame]) -> bool:
        """Whether these are what `to_frames` gives; earlier versions lack the third fold."""
        return set(CELL_COLUMNS) <= set(frames["cells"].columns)

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame], metadata: Mapping[str, str]) -> Self:
        """Read what `to_frames` gave."""
        cells = frames["cells"][list(CELL_COLUMNS)].astype(CELL_COLUMNS)
        return cls(cells, datetime.fromisoformat(metadata["takenAt"]), int(metadata["maxObsId"]))


def full_survey(source: Source, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Survey the whole table, in ranges of the primary key.

    Each range is a statement and sees its own moment, so no old row versions are kept alive at the hospital.
    `progress` is told the ids done and all ids. Raises SourceError.
    """
    taken_at = datetime.now(UTC)
    found: list[pd.DataFrame] = []
    with source.reading() as connection:
        last = _max_obs_id(connection)
        for low, high in _walk(connection, last):
            found.append(read_cells(connection, source.schema, [(low, high)]))
            if progress is not None:
                progress(min(high, last), last)
        last = max(last, _max_of(found))
    return Survey(_folded(found), taken_at, last)


def tail_survey(source: Source, survey: Survey) -> Survey:
    """The survey brought up to date where that is cheap: at its tail and where new rows point to.

    Read again are the blocks from BLOCK ids below the highest known one upwards (long transactions commit
    ids out of order), those of rows that new rows name as their previous version, with the members of these
    rows, those of patients who were merged or voided since, and, where `date_voided` has an index, those of rows
    voided since. New are rows above the highest known id; all of the tail where it holds more or fewer rows than
    were counted; and any whose previous version was voided from a day before the survey on. What this cannot see
    (an un-void, a purge, an in-place change further down) a full survey finds. Raises SourceError.
    """
    taken_at = datetime.now(UTC)
    first = survey.tail
    with source.snapshot() as connection:
        last = _max_obs_id(connection)
        since = survey.taken_at.astimezone(source.hospital.zone).replace(tzinfo=None) - timedelta(days=1)
        touched = touched_blocks(connection, source.schema, survey, since, BLOCK)
        ranges = [*_walk(connection, last, first * BLOCK)]
        older = merged((block * BLOCK, (block + 1) * BLOCK - 1) for block in touched if block < first)
        found = [read_cells(connection, source.schema, chunk) for chunk in _chunks([*older, *ranges])]
    kept = survey.cells[(survey.cells["block"] < first) & ~survey.cells["block"].isin(touched)]
    return Survey(_folded([kept, *found]), taken_at, max(last, _max_of(found)))


def window_cells(
    connection: sa.Connection, schema: Schema, survey: Survey, month: str, *, checksums: bool = True
) -> pd.DataFrame:
    """The cells of one month's days as the connection sees them now: CELL_COLUMNS, `day` never null.

    Reads only the id ranges that the survey names for the month. Without `checksums`, which take half of the server's
    time, they are 0. Raises SourceError.
    """
    wanted = survey.cells[in_month(survey.cells, month)]
    first = datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - the hospital's local time, which has no zone
    after = (first + timedelta(days=32)).replace(day=1)
    ranges = cell_ranges(wanted)
    found = [read_cells(connection, schema, chunk, (first, after), checksums=checksums) for chunk in _chunks(ranges)]
    return _folded(found)


def with_checksums(cells: pd.DataFrame, checksums: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Cells that were taken without, and the checksums that their rows add to them; all have CELL_COLUMNS."""
    return _folded([cells, *checksums])


def in_month(cells: pd.DataFrame, month: str) -> pd.Series:
    """Which cells are of a month's days."""
    first = pd.Timestamp(f"{month}-01")
    # Its last day, not the next month's first: after 9999-12, which wrong clocks and typing errors reach, is none.
    return (cells["day"] >= first) & (cells["day"] <= first + pd.Timedelta(days=first.days_in_month - 1))


def with_month(survey: Survey, month: str, cells: pd.DataFrame) -> Survey:
    """The survey with other cells for the days of a month; `cells` has CELL_COLUMNS and days of that month alone.

    Its tail, which is read again anyhow, stays as it was, so that it tells what has come in there since.
    """
    stays = ~in_month(survey.cells, month) | (survey.cells["block"] >= survey.tail)
    return replace(survey, cells=_folded([survey.cells[stays], cells[cells["block"] < survey.tail]]))


def cell_digests(cells: pd.DataFrame) -> dict[date, Digest]:
    """The digest of every day that holds a live row; `cells` has CELL_COLUMNS. NaT is no day."""
    live = cells[cells["day"].notna() & (cells["live"] > 0)].sort_values("day", kind="stable")
    if live.empty:
        return {}
    days, starts = np.unique(live["day"].to_numpy(), return_index=True)
    rows = np.add.reduceat(live["live"].to_numpy(), starts)
    xors = np.bitwise_xor.reduceat(live["crc_xor"].to_numpy(), starts)
    sums = np.add.reduceat(live["crc_sum"].to_numpy(), starts)
    mixes = np.add.reduceat(live["crc_mix"].to_numpy(), starts)
    return {
        day: Digest(int(n), int(xor), int(total), int(mix))
        for day, n, xor, total, mix in zip(days.astype("datetime64[D]").tolist(), rows, xors, sums, mixes, strict=True)
    }


def cell_ranges(cells: pd.DataFrame) -> Ranges:
    """The id ranges, both ends included, that hold every row of these cells."""
    return merged(zip(cells["min_obs_id"].tolist(), cells["max_obs_id"].tolist(), strict=True))


def merged(ranges: Iterable[tuple[int, int]], gap: int = GAP) -> Ranges:
    """Ranges in order, those with fewer than `gap` ids between them as one."""
    found: Ranges = []
    for low, high in sorted(ranges):
        if found and low - found[-1][1] <= gap:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def at_most(ranges: Ranges, most: int = MOST_RANGES) -> Ranges:
    """The ranges, those with the least between them merged until no more than `most` are left."""
    if len(ranges) <= most:
        return ranges
    gaps = np.array([high[0] - low[1] for low, high in pairwise(ranges)])
    return merged(ranges, int(np.partition(gaps, len(ranges) - most - 1)[len(ranges) - most - 1]))


def within(column: ColumnElement[int], ranges: Ranges) -> ColumnElement[bool]:
    """The condition that a column lies in one of the ranges."""
    return sa.or_(*(column.between(low, high) for low, high in ranges))


def _max_obs_id(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.max(obs.c.obs_id))).scalar() or 0)


def _walk(connection: sa.Connection, last: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """Ranges of whole blocks that hold rows, from `first` to `last`; stretches without ids are leapt over."""
    following = sa.select(sa.func.min(obs.c.obs_id)).where(obs.c.obs_id >= sa.bindparam("first"), obs.c.obs_id <= last)
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
    schema: Schema,
    ranges: Ranges,
    between: tuple[datetime, datetime] | None = None,
    *,
    checksums: bool = True,
) -> pd.DataFrame:
    """The cells of the rows in these id ranges, and of days in `between` (half-open) where it is given."""
    statement = _statement(Rows(schema), ranges, between, checksums=checksums)
    found = connection.execute(statement).all()
    columns = zip(*found, strict=True) if found else ((),) * len(CELL_COLUMNS)
    data: dict[str, Any] = dict(zip(CELL_COLUMNS, columns, strict=True))
    days = pd.Series(data["day"], dtype="Int64").astype("str").str.zfill(8)
    data["day"] = pd.to_datetime(days, format="%Y%m%d", errors="coerce")
    return pd.DataFrame(data).astype(CELL_COLUMNS)


def _statement(
    rows: Rows, ranges: Ranges, between: tuple[datetime, datetime] | None, *, checksums: bool
) -> sa.Select[Any]:
    wanted = within(rows.obs.c.obs_id, ranges)
    if between is not None:
        wanted = sa.and_(wanted, rows.root_created >= between[0], rows.root_created < between[1])
    each = (
        sa.select(
            sa.type_coerce(sa.func.date(rows.root_created) + 0, sa.Integer).label("day"),
            rows.root_id.op("DIV")(BLOCK).label("root_block"),
            rows.obs.c.obs_id.op("DIV")(BLOCK).label("block"),
            rows.obs.c.obs_id.label("obs_id"),
            sa.func.if_(rows.live, rows.checksum if checksums else 0, sa.null()).label("crc"),
        )
        .select_from(rows.joined)
        .where(wanted)
        .limit(2**63 - 1)
        .subquery("row")
    )
    return (
        sa.select(
            each.c.day,
            each.c.root_block,
            each.c.block,
            sa.func.count(),
            sa.func.count(each.c.crc),
            sa.func.min(each.c.obs_id),
            sa.func.max(each.c.obs_id),
            sa.func.bit_xor(each.c.crc),
            sa.func.ifnull(sa.func.sum(each.c.crc), 0),
            sa.func.ifnull(sa.func.sum(mixed(each.c.crc)), 0),
        )
        .group_by(each.c.day, each.c.root_block, each.c.block)
        .order_by(None)
    )


def _folded(found: list[pd.DataFrame]) -> pd.DataFrame:
    """Frames of cells as one, each (day, root_block, block) once."""
    cells = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(CELL_COLUMNS))
    cells = cells.astype(CELL_COLUMNS)
    # Zero dates and NULLs are one cell here that were several at the server; so are the pieces of a cut
    # block.
    if cells.duplicated(_KEYS).any():
        groups = cells.groupby(_KEYS, dropna=False, sort=False)
        cells = groups.agg(
            rows=("rows", "sum"),
            live=("live", "sum"),
            min_obs_id=("min_obs_id", "min"),
            max_obs_id=("max_obs_id", "max"),
            crc_xor=("crc_xor", lambda values: np.bitwise_xor.reduce(values.to_numpy())),
            crc_sum=("crc_sum", "sum"),
            crc_mix=("crc_mix", "sum"),
        ).reset_index()
    return cells.astype(CELL_COLUMNS)[list(CELL_COLUMNS)].sort_values(_KEYS, ignore_index=True)


def _max_of(found: list[pd.DataFrame]) -> int:
    return max((int(cells["max_obs_id"].max()) for cells in found if len(cells)), default=0)
