"""Surveys of the tail: which changes of older rows they find."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from passport_pipeline.sources.mysql import survey_reading
from passport_pipeline.sources.mysql.survey import BLOCK
from passport_pipeline.sources.openmrs.observations import changed_blocks
from passport_pipeline_tests.sources.observing import (
    full_survey,
    tail_survey,
)


def test_tail_survey_equals_full_survey_after_inserts_edits_and_late_commits(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.obs(10, date_created="2024-01-05 08:00:00")
    database.obs(11, obs_group_id=10, date_created="2024-01-05 08:00:00")
    database.many_obs(3 * BLOCK, 50)
    opened = database_of(database)
    survey = full_survey(opened)
    database.many_obs(3 * BLOCK + 60, 20)  # newer
    database.obs(3 * BLOCK - 5)  # committed late, with an id below the highest
    database.obs(9 * BLOCK, previous_version=10, date_created="2024-01-05 08:00:00")  # an edit
    database.run("UPDATE obs SET voided = 1 WHERE obs_id IN (10, 11)")
    database.obs(9 * BLOCK + 1, obs_group_id=3 * BLOCK)  # a late member
    tail, full = tail_survey(opened, survey), full_survey(opened)
    pd.testing.assert_frame_equal(tail.cells, full.cells)
    assert tail.max_row_id == full.max_row_id == 9 * BLOCK + 1
    assert tail.digests() != survey.digests()


OLD = {"date_created": "2024-01-05 08:00:00"}
LATE = {
    "typed since": (9 * BLOCK, {"date_voided": "2024-01-06 08:00:00"}),
    "committed late": (3 * BLOCK + 7, {"date_voided": "2024-01-06 08:00:00"}),
    "while the survey was taken": (3 * BLOCK + 1, {"date_voided": datetime.now(UTC).replace(tzinfo=None)}),
    "without a time": (3 * BLOCK + 1, {}),
}


@pytest.mark.parametrize("how", LATE)
def test_an_edit_of_a_row_far_below_the_tail_is_found_whenever_it_came_in(openmrs_database, database_of, how):
    database = openmrs_database("2.5")
    new, voided = LATE[how]
    database.obs(10, **OLD)
    database.obs(3 * BLOCK + 50)
    surveyed = new == 3 * BLOCK + 1
    if surveyed:
        database.obs(new, previous_version=10, **OLD)
    opened = database_of(database, timezone="UTC")
    survey = full_survey(opened)
    if not surveyed:
        database.obs(new, previous_version=10, **OLD)
    database.run("UPDATE obs SET voided = 1, date_voided = :at WHERE obs_id = 10", at=voided.get("date_voided"))
    assert tail_survey(opened, survey).digests() == full_survey(opened).digests() != survey.digests()


def test_what_edits_replaced_before_the_survey_is_not_read_again(openmrs_database, database_of, monkeypatch):
    database = openmrs_database("2.5")
    database.obs(10, voided=1, date_voided="2024-01-06 08:00:00", **OLD)
    database.obs(11, obs_group_id=10, voided=1, date_voided="2024-01-06 08:00:00", **OLD)
    database.obs(3 * BLOCK + 50, previous_version=10, **OLD)
    opened = database_of(database, timezone="UTC")
    survey = full_survey(opened)
    database.obs(3 * BLOCK + 60)
    read = []

    def reading(connection, schema, ranges, *more):
        read.extend(ranges)
        return read_cells(connection, schema, ranges, *more)

    read_cells = survey_reading.read_cells
    monkeypatch.setattr(survey_reading, "read_cells", reading)
    tail = tail_survey(opened, survey)
    assert min(read)[0] >= survey.tail * BLOCK > 11
    assert tail.digests() == full_survey(opened).digests()


def test_tail_survey_of_an_empty_survey_finds_everything(openmrs_database, database_of):
    database = openmrs_database("2.5")
    opened = database_of(database)
    survey = full_survey(opened)
    assert survey.digests() == {} and survey.months() == [] and survey.max_row_id == 0
    database.many_obs(1, 30)
    pd.testing.assert_frame_equal(tail_survey(opened, survey).cells, full_survey(opened).cells)


def test_a_void_is_found_by_the_tail_where_date_voided_has_an_index(openmrs_database, database_of):
    database = openmrs_database("2.5", own=True)
    database.run("CREATE INDEX local_voided ON obs (date_voided)")
    database.obs(1)
    database.obs(9 * BLOCK)
    opened = database_of(database)
    survey = full_survey(opened)
    database.run("UPDATE obs SET voided = 1, date_voided = NOW() WHERE obs_id = 1")
    opened.hospital.__dict__["timezone"] = "UTC"
    assert tail_survey(opened, survey).digests() == full_survey(opened).digests() != survey.digests()


def below_the_tail(database):
    """Rows of two persons far below the newest ones."""
    database.persons(2, 3)
    for obs_id in (1, 2 * BLOCK):
        database.obs(obs_id, person_id=2)
        database.obs(obs_id + 1, person_id=3)
    database.many_obs(9 * BLOCK, 20)


@pytest.mark.parametrize("version", ["1.9.8", "2.8"])
@pytest.mark.parametrize("table", ["patient", "person"])
def test_a_patient_who_is_voided_is_found_by_the_tail(openmrs_database, database_of, version, table):
    database = openmrs_database(version)
    below_the_tail(database)
    opened = database_of(database, timezone="UTC")
    survey = full_survey(opened)
    for voided in {table, "patient"}:
        database.run(f"UPDATE {voided} SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE {voided}_id = 3")
    assert tail_survey(opened, survey).digests() == full_survey(opened).digests() != survey.digests()


@pytest.mark.parametrize("table", ["encounter", "visit"])
def test_an_encounter_that_is_voided_without_its_rows_is_found_by_the_tail(openmrs_database, database_of, table):
    database = openmrs_database("2.8")
    database.insert("visit", {"visit_id": 3, "uuid": "visit-3"})
    database.insert("encounter", {"encounter_id": 3, "uuid": "enc-3", "visit_id": 3})
    database.obs(1, encounter_id=3)
    database.obs(3 * BLOCK)
    opened = database_of(database, timezone="UTC")
    survey = full_survey(opened)
    database.run(f"UPDATE {table} SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE {table}_id = 3")
    assert tail_survey(opened, survey).digests() == full_survey(opened).digests() != survey.digests()


def test_a_merge_that_moved_rows_in_place_is_found_by_the_tail(openmrs_database, database_of):
    database = openmrs_database("2.1")
    below_the_tail(database)
    opened = database_of(database, timezone="UTC")
    survey = full_survey(opened)
    database.run("UPDATE obs SET person_id = 2 WHERE person_id = 3")
    database.insert(
        "person_merge_log",
        {"person_merge_log_id": 1, "winner_person_id": 2, "loser_person_id": 3, "merged_data": "", "uuid": "merge-1"}
        | {"date_created": datetime.now(UTC).replace(tzinfo=None)},
    )
    assert tail_survey(opened, survey).digests() == full_survey(opened).digests() != survey.digests()


def test_a_survey_of_the_tail_is_bounded_however_many_patients_were_merged_or_voided(
    openmrs_database, database_of, monkeypatch
):
    database = openmrs_database("2.8")
    below_the_tail(database)
    opened = database_of(database, timezone="UTC")
    survey = full_survey(opened)
    database.run("UPDATE patient SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE patient_id = 3")
    monkeypatch.setattr(changed_blocks, "MOST_CHANGED", 1)
    assert survey.digests() != tail_survey(opened, survey).digests() != full_survey(opened).digests()
