"""The hospital's wall clock as UTC."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
import pytest

from passport_pipeline.core.time_zones import are_instants, moments, utc_of, written


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


def test_an_unknown_time_stays_unknown():
    assert utc(None, "Africa/Kigali") == "NaT"
    assert len(utc_of(pd.Series([], dtype="datetime64[us]"), ZoneInfo("Europe/Paris"))) == 0


CALENDAR = ["0001-01-01", "0001-01-01 23:59:59.999999", "9999-12-31", "9999-12-31 23:59:59.999999"]
INSTANTS = [
    *("0001-01-02", "1582-10-10", "1677-09-21 00:12:43", "1883-11-18 12:01", "1900-01-01", "1970-01-01"),
    *("2011-12-30 12:00", "2025-03-30 02:30", "2025-10-26 02:30", "2262-04-12", "9999-12-30 23:59:59.999999"),
]


@pytest.mark.parametrize(
    "zone", ["Pacific/Kiritimati", "Africa/Kigali", "UTC", "America/Lima", "America/Port-au-Prince"]
)
def test_times_of_the_first_and_last_day_of_the_calendar_have_no_utc_in_any_zone_and_others_keep_theirs(zone):
    local = pd.Series(np.array([*CALENDAR, "2025-11-06 10:30:00", "NaT"], dtype="datetime64[us]"))
    instants = utc_of(local, ZoneInfo(zone))
    assert np.isnat(instants).tolist() == [True, True, True, True, False, True]
    assert instants[4] == utc_of(local.iloc[4:5], ZoneInfo(zone))[0]
    assert are_instants(local).tolist() == [False, False, False, False, True, False]


def test_every_other_time_is_a_datetime_in_every_zone():
    local = pd.Series(np.array(INSTANTS, dtype="datetime64[us]"))
    assert are_instants(local).all()
    for zone in sorted(available_timezones()):
        datetimes = moments(utc_of(local, ZoneInfo(zone)))
        assert len(datetimes) == len(INSTANTS), zone
        assert None not in datetimes, zone


def test_instants_become_aware_datetimes_to_the_microsecond_and_unknown_ones_none():
    instants = np.array(["2025-11-06T08:30:00.123456", "NaT", "1900-01-01", "9999-12-31T23:59:59"], "datetime64[us]")
    known = datetime(2025, 11, 6, 8, 30, 0, 123456, tzinfo=UTC)
    old, late = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert moments(instants) == [known, None, old, late]
    assert moments(instants[[0, 2, 0]]) == [known, old, known]
    assert moments(instants[:0]) == []
    assert type(moments(instants)[0]) is datetime


@pytest.mark.parametrize(("unit", "text"), [("s", "2025-11-06T10:30:59"), ("D", "2025-11-06"), ("M", "2025-11")])
def test_the_wall_clocks_time_is_written_to_the_unit_and_never_rounded_up(unit, text):
    local = pd.Series(pd.to_datetime(["2025-11-06 10:30:59.9", None])).astype("datetime64[us]")
    assert written(local, unit) == [text, None]
