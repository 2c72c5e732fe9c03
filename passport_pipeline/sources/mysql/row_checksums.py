"""The rows of one day at a hospital, each with its checksum.

What belongs here: reading obs ids and checksums of a day that differs. What does not: digests of days (survey), the
rows' values (observations), comparing (narrowing).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pandas as pd
import sqlalchemy as sa

from passport_pipeline.core.digests import ROW_COLUMNS
from passport_pipeline.sources.mysql.survey import at_most, cell_ranges, within
from passport_pipeline.sources.openmrs.observations.row_definition import Rows
from passport_pipeline.sources.openmrs.schema import Schema


def read_row_checksums(connection: sa.Connection, schema: Schema, cells: pd.DataFrame, day: date) -> pd.DataFrame:
    """The live rows of a day, with ROW_COLUMNS, by obs_id; nothing is null.

    Reads only the id ranges that `cells`, the day's own (openmrs.survey), name. Raises SourceError.
    """
    ranges = at_most(cell_ranges(cells))
    if not ranges:
        return pd.DataFrame(columns=list(ROW_COLUMNS)).astype(ROW_COLUMNS)
    rows = Rows(schema)
    first = datetime.combine(day, time())
    of_day = sa.and_(rows.root_created >= first, rows.root_created < first + timedelta(days=1))
    statement = (
        sa.select(rows.obs.c.obs_id, rows.checksum)
        .select_from(rows.joined)
        .where(within(rows.obs.c.obs_id, ranges), of_day, rows.live == 1)
        .order_by(rows.obs.c.obs_id)
    )
    found = connection.execute(statement).all()
    return pd.DataFrame(found, columns=list(ROW_COLUMNS)).astype(ROW_COLUMNS)
