"""The fingerprint of a hospital's database: whether its new ids still follow those that it assigned before.

A database that was restored from a backup has lost its newest rows and assigns their ids again. By digests alone that
looks like a purge and a day's work: everything newer than the backup would be removed from the passports. So some rows
are remembered (the newest, and some spread over the table), and the highest id that the table ever had.

* A remembered id with another uuid was assigned twice.
* An AUTO_INCREMENT at or below the highest id says that ids will be assigned twice. A purge does not move it. (MySQL
  before 8 and MariaDB before 10.2.4 forget it at a restart: there, a purge of the newest rows and a restart look the
  same.)
* Where AUTO_INCREMENT cannot be read, a highest id that is lower than it was, with all the newest remembered rows
  gone, counts as the same.

Measured on a million rows: 1 ms to check, 6 ms to remember.

Since every row has a random uuid, the same rows say whose database it is: a database that holds the remembered rows of
another hospital is that hospital's, or a copy of it. Dictionaries, users and other metadata cannot say that: many
hospitals were set up from the same ones. A database without such rows cannot be told from another one.

What belongs here: these statements and what they mean. What does not: which table they read (a record system), storing
a fingerprint (passport.hospitals), what follows (windows.restore_check).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from passport_pipeline.sources.mysql.row_definition import RowDefinition
from passport_pipeline.sources.mysql.survey_reading import highest_id

NEWEST, SPREAD = 16, 32

_AUTO_INCREMENT = sa.text(
    "SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = :name"
)


@dataclass(frozen=True)
class Fingerprint:
    """What is remembered of a database: the highest id that it ever had, and uuids by id."""

    highest: int
    anchors: Mapping[int, str]

    @property
    def newest(self) -> list[str]:
        """The uuids of the newest remembered rows, which no other hospital's database has."""
        return [self.anchors[row_id] for row_id in sorted(self.anchors)[-NEWEST:]]

    def reaching(self, row_id: int) -> Fingerprint:
        """The same of a table that has also held a row of this id."""
        return Fingerprint(max(self.highest, row_id), self.anchors)

    def to_json(self) -> dict[str, Any]:
        """As MongoDB keeps it."""
        anchors = [{"obsId": row_id, "uuid": uuid} for row_id, uuid in sorted(self.anchors.items())]
        return {"highest": self.highest, "anchors": anchors}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(int(value["highest"]), {int(anchor["obsId"]): str(anchor["uuid"]) for anchor in value["anchors"]})


def replaced(connection: sa.Connection, rows: RowDefinition, stored: Fingerprint) -> str | None:
    """Why this is not the database that `stored` was read from, with later changes; None where it may be.

    Raises SourceError.
    """
    uuids = _uuids(connection, _numbered(rows).where(rows.row_id.in_(list(stored.anchors))))
    changed_ids = [row_id for row_id, uuid in uuids.items() if uuid != stored.anchors[row_id]]
    if changed_ids:
        return (
            f"{len(changed_ids)} of {len(stored.anchors)} remembered rows have another uuid now (id "
            f"{min(changed_ids)} is the first), so ids were given out again"
        )
    next_id = connection.execute(_AUTO_INCREMENT, {"name": _name_of(rows)}).scalar()
    if next_id is not None:
        if int(next_id) <= stored.highest:
            return f"it would give out id {next_id} next, and {stored.highest} was there already"
        return None
    highest = highest_id(connection, rows)
    newest = sorted(stored.anchors)[-NEWEST:]
    if highest < stored.highest and not uuids.keys() & set(newest):
        return f"its highest id is {highest}, {stored.highest} was there already, and all the newest rows are gone"
    return None


def holders(connection: sa.Connection, rows: RowDefinition, others: Mapping[str, Fingerprint]) -> list[str]:
    """Those of the `others` (fingerprints by name) of which this database holds remembered rows, and under none of
    their ids another row. So purged rows do not count, and of two copies that have since diverged neither holds the
    other. Raises SourceError.
    """
    remembered_ids = sorted({row_id for fingerprint in others.values() for row_id in fingerprint.anchors})
    uuids = _uuids(connection, _numbered(rows).where(rows.row_id.in_(remembered_ids))) if remembered_ids else {}
    holding = []
    for name, fingerprint in others.items():
        same = [uuid == fingerprint.anchors[row_id] for row_id, uuid in uuids.items() if row_id in fingerprint.anchors]
        if same and all(same):
            holding.append(name)
    return holding


def read_fingerprint(connection: sa.Connection, rows: RowDefinition, stored: Fingerprint | None) -> Fingerprint:
    """What to remember of the database from now on; `stored` is what was remembered so far. Raises SourceError."""
    highest = highest_id(connection, rows)
    numbered = _numbered(rows)
    newest = numbered.order_by(rows.row_id.desc()).limit(NEWEST)
    spread = [
        numbered.where(rows.row_id >= highest * part // SPREAD).order_by(rows.row_id).limit(1) for part in range(SPREAD)
    ]
    anchors = _uuids(connection, newest) | _uuids(connection, sa.union(*spread))
    return Fingerprint(max(highest, stored.highest if stored else 0), anchors)


def _numbered(rows: RowDefinition) -> sa.Select[int, str]:
    return sa.select(rows.row_id, rows.row_uuid).select_from(rows.table)


def _name_of(rows: RowDefinition) -> str:
    table = rows.table.element if isinstance(rows.table, sa.Alias) else rows.table
    return str(getattr(table, "name", ""))


def _uuids(connection: sa.Connection, statement: sa.Select[int, str] | sa.CompoundSelect[Any]) -> dict[int, str]:
    return {int(row_id): str(uuid) for row_id, uuid in connection.execute(statement)}
