"""Reading the clock of a MySQL or MariaDB server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from passport_pipeline.sources.clock import Clock


def read_clock(connection: sa.Connection, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Clock:
    """The server's clock, exact to half the time that the statement takes. Raises SourceError."""
    asked_at = now()
    local, utc, zone, system = connection.exec_driver_sql(
        "SELECT CAST(NOW(6) AS CHAR), CAST(UTC_TIMESTAMP(6) AS CHAR), @@session.time_zone, @@system_time_zone"
    ).one()
    here = asked_at + (now() - asked_at) / 2
    return Clock(
        datetime.fromisoformat(local), datetime.fromisoformat(utc), here.replace(tzinfo=None), str(zone), str(system)
    )
