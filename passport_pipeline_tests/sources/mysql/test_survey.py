"""Surveys as such: what they cost, how they are stored, and which id ranges they name."""

import pandas as pd
import pytest
import sqlalchemy as sa

from passport_pipeline.sources.mysql.clock import read_clock
from passport_pipeline.sources.mysql.survey import BLOCK, CELL_COLUMNS, Survey, at_most, cell_digests, merged
from passport_pipeline_tests.sources.mysql.difficult_rows import insert_difficult_rows
from passport_pipeline_tests.sources.observing import (
    full_survey,
    read_activity,
    read_fingerprint,
    replaced,
    tail_survey,
    window_cells,
)

MONTH = "2025-11"


class Plans:
    """EXPLAIN of every statement that an open database sends."""

    def __init__(self, opened):
        self.sent = []
        sa.event.listen(opened.engine, "before_cursor_execute", self.note)
        self.opened = opened

    def note(self, connection, cursor, statement, parameters, context, executemany):
        if "SELECT" in statement[:8]:
            self.sent.append((statement, parameters))

    def of_obs(self):
        """(type, rows) of every step that reads obs."""
        sent, self.sent = self.sent, []
        with self.opened.reading() as connection:
            for statement, parameters in sent:
                for step in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings():
                    if step["table"] in OBS_NAMES and step["type"] is not None:
                        yield step["type"], int(step["rows"]), statement


OBS_NAMES = {"obs", "o", "new", "old", "member", "g1", "g2", "g3", "g4"}


@pytest.mark.parametrize("version", ["1.9.8", "2.8"])
def test_nothing_that_a_tick_asks_scans_all_of_obs(openmrs_database, database_of, version):
    database = openmrs_database(version, own=True)
    database.persons(2, 3)
    many = 6 * BLOCK
    database.many_obs(1, many)
    database.run("UPDATE obs SET person_id = 2 + obs_id % 2 WHERE obs_id % 5000 = 0")
    if version != "1.9.8":
        database.run("UPDATE obs SET previous_version = obs_id - 50000 WHERE obs_id > 60000 AND obs_id % 100 = 0")
    database.run("UPDATE patient SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE patient_id = 3")
    database.run("ANALYZE TABLE obs")
    opened = database_of(database, timezone="UTC")
    with opened.reading() as connection:
        stored = read_fingerprint(connection, opened.schema)
    survey = full_survey(opened)
    plans = Plans(opened)
    with opened.reading() as connection:
        assert replaced(connection, opened.schema, stored) is None
        read_clock(connection)
        read_activity(connection, opened.schema)
    tail_survey(opened, survey)
    with opened.reading() as connection:
        read_fingerprint(connection, opened.schema, stored)
    steps = list(plans.of_obs())
    assert len(steps) > 10
    assert not [step for step in steps if step[0] == "ALL" or step[1] > many // 2]


def test_a_survey_leaps_over_stretches_without_ids(openmrs_database, database_of):
    database = openmrs_database("2.5")
    for obs_id in (1, 1_000_000_000, 2_000_000_000):
        database.obs(obs_id)
    opened = database_of(database)
    before = opened.statements
    assert full_survey(opened).cells["live"].sum() == 3
    assert opened.statements - before < 12


def test_progress_ends_at_the_last_id(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.many_obs(1, 10)
    seen = []
    full_survey(database_of(database), progress=lambda done, of: seen.append((done, of)))
    assert seen == [(10, 10)]


def test_a_survey_that_was_kept_is_the_same_survey(openmrs_database, database_of):
    database = openmrs_database("2.5")
    insert_difficult_rows(database)
    survey = full_survey(database_of(database))
    again = Survey.from_frames(*survey.to_frames())
    pd.testing.assert_frame_equal(again.cells, survey.cells)
    assert (again.taken_at, again.max_row_id) == (survey.taken_at, survey.max_row_id)
    assert survey.cells.dtypes.astype(str).to_dict() == CELL_COLUMNS
    assert survey.live_by_month() == {MONTH: 13}


def test_rows_at_both_ends_of_what_a_date_can_be_are_counted_in_their_months(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.many_obs(1, 2, created="1000-01-01 00:00:00")
    database.many_obs(11, 3, created="9999-12-31 23:59:59")
    survey = full_survey(database_of(database))
    assert survey.live_by_month() == {"1000-01": 2, "9999-12": 3}
    assert [sum(digest.live for digest in survey.digests(month).values()) for month in survey.months()] == [2, 3]


def test_a_window_reads_no_ids_beyond_those_that_its_survey_names(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.many_obs(1, 100)
    database.many_obs(9 * BLOCK, 100, created="2024-05-05 00:00:00")
    opened = database_of(database)
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        before = opened.statements
        cells = window_cells(connection, opened.schema, survey, "2024-05")
        assert opened.statements - before == 1
        assert cells["min_row_id"].min() == 9 * BLOCK
        assert cell_digests(cells) == survey.digests("2024-05")
        assert window_cells(connection, opened.schema, survey, "2019-01").empty


def test_ranges_are_merged_where_little_lies_between_and_capped():
    assert merged([(5, 9), (1, 3), (2_000, 2_001), (8, 8)], gap=10) == [(1, 9), (2_000, 2_001)]
    many = [(n * 10_000 + n, n * 10_000 + n) for n in range(1_000)]
    few = at_most(many, 100)
    assert len(few) <= 100 and (few[0][0], few[-1][1]) == (many[0][0], many[-1][1])
