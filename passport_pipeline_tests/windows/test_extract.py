"""The days of a window that differ are read into its raw batches, as they were at one moment."""

from datetime import UTC, datetime

import pandas as pd
import pytest
import sqlalchemy as sa

from passport_pipeline.batches.store import Batches
from passport_pipeline.sources.mysql.survey import BLOCK
from passport_pipeline.sources.mysql.table_reader import TableMonth
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.lookups import renew_lookups
from passport_pipeline.windows.survey import PART, SINCE, renew_survey, stored_survey
from passport_pipeline_tests.sources.observing import full_survey

MONTH = "2024-02"


@pytest.fixture
def database(openmrs_database):
    database = openmrs_database("2.5")
    for day, first in ((10, 1), (11, 50), (12, BLOCK - 2)):
        database.many_obs(first, 5, created=f"2024-02-{day} 08:00:00")
    database.many_obs(5 * BLOCK, 5, created="2025-11-06 08:00:00")  # the newest rows are elsewhere
    database.run("UPDATE obs SET voided = 1 WHERE obs_id = 51")
    return database


@pytest.fixture
def batches(source, tmp_path):
    batches = Batches(tmp_path)
    renew_survey(source, batches)
    renew_lookups(source, batches)
    return batches


def checksums_computed(source, work):
    """The result of `work`, and how many statements made the hospital compute checksums."""
    sent = []

    def note(_connection, _cursor, statement, *_):
        sent.append("bit_xor(row.crc)" in statement and "crc32" in statement)

    sa.event.listen(source.database.engine, "before_cursor_execute", note)
    result = work()
    sa.event.remove(source.database.engine, "before_cursor_execute", note)
    return result, sum(sent)


@pytest.mark.parametrize("full", [False, True])
def test_the_digests_of_a_window_without_files_are_computed_from_its_rows_and_equal_the_hospitals(
    source, batches, full
):
    extracted, first = checksums_computed(source, lambda: extract_window(source, batches, MONTH, full=full))
    assert (extracted.days, extracted.live, extracted.rows_read) == (3, 14, 14)
    assert batches.days("central", MONTH) == full_survey(source.database).digests(MONTH)
    assert not [name for name in batches.names("central") if SINCE in name]  # the survey shows every row that was read
    extracted, second = checksums_computed(source, lambda: extract_window(source, batches, MONTH))
    assert (extracted.days_read, extracted.rows_read) == (0, 0)
    assert first == second - 1  # for the refresh of the survey


def test_a_change_in_place_that_a_full_read_finds_is_stored_with_the_survey(database, source, batches):
    extract_window(source, batches, MONTH)
    database.run("UPDATE obs SET value_numeric = 99 WHERE obs_id = 2")
    extracted = extract_window(source, batches, MONTH, full=True)
    assert (extracted.days_read, extracted.rows_read) == (3, 14)
    after = full_survey(source.database)
    assert batches.days("central", MONTH) == after.digests(MONTH)
    cells = batches.read_frames("central", f"{SINCE}-{MONTH}")[0][PART]
    pd.testing.assert_frame_equal(cells, after.cells[after.cells["day"].dt.month == 2].reset_index(drop=True))


def test_a_survey_taken_because_many_rows_are_missing_has_the_time_of_the_given_clock(database, source, batches):
    at = datetime(2031, 1, 1, tzinfo=UTC)
    database.run("UPDATE obs SET voided = 1 WHERE obs_id <= 5")
    extract_window(source, batches, MONTH, full=True, now=lambda: at)
    assert stored_survey(source.hospital, batches).taken_at == at


@pytest.mark.parametrize("known", [False, True], ids=["no files yet", "one day differs"])
def test_rows_that_change_while_they_are_read_are_stored_as_they_were_and_read_again_by_the_next_run(
    database, source, batches, monkeypatch, known
):
    if known:
        extract_window(source, batches, MONTH)
        database.run("UPDATE obs SET value_numeric = 98 WHERE obs_id = 2")
    before = full_survey(source.database).digests(MONTH)
    rows = TableMonth.rows

    def rows_after_changes(*arguments):
        database.run("UPDATE obs SET value_numeric = 99, value_text = 'late' WHERE obs_id = 2")
        database.run("UPDATE obs SET voided = 1 WHERE obs_id = 3")
        database.obs(20, date_created="2024-02-10 09:00:00")
        return rows(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(TableMonth, "rows", rows_after_changes)
        extract_window(source, batches, MONTH)
    assert batches.days("central", MONTH) == before
    extract_window(source, batches, MONTH)
    assert batches.days("central", MONTH) == full_survey(source.database).digests(MONTH) != before
