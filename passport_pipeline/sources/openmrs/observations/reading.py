"""The rows themselves: live observations of chosen cells, in frames of a stated schema.

One statement a frame, whatever the frame holds. A frame is a whole number of (day, unit_block) pairs in their
order, so that no encounter is ever split, and about as many rows as asked for: small days share a
frame, a giant day is several. While one frame is used, the server reads the next.

What belongs here: which rows are read when, and what a frame is. What does not: how rows come from the server
(packed_rows), what a row is (row_definition).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from passport_pipeline.sources.mysql.connection import LONGEST_TEXT, Database
from passport_pipeline.sources.mysql.pymysql_connection import cut
from passport_pipeline.sources.mysql.survey import BLOCK, at_most, cell_ranges
from passport_pipeline.sources.openmrs.observations.packed_rows import DATES, Packed, read_packed, unpacked
from passport_pipeline.sources.openmrs.observations.units import units_of

OBSERVATION_COLUMNS = {
    "obs_id": "int64",
    "obs_uuid": "str",
    "unit_id": "int64",
    "day": "datetime64[s]",
    "dated": "datetime64[us]",
    "person_id": "int64",
    "person_uuid": "str",
    "concept_id": "int64",
    "encounter_id": "Int64",
    "encounter_uuid": "str",
    "encounter_datetime": "datetime64[us]",
    "encounter_type_id": "Int64",
    "visit_id": "Int64",
    "location_id": "Int64",
    "order_id": "Int64",
    "obs_datetime": "datetime64[us]",
    "obs_group_id": "Int64",
    "accession_number": "str",
    "value_coded": "Int64",
    "value_coded_name_id": "Int64",
    "value_drug": "Int64",
    "value_datetime": "datetime64[us]",
    "bad_datetime": "bool",
    "value_numeric": "float64",
    "value_modifier": "str",
    "value_text": "str",
    "value_complex": "str",
    "value_boolean": "Int64",
    "comments": "str",
    "creator": "int64",
    "date_created": "datetime64[us]",
    "previous_version": "Int64",
    "status": "str",
    "interpretation": "str",
    "gender": "str",
    "birthdate": "datetime64[us]",
    "birthdate_estimated": "Int64",
    "range_low_critical": "float64",
    "range_low_normal": "float64",
    "range_hi_normal": "float64",
    "range_hi_critical": "float64",
    "providers": "str",
    "encounter_patient_id": "Int64",
    "unreadable": "bool",
    "row_crc": "int64",
}
"""One row a live observation. Never null: obs_id, unit_id, day, dated, person_id, person_uuid, concept_id,
bad_datetime, creator, unreadable, row_crc; obs_uuid where the database enforces it (1.9 does not).

