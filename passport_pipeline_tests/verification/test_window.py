"""The raw batches of a window against its documents."""

from contextlib import closing

import pytest

from passport_pipeline.verification.window import days_of_window
from passport_pipeline_tests.verification.two_months import FIRST, bare_visit_of, records_of, without


@pytest.mark.parametrize("a_record_of", [lambda *of: records_of(*of)[0], bare_visit_of], ids=["led", "bare visit"])
def test_a_day_of_the_window_whose_record_was_deleted_does_not_agree_with_its_raw_batch(operator, a_record_of):
    with closing(operator.connections()) as connections:
        days = days_of_window(connections.batches, connections.passport, "central", FIRST)
        assert days
        assert all(day.agrees and day.accounted_for for day in days)
        record = a_record_of(operator, FIRST)
        with without(operator, record):
            wrong = days_of_window(connections.batches, connections.passport, "central", FIRST)
    assert [f"{day.day}" for day in wrong if not day.agrees] == [record["source"]["day"]]
