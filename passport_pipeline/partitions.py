"""The partitions: hospitals, months, and the windows that are both.

What belongs here: the three definitions and the way between a Dagster partition key and the domain's (hospital,
month). What does not: which hospitals there are (hospitals.registry).
"""

from __future__ import annotations

from typing import NamedTuple

import dagster as dg

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings

# Dagster fixes the first partition when the code location loads, so the settings are read at import here.
FIRST_MONTH = Settings.read().first_month

hospitals = dg.DynamicPartitionsDefinition(name="hospital")
# A hospital's month begins by its own clock, and that may be fast: the open month is there as soon as it has begun
# anywhere on earth, which is 14 hours before UTC.
months = dg.MonthlyPartitionsDefinition(start_date=f"{FIRST_MONTH}-01", end_offset=1, timezone="Pacific/Kiritimati")
windows = dg.MultiPartitionsDefinition({"hospital": hospitals, "month": months})


class Window(NamedTuple):
    """One hospital and one calendar month (`YYYY-MM`) of it."""

    hospital: str
    month: str


def window_of(partition_key: str) -> Window:
    """The window that a partition key of `windows` names."""
    key = windows.get_partition_key_from_str(partition_key)
    assert isinstance(key, dg.MultiPartitionKey)  # noqa: S101 - what a MultiPartitionsDefinition returns
    return Window(key.keys_by_dimension["hospital"], key.keys_by_dimension["month"][:7])


def partition_key_of(window: Window) -> dg.MultiPartitionKey:
    """The partition key of a window."""
    return dg.MultiPartitionKey({"hospital": window.hospital, "month": f"{window.month}-01"})


def first_month_of(hospital: Hospital) -> str:
    """The first month (`YYYY-MM`) from which a hospital is read: its own, or the first that has a partition."""
    return max(FIRST_MONTH, hospital.first_month or FIRST_MONTH)


def last_month() -> str:
    """The newest month that there is a partition for: that of the earliest zone on earth."""
    key = months.get_last_partition_key()
    return str(key)[:7]