Datetimes are the hospital's local time; a zero or impossible one is NaT, and `bad_datetime` says so of
value_datetime. `location_id` is the encounter's, else the observation's. `providers` are the encounter's as
"provider_id:role_id provider_id:role_id" in the order in which they were entered; a role may be empty.
`encounter_patient_id` is the patient of the row's encounter where that is not the row's own person, else null.
`gender`, `birthdate` and `birthdate_estimated` are the person's. The `range_` columns are those of the row's own
obs_reference_range (2.7+), all null where it has none.
`unreadable` rows have texts that are longer than the server can hand over: but for the uuids, all their texts are null.
`row_crc` is the CRC32 that the survey folded, 0 to 2**32 - 1.
"""

_EXTENSIONS = {"Int64": pd.Int64Dtype(), "str": pd.StringDtype(na_value=np.nan)}

# Bytes that a row takes in transit, with a margin; 300 in sample hospitals.
_ROW_BYTES = 512


def read_observations(
    database: Database, connection: sa.Connection, cells: pd.DataFrame, batch_rows: int = 20_000
) -> Generator[pd.DataFrame]:
    """Frames of the live rows of these cells, with OBSERVATION_COLUMNS, by day, unit_id, obs_id.

    `cells` are those of `survey_reading.window_cells` on the same connection, checksums or not: all cells of each (day,
    unit_block) to be read. Each frame is one statement, fetched whole before it is yielded; a thread fetches the next
    one meanwhile. So nothing else may use the connection until the generator is exhausted or closed. Raises
    SourceError.
    """
    batch_rows = max(1, min(batch_rows, connection.info[LONGEST_TEXT] // _ROW_BYTES))
    for cells_of_frame, packed in _ahead(connection, database, _frames(cells, batch_rows)):
        frame = _frame(unpacked(database.schema, packed), cells_of_frame)
        if len(frame):
            yield frame


def _ahead(
    connection: sa.Connection, database: Database, frames: Iterator[pd.DataFrame]
) -> Iterator[tuple[pd.DataFrame, Packed]]:
    """The cells of each frame and what was read of them, one read ahead."""

    def read(cells: pd.DataFrame) -> Packed:
        first: datetime = cells["day"].min().to_pydatetime()
        after: datetime = cells["day"].max().to_pydatetime() + timedelta(days=1)
        return read_packed(connection, database.schema, at_most(cell_ranges(cells)), first, after)

    dbapi_connection = connection.connection.dbapi_connection
    with ThreadPoolExecutor(1, "hospital") as thread:
        reads: list[tuple[pd.DataFrame, Future[Packed]]] = []
        try:
            for cells_of_frame in frames:
                reads.append((cells_of_frame, thread.submit(read, cells_of_frame)))
                if len(reads) > 1:
                    packed = reads[0][1].result()
                    yield reads.pop(0)[0], packed
            for cells_of_frame, last in reads:
                yield cells_of_frame, last.result()
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
            if not all(future.done() for _, future in reads):
                cut(dbapi_connection)
                thread.shutdown()
                connection.invalidate()


def _frames(cells: pd.DataFrame, batch_rows: int) -> Iterator[pd.DataFrame]:
    """The cells in groups of whole (day, unit_block) pairs, of about `batch_rows` live rows each."""
    live = cells[cells["day"].notna() & (cells["live"] > 0)]
    pairs = live.groupby(["day", "unit_block"], sort=True)["live"]
    number, total, numbers = 0, 0, []
    for size in pairs.sum().tolist():
        if total and total + size > batch_rows:
            number, total = number + 1, 0
        total += size
        numbers.append(number)
    frame_of_cell = np.array(numbers, dtype="int64")[pairs.ngroup().to_numpy()]
    for _, cells_of_frame in live.groupby(frame_of_cell):
        yield cells_of_frame


def _frame(table: pa.Table, cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of these cells' (day, unit_block) pairs alone: id ranges may touch those of another frame."""
    columns: dict[str, Any] = dict(zip(table.column_names, table.columns, strict=True))
    has_datetime = columns["value_datetime"].is_valid()
    columns |= {name: _dates(columns[name]) for name in DATES}
    columns["bad_datetime"] = pc.and_(has_datetime, columns["value_datetime"].is_null())
    columns["day"] = pc.floor_temporal(columns["dated"], unit="day").cast(pa.timestamp("s"))
    columns["location_id"] = pc.coalesce(columns["encounter_location_id"], columns["obs_location_id"])
    day, obs = (columns[name].to_numpy() for name in ("day", "obs_id"))
    unit = units_of(pd.DataFrame({name: _column(columns[name], "Int64") for name in ("encounter_id", "person_id")}))
    columns["unit_id"] = pa.array(unit)
    inside = np.isin(_pairs(day, unit // BLOCK), _pairs(cells["day"].to_numpy(), cells["unit_block"].to_numpy()))
    order = np.lexsort((obs, unit, day))
    rows = pa.table({name: columns[name] for name in OBSERVATION_COLUMNS}).take(order[inside[order]])
    return pd.DataFrame({name: _column(rows[name], dtype) for name, dtype in OBSERVATION_COLUMNS.items()}, copy=False)


def _pairs(days: npt.NDArray[np.datetime64], unit_blocks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Each pair as one number; there are fewer than 2**40 blocks."""
    return days.astype("datetime64[D]").astype(np.int64) * 2**40 + unit_blocks


def _dates(values: Any) -> Any:
    """Dates in Arrow; zero dates, days 0 and months 13 are null."""
    if pa.types.is_timestamp(values.type):
        return values
    values = pc.if_else(pc.starts_with(values, pattern="0000"), None, values)
    try:
        return values.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        dates = pd.to_datetime(values.to_pandas().astype("str"), format="ISO8601", errors="coerce")
        return pa.Array.from_pandas(dates.astype("datetime64[us]"))


def _column(values: Any, dtype: str) -> Any:
    """Values of Arrow in a dtype of OBSERVATION_COLUMNS, without a copy where possible."""
    extension: Any = _EXTENSIONS.get(dtype)
    return extension.__from_arrow__(values) if extension else values.to_numpy()
