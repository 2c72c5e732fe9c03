"""Windows: one calendar month of one hospital, the unit of a run.

What belongs here: a window, the month that a day is in, and ranges of months. What does not: from which month
a hospital is read (config.hospitals), and windows as Dagster's partitions (orchestration.partitions).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

EARLIEST_ZONE = "Pacific/Kiritimati"
"""Where a month begins first. A hospital's month begins by its own clock, which may be fast: a month counts as begun as
soon as it has begun anywhere on earth, which is 14 hours before UTC."""


class Window(NamedTuple):
    """One hospital and one calendar month (`YYYY-MM`) of it."""

    hospital: str
    month: str


def month_of(day: date) -> str:
    """The calendar month (`YYYY-MM`) that a day is in."""
    return f"{day.year:04d}-{day.month:02d}"


def months_between(first: str, last: str) -> list[str]:
    """The months (`YYYY-MM`) from the first to the last, both included."""
    return [str(month) for month in pd.period_range(first, last, freq="M")]


def last_month(now: datetime | None = None) -> str:
    """The newest month (`YYYY-MM`) that has begun anywhere on earth: now, or at the given time (with a zone)."""
    return month_of((now or _machine_time()).astimezone(ZoneInfo(EARLIEST_ZONE)))


def _machine_time() -> datetime:
    return pd.Timestamp.now(UTC)
