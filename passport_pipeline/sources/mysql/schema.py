"""Which tables, columns and indexes one database has: probed once, with one statement.

What belongs here: the probe and its result. What does not: which tables a record system reads and requires
(sources.openmrs.schema).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

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
    `recoded` texts whose stored bytes are not UTF-8, `bits` of type BIT: flags in tables that Hibernate created, which
    as text are a byte 0 or 1, not a digit.
    """

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


def read_schema(connection: sa.Connection, tables: Iterable[str]) -> Schema:
    """What the database has of these tables. Raises SourceError."""
    rows = connection.execute(_PROBE, {"tables": sorted(tables)}).all()
    entries = [(row.kind, (row.table_name.lower(), row.column_name.lower()), row) for row in rows]
    return Schema(
        columns=frozenset(name for kind, name, _ in entries if kind == "column"),
        indexed=frozenset(name for kind, name, _ in entries if kind == "index"),
        recoded=frozenset(name for _, name, row in entries if (row.charset or "ascii") not in _UTF8),
        bits=frozenset(name for _, name, row in entries if (row.data_type or "").lower() == "bit"),
    )
