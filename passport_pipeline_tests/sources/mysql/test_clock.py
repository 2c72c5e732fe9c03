"""How far a hospital's clock is from ours."""

from datetime import UTC, datetime, timedelta

import pytest

from passport_pipeline.sources.mysql.clock import read_clock


@pytest.mark.parametrize("hours", [1, -1, 0])
def test_a_clock_that_is_off_by_an_hour_either_way_is_measured(openmrs_database, database_of, hours):
    opened = database_of(openmrs_database("2.3"))
    with opened.reading() as connection:
        # As the server's clock cannot be moved for one test, ours is.
        clock = read_clock(connection, lambda: datetime.now(UTC) - timedelta(hours=hours))
    assert clock.skew == pytest.approx(hours * 3600, abs=30)


def test_half_the_time_that_the_statement_takes_is_left_out(openmrs_database, database_of):
    opened = database_of(openmrs_database("2.3"))
    now = datetime.now(UTC)
    ours = iter([now - timedelta(seconds=1000), now + timedelta(seconds=1000)])
    with opened.reading() as connection:
        clock = read_clock(connection, lambda: next(ours))
    assert abs(clock.skew) < 100
