"""A hospital's activity: when a change was last committed to each table that a survey of the tail reads.

InnoDB records it in memory at every commit (MySQL since 5.7, MariaDB since 10.2), whoever commits and whatever the ids:
inserts, changes in place, voids, purges, cascades, transactions that were open for hours, loads and restores. One
statement on information_schema reads it, and reads no table. So where it is unchanged since a survey of the tail,
another one would give the same.

There is no activity, and everything is read, where a table is no InnoDB table (a view, for example) or the server
keeps no times. What it does not show:

* what a restart or another server forgets: two activities are compared only if one session read them;
* a commit that others can see only more than SETTLED seconds after its recorded time;
* a transaction that was prepared (XA) before a restart of the server and is committed after it.

What belongs here: reading and comparing. What does not: which tables these are (a record system), and what follows
(detection).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

SETTLED = 30  # seconds

_WRITTEN = sa.text(
    """
    SELECT LOWER(table_name), engine, UNIX_TIMESTAMP(update_time), UNIX_TIMESTAMP()
    FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN :tables
    """
).bindparams(sa.bindparam("tables", expanding=True))


@dataclass(frozen=True)
class Activity:
    """When each table was last written to, and when that was read (`at`), in seconds of the server's own clock.

    A table that was not written to since the server started has None.
    """

    at: float
    written: Mapping[str, float | None]

    def unchanged_since(self, before: Activity) -> bool:
        """Whether nothing was committed after `before`, which the same session must have read."""
        settled = all(at is None or at <= before.at - SETTLED for at in before.written.values())
        return settled and self.written == before.written


def read_activity(connection: sa.Connection, tables: Collection[str], busiest: str) -> Activity | None:
    """The activity of these tables, lower-case; None where the server does not know it. Raises SourceError.

    The `busiest` of them is written to all the time: a server without a time for it keeps none, or has just started.
    """
    rows = connection.execute(_WRITTEN, {"tables": sorted(tables)}).all()
    written = {name: None if at is None else float(at) for name, engine, at, _ in rows if engine == "InnoDB"}
    if written.keys() != set(tables) or written[busiest] is None:
        return None
    return Activity(float(rows[0][3]), written)
