"""Hospitals whose clocks change or are an hour off: every row is loaded once, on the day that the clock showed."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from passport_pipeline.core.windows import last_month
from passport_pipeline_tests.windows.running import load_hospitals
from passport_sample.seed_example import seed_example, seed_passport

ROW = """
INSERT INTO obs (person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided, uuid)
VALUES (789, 102, :observed, 5, 456, 100, :created, 0, :uuid)
"""
# The hour that came twice, and the one that never came.
CLOCK_CHANGES = {
    "Europe/London": ("2025-10-26 01", "2026-03-29 01"),
    "Africa/Casablanca": ("2026-02-15 02", "2026-03-22 02"),
}
KIGALI = "kigali"


def hospital_in(zone):
    sample = seed_example()
    return replace(sample, spec=replace(sample.spec, key=zone.rpartition("/")[2].lower(), timezone=zone))


@pytest.fixture(scope="module")
def operator(operating_on):
    """One hospital in each zone, and one in Kigali, two hours ahead of UTC the whole year."""
    with operating_on([hospital_in(zone) for zone in (*CLOCK_CHANGES, "Africa/Kigali")], seed_passport()) as operator:
        yield operator


def typed(operator, key, rows):
    """Rows of (uuid, created, observed), in the hospital's local time."""
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases[key]}`")
        for uuid, created, observed in rows:
            connection.execute(sa.text(ROW), {"uuid": uuid, "created": created, "observed": observed})


def records_of(operator, key):
    records = list(operator.database.medicalrecords.find({"source.hospital": key}))
    assert len({record["source"]["rowUuid"] for record in records}) == len(records)
    led = (record for record in records if record["source"]["stream"] == "observations")
    return {record["source"]["rowUuid"]: record for record in led}


def load(operator, *keys, newest=None):
    with closing(operator.connections()) as connections:
        load_hospitals(connections, *keys, newest=newest)


def rows_of_changes(twice, never):
    """Rows in the hour that came twice, in the one that never came, and at both ends of the days of these."""
    for hour in (twice, never):
        day = hour[:10]
        following = date.fromisoformat(day) + timedelta(days=1)
        for number, minute in enumerate(("00", "30", "30")):
            yield f"{hour} {number}", f"{hour}:{minute}:00", f"{hour}:{minute}:00"
        yield f"{day} midnight", f"{day} 23:59:59", f"{day} 00:00:00"
        yield f"{following} midnight", f"{following} 00:00:00", f"{following} 00:00:00"


def test_rows_of_a_repeated_and_of_a_skipped_hour_are_loaded_once_and_on_their_day(operator):
    rows = {
        hospital_in(zone).spec.key: list(rows_of_changes(twice, never))
        for zone, (twice, never) in CLOCK_CHANGES.items()
    }
    for key, typed_rows in rows.items():
        typed(operator, key, typed_rows)
    load(operator, *rows)
    for key, typed_rows in rows.items():
        records = records_of(operator, key)
        assert len(records) == len(typed_rows) + 1
        for uuid, created, observed in typed_rows:
            assert records[uuid]["source"]["day"] == created[:10]
            shown = records[uuid]["data"]["diagnosed"]
            assert shown.startswith(observed[:10])
            assert not observed.endswith(" 00:00:00") or shown == f"{observed[:10]}T00:00:00"
        assert operator.verify()[key].ok


def test_rows_that_are_dated_an_hour_early_or_late_are_loaded_at_once(operator):
    now = datetime.now(operator.connections().hospital(KIGALI).zone).replace(tzinfo=None, microsecond=0)
    shown = {f"off by {hours}": now + timedelta(hours=hours) for hours in (1, -1)}
    typed(operator, KIGALI, [(uuid, time, time) for uuid, time in shown.items()])
    load(operator, KIGALI)
    for uuid, time in shown.items():
        record = records_of(operator, KIGALI)[uuid]
        assert record["source"]["day"] == f"{time:%Y-%m-%d}"
        assert record["data"]["diagnosed"] == f"{time:%Y-%m-%dT%H:%M:%S}"
    assert operator.verify()[KIGALI].ok


def test_rows_around_the_end_of_a_month_by_the_hospitals_clock_are_loaded_before_it_ends_in_utc(operator):
    utc = datetime(2027, 2, 28, 21, 30, tzinfo=UTC)
    right = datetime(2027, 2, 28, 23, 30)  # noqa: DTZ001 - what the hospital's clock shows
    shown = {f"at a month's end {hours}": right + timedelta(hours=hours) for hours in (-1, 0, 1)}
    assert {time.month for time in shown.values()} == {2, 3}
    typed(operator, KIGALI, [(uuid, time, time) for uuid, time in shown.items()])
    load(operator, KIGALI, newest=last_month(utc))
    records = records_of(operator, KIGALI)
    assert {uuid: records[uuid]["source"]["day"] for uuid in shown} == {
        uuid: f"{time:%Y-%m-%d}" for uuid, time in shown.items()
    }
