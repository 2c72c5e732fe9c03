"""Partition keys and windows, both ways."""

from datetime import datetime

import dagster as dg
import pytest

from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.orchestration import partitions
from passport_pipeline.orchestration.partitions import partition_key_of, window_of


def test_a_window_survives_the_way_to_a_partition_key_and_back():
    window = Window("central-2", "2025-11")
    assert window_of(partition_key_of(window)) == window


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2026-02-03T10:00:00Z", "2026-02"),
        ("2026-01-31T09:59:59Z", "2026-01"),
        ("2026-01-31T10:00:00Z", "2026-02"),  # in Kiritimati it is February
        ("2025-12-31T23:30:00Z", "2026-01"),
    ],
)
def test_a_month_has_a_partition_as_soon_as_it_has_begun_anywhere_on_earth(now, newest):
    at = datetime.fromisoformat(now)
    assert last_month(at) == newest
    with dg.partition_loading_context(effective_dt=at):
        keys = partitions.months.get_partition_keys()
        assert keys[0] == f"{partitions.FIRST_MONTH}-01" and keys[-1] == f"{newest}-01"
        assert all(key.endswith("-01") for key in keys)
