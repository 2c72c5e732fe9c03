"""The partitions: hospitals, months, and the windows that are both.

What belongs here: the three definitions and the way between a Dagster partition key and a window. What does not: which
hospitals there are (config.hospitals), and which months (core.windows).
"""

from __future__ import annotations

import dagster as dg

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.windows import EARLIEST_ZONE, Window

# Dagster fixes the first partition when the code location loads, so the settings are read at import here.
FIRST_MONTH = Settings.read().first_month

hospitals = dg.DynamicPartitionsDefinition(name="hospital")
months = dg.MonthlyPartitionsDefinition(start_date=f"{FIRST_MONTH}-01", end_offset=1, timezone=EARLIEST_ZONE)
windows = dg.MultiPartitionsDefinition({"hospital": hospitals, "month": months})


def window_of(partition_key: str) -> Window:
    """The window that a partition key of `windows` names."""
    key = windows.get_partition_key_from_str(partition_key)
    assert isinstance(key, dg.MultiPartitionKey)  # noqa: S101 - what a MultiPartitionsDefinition returns
    return Window(key.keys_by_dimension["hospital"], key.keys_by_dimension["month"][:7])


def partition_key_of(window: Window) -> dg.MultiPartitionKey:
    """The partition key of a window."""
    return dg.MultiPartitionKey({"hospital": window.hospital, "month": f"{window.month}-01"})
