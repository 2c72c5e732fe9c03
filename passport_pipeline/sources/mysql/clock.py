"""A hospital's clock against ours.

What belongs here: reading it. What does not: what is too far off (hospitals.settings), what its zone should be
(hospitals.registry).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa


@dataclass(frozen=True)
class Clock:
    """The server's clock against this machine's, both taken at once.

    `local` is the server's local time, `utc` its UTC, `here` this machine's UTC; all without a zone.
    """

    local: datetime
    utc: datetime
    here: datetime
    time_zone: str
    system_time_zone: str

    @property
    def skew(self) -> float:
        """Seconds that the server's clock is ahead of this machine's; negative where it is behind."""
        return (self.utc - self.here).total_seconds()


def read_clock(connection: sa.Connection, ours: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Clock:
    """The server's clock, off by no more than half the time that the statement takes. Raises SourceError."""
    before = ours()
    local, utc, zone, system = connection.exec_driver_sql(
        "SELECT CAST(NOW(6) AS CHAR), CAST(UTC_TIMESTAMP(6) AS CHAR), @@session.time_zone, @@system_time_zone"
    ).one()
    here = before + (ours() - before) / 2
    return Clock(
        datetime.fromisoformat(local),
        datetime.fromisoformat(utc),
        here.replace(tzinfo=None),
        str(zone),
        str(system),
    )
