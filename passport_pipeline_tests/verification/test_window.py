"""The raw batches of a window against its documents."""

from contextlib import closing

from passport_pipeline.verification.window import days_of_window
from passport_pipeline_tests.verification.two_months import FIRST, records_of, without


def test_a_day_of_the_window_whose_record_was_deleted_does_not_agree_with_its_raw_batch(operator):
    with closing(operator.connections()) as connections:
        days = days_of_window(connections.batches, connections.passport, "central", FIRST)
        assert days
        assert all(day.agrees and day.accounted_for for day in days)
        (record,) = records_of(operator, FIRST)
        with without(operator, record):
            wrong = days_of_window(connections.batches, connections.passport, "central", FIRST)
    assert [f"{day.day}" for day in wrong if not day.agrees] == [record["source"]["day"]]
