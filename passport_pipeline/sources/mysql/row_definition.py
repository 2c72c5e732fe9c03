"""The definition of a stream's rows in SQL, shared by its survey, its checksums and its reading.

What belongs here: what the definition of any table has. What does not: the definition of one table (a record system's
own package), and folding its rows (survey_reading).
"""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause


class RowDefinition(Protocol):
    """The joins and expressions of one table's rows in one database.

    table    the table that numbers the rows, with its auto_increment
    row_id   the row's number in it, an integer primary key
    row_uuid random, and so in no other database
    joined   the table with all that the expressions below need; never more rows than the table has
    unit_id  a number, at least 0, of what this row is read together with; below 2**54
    dated    the local time whose date is the row's day, the same for all rows of a unit; may be NULL or a zero date
    live     1 where the row counts, else 0
    checksum CRC32 over everything that is read of the row; never NULL
    """

    @property
    def table(self) -> FromClause: ...  # noqa: D102
    @property
    def row_id(self) -> ColumnElement[int]: ...  # noqa: D102
    @property
    def row_uuid(self) -> ColumnElement[str]: ...  # noqa: D102
    @property
    def joined(self) -> FromClause: ...  # noqa: D102
    @property
    def unit_id(self) -> ColumnElement[int]: ...  # noqa: D102
    @property
    def dated(self) -> ColumnElement[Any]: ...  # noqa: D102
    @property
    def live(self) -> ColumnElement[Any]: ...  # noqa: D102
    @property
    def checksum(self) -> ColumnElement[int]: ...  # noqa: D102


def mixed(crc: ColumnElement[Any]) -> ColumnElement[Any]:
    """A checksum's upper half times its lower half, as core.digests.mixed."""
    return crc.op(">>")(16).op("*")(crc.op("&")(0xFFFF))
