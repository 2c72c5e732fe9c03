"""The rows of one day at a hospital, each with its checksum.

What belongs here: reading the ids and checksums of a day. What does not: digests of days (survey), the rows' values (a
stream's own reading), comparing (verification.row_diff).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pandas as pd
import sqlalchemy as sa

from passport_pipeline.core.digests import ROW_COLUMNS
from passport_pipeline.sources.mysql.row_definition import RowDefinition
from passport_pipeline.sources.mysql.survey import at_most, cell_ranges
from passport_pipeline.sources.mysql.survey_reading import within


def read_row_checksums(connection: sa.Connection, rows: RowDefinition, cells: pd.DataFrame, day: date) -> pd.DataFrame:
    """The live rows of a day, with ROW_COLUMNS, by id; nothing is null.

    Reads only the id ranges that `cells`, the day's own (survey), name. Raises SourceError.
    """
    ranges = at_most(cell_ranges(cells))
    if not ranges:
        return pd.DataFrame(columns=list(ROW_COLUMNS)).astype(ROW_COLUMNS)
    first = datetime.combine(day, time())
    of_day = sa.and_(rows.dated >= first, rows.dated < first + timedelta(days=1))
    statement = (
        sa.select(rows.row_id, rows.checksum)
        .select_from(rows.joined)
        .where(within(rows.row_id, ranges), of_day, rows.live == 1)
        .order_by(rows.row_id)
    )
    checksums = connection.execute(statement).all()
    return pd.DataFrame(checksums, columns=list(ROW_COLUMNS)).astype(ROW_COLUMNS)
