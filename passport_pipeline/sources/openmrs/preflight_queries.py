"""The statements of a preflight: the size of a hospital's database, its newest row, its dictionary's languages.

What belongs here: reading. What does not: judging the results (preflight).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from passport_pipeline.sources.lookups import ROLES
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.mysql.schema import Schema
from passport_pipeline.sources.mysql.survey import BLOCK
from passport_pipeline.sources.mysql.survey_reading import BLOCKS_AT_ONCE, highest_id, read_cells
from passport_pipeline.sources.openmrs.lookup_queries import Statements, shaped
from passport_pipeline.sources.openmrs.names import in_chain
from passport_pipeline.sources.openmrs.observations.row_definition import ObservationRows
from passport_pipeline.sources.openmrs.tables import encounter_role, obs

# Joins that every survey makes, and links that a tail survey follows.
EXPECTED_INDEXES = (
    ("obs", "obs_id"),
    ("obs", "obs_group_id"),
    ("obs", "previous_version"),
    ("obs", "concept_id"),
    ("obs", "value_coded"),
    ("encounter", "encounter_id"),
    ("encounter_provider", "encounter_id"),
    ("person", "person_id"),
    ("patient", "patient_id"),
    ("patient_identifier", "identifier_type"),
)


@dataclass(frozen=True)
class SurveySample:
    """A survey of some of a table's rows: how many, how many there may be in all, and the seconds it took."""

    rows: int
    rows_estimated: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows surveyed in a second; 0 of an empty table."""
        return self.rows / self.seconds if self.rows else 0.0

    @property
    def seconds_estimated(self) -> float:
        """Seconds that a full survey may take."""
        return self.rows_estimated / self.rows_per_second if self.rows else 0.0


def read_version(connection: sa.Connection) -> str:
    """The server's version, as it states it. Raises SourceError."""
    return str(connection.exec_driver_sql("SELECT VERSION()").scalar())


def read_cipher(connection: sa.Connection) -> str:
    """The cipher of the session; "" where it is not encrypted. Raises SourceError."""
    return str(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").one()[1])


def missing_indexes(schema: Schema) -> list[str]:
    """Expected indexes that the database lacks, as "table(column)"."""
    return [
        f"{table}({column})"
        for table, column in EXPECTED_INDEXES
        if schema.has(table, column) and not schema.has_index(table, column)
    ]


def encounter_roles(database: Database) -> pd.DataFrame:
    """The encounter roles: ROLES. Raises SourceError."""
    with database.reading() as connection:
        return shaped(Statements(connection, database.schema).table(encounter_role, tuple(ROLES)), ROLES)


def newest_created(database: Database) -> datetime | None:
    """The newest `date_created` among the thousand highest obs_ids; None where there is none.

    Raises SourceError.
    """
    newest = sa.select(obs.c.date_created).order_by(obs.c.obs_id.desc()).limit(1000).subquery("newest")
    with database.reading() as connection:
        text = connection.execute(sa.select(sa.cast(sa.func.max(newest.c.date_created), sa.String))).scalar()
    created = pd.to_datetime(text, format="ISO8601", errors="coerce") if text else pd.NaT
    return None if pd.isna(created) else created.to_pydatetime()


def locale_shares(database: Database, locales: Sequence[str]) -> tuple[int, int, dict[str, int]]:
    """Concepts in use, those with a name in the chain's languages, and how many have one in each locale.

    Raises SourceError.
    """
    with database.reading() as connection:
        read = Statements(connection, database.schema)
        used = read.used_concepts()
        names = read.names(sorted(used))
    counts = names.groupby("locale")["concept_id"].nunique().sort_values(ascending=False)
    return len(used), len(in_chain(names, locales) & used), {str(k): int(v) for k, v in counts.items()}


def sample_survey(database: Database) -> SurveySample:
    """Survey the newest ids that one statement takes, and estimate the rows of the whole table.

    Raises SourceError.
    """
    with database.reading() as connection:
        rows = ObservationRows(database.schema)
        last = highest_id(connection, rows)
        first = max(0, (last // BLOCK + 1 - BLOCKS_AT_ONCE) * BLOCK)
        started = time.monotonic()
        cells = read_cells(connection, rows, [(first, last)])
        seconds = time.monotonic() - started
        counted = int(cells["rows"].sum())
        estimated = connection.exec_driver_sql(
            "SELECT table_rows FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'obs'"
        ).scalar()
    return SurveySample(counted, counted if first == 0 else max(counted, int(estimated or 0)), max(seconds, 1e-6))
