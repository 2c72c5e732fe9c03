"""The hospital's wall clock as UTC."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from passport_pipeline.records.instants import utc_of


def utc(local, zone):
    series = pd.Series([local], dtype="str").pipe(pd.to_datetime).astype("datetime64[us]")
    return np.datetime_as_string(utc_of(series, ZoneInfo(zone)), unit="s")[0]


@pytest.mark.parametrize(
    ("local", "zone", "expected"),
    [
        ("2025-11-06 10:30:00", "Africa/Kigali", "2025-11-06T08:30:00"),
        ("2025-11-06 00:00:00", "Africa/Kigali", "2025-11-05T22:00:00"),
        ("2025-11-06 10:30:00", "Asia/Kathmandu", "2025-11-06T04:45:00"),
        ("2025-10-26 02:30:00", "Europe/Paris", "2025-10-26T00:30:00"),  # shown twice: the first
        ("2025-10-26 03:30:00", "Europe/Paris", "2025-10-26T02:30:00"),
        ("2025-03-30 02:30:00", "Europe/Paris", "2025-03-30T01:00:00"),  # never shown: moved forward
        ("2025-04-06 02:30:00", "Australia/Melbourne", "2025-04-05T15:30:00"),
        ("2025-04-06 01:45:00", "Australia/Lord_Howe", "2025-04-05T14:45:00"),  # half an hour twice
        ("2015-08-14 23:45:00", "Asia/Pyongyang", "2015-08-14T14:45:00"),  # back half an hour, no summer time
        ("1990-01-01 00:00:00", "UTC", "1990-01-01T00:00:00"),
    ],
)
def test_local_time_becomes_utc(local, zone, expected):
    assert utc(local, zone) == expected


def test_what_is_unknown_stays_unknown():
    assert utc(None, "Africa/Kigali") == "NaT"
    assert len(utc_of(pd.Series([], dtype="datetime64[us]"), ZoneInfo("Europe/Paris"))) == 0
