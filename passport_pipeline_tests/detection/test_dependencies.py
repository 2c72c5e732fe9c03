"""What one tick leaves to the next of the checks of dependencies."""

from datetime import UTC, datetime, timedelta

import pytest

from passport_pipeline.detection.dependencies import Checked, Cursor

OLD = '{"token": "t", "polled": "2026-11-21T09:00", "seen": {"central": "0a1b 2026-11-21"}, "last": "central"}'


@pytest.mark.parametrize("text", [None, "", "central", '{"checked": 1}', OLD])
def test_a_cursor_of_another_version_is_empty(text):
    assert Cursor.read(text) == Cursor()


def test_a_check_holds_to_the_end_of_the_day_and_where_windows_were_requested_of_the_hour():
    at = datetime(2026, 12, 31, 23, 40, 5, tzinfo=UTC)
    assert Checked.at("v", at, stale=True).until == datetime(2027, 1, 1, tzinfo=UTC)
    assert Checked.at("v", at - timedelta(hours=5), stale=True).until == datetime(2026, 12, 31, 19, tzinfo=UTC)
    assert Checked.at("v", at - timedelta(hours=5), stale=False).until == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_cursor_is_read_as_it_was_written():
    cursor = Cursor(token="t", checked={"central": Checked.at("v", datetime(2026, 11, 21, 9, tzinfo=UTC), stale=True)})
    assert Cursor.read(cursor.model_dump_json()) == cursor
