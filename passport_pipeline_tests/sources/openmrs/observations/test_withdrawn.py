"""Rows that are not live because of what they belong to."""

import pytest

from passport_pipeline.sources.openmrs.observations.withdrawn import withdrawn_rows
from passport_pipeline_tests.sources.inserting import VERSIONS
from passport_pipeline_tests.sources.observing import full_survey


def counted(opened):
    with opened.reading() as connection:
        return withdrawn_rows(connection, opened.schema)


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_whose_patient_encounter_or_visit_is_gone_are_counted_by_reason(openmrs_database, database_of, version):
    database = openmrs_database(version)
    database.persons(2, 3, 4)
    database.obs(1)
    database.obs(2, person_id=2)
    database.obs(3, person_id=3)
    database.obs(4, person_id=3, voided=1)
    database.run("UPDATE patient SET voided = 1 WHERE patient_id = 2")
    database.run("UPDATE person SET voided = 1 WHERE person_id = 3")
    merge = {
        "person_merge_log_id": 1,
        "winner_person_id": 1,
        "loser_person_id": 3,
        "merged_data": "",
        "uuid": "merge-1",
    }
    database.insert("person_merge_log", merge)
    database.insert("visit", {"visit_id": 1, "uuid": "visit-1", "voided": 1})
    for number, more in enumerate(({"voided": 1}, {"visit_id": 1}, {}, {"voided": 1, "visit_id": 1}), start=1):
        database.insert("encounter", {"encounter_id": number, "uuid": f"enc-{number}"} | more)
        database.obs(number + 10, encounter_id=number)
    database.obs(20, person_id=2, encounter_id=1)
    opened = database_of(database)
    assert counted(opened) == {"merged_away": 1, "voided_patient": 2, "voided_encounter": 2, "voided_visit": 1}
    survey = full_survey(opened)
    assert survey.cells["live"].sum() == 2  # rows 1 and 13


def test_where_nothing_is_gone_nothing_is_counted(openmrs_database, database_of):
    database = openmrs_database("2.8")
    database.obs(1)
    assert counted(database_of(database)) == {}
