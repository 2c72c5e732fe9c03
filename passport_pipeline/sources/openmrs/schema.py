"""Which tables, columns and indexes one OpenMRS database has: probed once, with one statement.

What belongs here: the probe, the version that the columns speak of, and what an older version lacks. What
does not: the columns themselves (openmrs.tables).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from passport_pipeline.core.errors import SourceRefused
from passport_pipeline.sources.openmrs.tables import MARKERS, metadata

# Without these there is nothing to read; everything else degrades.
REQUIRED = {
    table: columns.split()
    for table, columns in {
        "obs": "obs_id person_id concept_id encounter_id obs_datetime obs_group_id value_coded "
        "value_datetime value_numeric value_text creator date_created voided uuid",
        "encounter": "encounter_id patient_id encounter_type location_id encounter_datetime voided uuid",
        "person": "person_id voided uuid",
        "patient": "patient_id voided",
        "patient_identifier": "patient_id identifier identifier_type voided",
        "patient_identifier_type": "patient_identifier_type_id name uuid",
        "person_name": "person_id given_name family_name voided",
        "users": "user_id person_id",
        "provider": "provider_id person_id",
        "location": "location_id name",
        "encounter_type": "encounter_type_id name",
        "concept": "concept_id datatype_id class_id uuid",
        "concept_name": "concept_id name locale",
        "concept_class": "concept_class_id name",
        "concept_datatype": "concept_datatype_id name",
    }.items()
}

# Newest first; the first whose column is there names the version.
_VERSIONS = (
    ("2.9", "outbox_event", "event_type"),
    ("2.7", "concept_reference_range", "concept_reference_range_id"),
    ("2.6", "medication_dispense", "medication_dispense_id"),
    ("2.5", "encounter_diagnosis", "dx_rank"),
    ("2.4", "conditions", "encounter_id"),
    ("2.3", "drug", "dose_limit_units"),
    ("2.2", "encounter_diagnosis", "diagnosis_id"),
    ("2.1", "obs", "status"),
    ("1.9", "encounter_provider", "encounter_provider_id"),
)

_DEGRADED = (
    ("obs", "previous_version", "a change of an old observation is found by a full survey, not by that of the tail"),
    ("obs", "interpretation", "a test's status comes from its concept's ranges alone"),
    ("obs", "status", "preliminary observations cannot be told from final ones"),
    ("encounter_provider", "provider_id", "the clinician is the encounter's one provider, else who typed"),
    (
        "concept_reference_map",
        "concept_id",
        "concepts have no mappings; categories come from classes and names",
    ),
    ("concept_numeric", "units", "numeric values have neither units nor ranges"),
    ("drug", "name", "drugs go by their concept's name"),
    ("global_property", "property_value", "the concepts of true and false are unknown"),
)

_UTF8 = ("utf8mb4", "utf8mb3", "utf8", "ascii")

_PROBE = sa.text(
    """
    SELECT 'column' AS kind, table_name AS table_name, column_name AS column_name, character_set_name AS charset,
           data_type AS data_type
    FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN :tables
    UNION ALL
    SELECT 'index', table_name, column_name, NULL, NULL
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name IN :tables AND seq_in_index = 1
    """
).bindparams(sa.bindparam("tables", expanding=True))


@dataclass(frozen=True)
class Schema:
    """What one database has. All hold (table, column), lower-case; `indexed` are columns that an index starts with,
    `recoded` texts whose stored bytes are not UTF-8, `bits` of type BIT, as Hibernate makes flags where it makes the
    tables: as text they are a byte 0 or 1, and no digit."""

    columns: frozenset[tuple[str, str]]
    indexed: frozenset[tuple[str, str]] = frozenset()
    recoded: frozenset[tuple[str, str]] = frozenset()
    bits: frozenset[tuple[str, str]] = frozenset()

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether the database has this column; without one, whether it has the table."""
        if column is None:
            return any(name == table for name, _ in self.columns)
        return (table, column) in self.columns

    def has_index(self, table: str, column: str) -> bool:
        """Whether an index starts with this column."""
        return (table, column) in self.indexed

    def column(self, table: FromClause, name: str) -> ColumnElement[Any]:
        """A column of a table or of an alias of it, a BIT as the number that it is; typed NULL where the database lacks
        it.
        """
        column: ColumnElement[Any] = table.c[name]
        base = table.element if isinstance(table, sa.Alias) else table
        if not (isinstance(base, sa.Table) and self.has(base.name, name)):
            return sa.type_coerce(sa.null(), column.type)
        return column + sa.literal_column("0", sa.Integer) if (base.name, name) in self.bits else column

    @property
    def version(self) -> str:
        """The oldest OpenMRS version that has these columns; "2.7" stands for 2.8 too."""
        for version, table, column in _VERSIONS:
            if self.has(table, column):
                return version
        return "1.8"

    def warnings(self) -> list[str]:
        """What degrades because this version lacks it, one sentence each."""
        return [
            f"{table}.{column} is missing (or not granted): {effect}"
            for table, column, effect in _DEGRADED
            if not self.has(table, column)
        ]


def probe(connection: sa.Connection, hospital_key: str) -> Schema:
    """What the database has, with one statement.

    Raises SourceRefused where it is no OpenMRS database, or where tables that must be read are not granted.
    """
    tables = sorted({*metadata.tables, *MARKERS})
    rows = connection.execute(_PROBE, {"tables": tables}).all()
    found = [(row.kind, (row.table_name.lower(), row.column_name.lower()), row) for row in rows]
    schema = Schema(
        columns=frozenset(name for kind, name, _ in found if kind == "column"),
        indexed=frozenset(name for kind, name, _ in found if kind == "index"),
        recoded=frozenset(name for _, name, row in found if (row.charset or "ascii") not in _UTF8),
        bits=frozenset(name for _, name, row in found if (row.data_type or "").lower() == "bit"),
    )
    missing = _missing(schema)
    if "obs" in missing and "person" in missing and "encounter" in missing:
        raise SourceRefused(
            f"{hospital_key}: the database holds no OpenMRS tables that the account may read; check the "
            "database's name in the URL and grant the account SELECT on it"
        )
    if missing:
        raise SourceRefused(
            f"{hospital_key}: missing in the database, or not granted to the account: {', '.join(missing)}; "
            "grant SELECT on them"
        )
    return schema


def _missing(schema: Schema) -> list[str]:
    return [name for table, columns in REQUIRED.items() for name in _missing_of(schema, table, columns)]


def _missing_of(schema: Schema, table: str, columns: Iterable[str]) -> list[str]:
    if not schema.has(table):
        return [table]
    return [f"{table}.{column}" for column in columns if not schema.has(table, column)]
