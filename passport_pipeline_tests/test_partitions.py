"""Partition keys and windows, both ways."""

import dagster as dg

from passport_pipeline import partitions
from passport_pipeline.partitions import Window, partition_key_of, window_of


def test_a_window_survives_the_way_to_a_partition_key_and_back():
    window = Window("central-2", "2025-11")
    assert window_of(partition_key_of(window)) == window


def test_the_open_month_has_a_partition():
    import pandas as pd

    with dg.partition_loading_context(effective_dt=pd.Timestamp("2026-02-03T10:00:00Z").to_pydatetime()):
        assert partitions.last_month() == "2026-02"
