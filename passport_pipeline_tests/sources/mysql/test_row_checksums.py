import pandas as pd
import pytest

from passport_pipeline.core.digests import ROW_COLUMNS, Digest
from passport_pipeline.sources.mysql.survey import BLOCK
from passport_pipeline_tests.sources.inserting import CREATED, VERSIONS
from passport_pipeline_tests.sources.observing import full_survey, read_row_checksums

DAY = pd.Timestamp("2025-11-06").date()


def rows_of(opened, day=DAY):
    survey = full_survey(opened)
    cells = survey.cells[survey.cells["day"] == pd.Timestamp(day)]
    with opened.reading() as connection:
        return read_row_checksums(connection, opened.schema, cells, day), survey.digests().get(day, Digest())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_rows_of_a_day_fold_to_its_digest_in_every_version(openmrs_database, database_of, version):
    database = openmrs_database(version)
    database.obs(1, value_numeric=0.1)
    database.obs(2, value_text="a|b,c", voided=1)
    database.obs(3, obs_group_id=1, date_created="2025-12-31 23:59:59")
    database.obs(4, date_created="2025-11-07 00:00:00")
    database.obs(5, date_created="2025-11-05 23:59:59")
    database.obs(BLOCK * 3, value_text="far away")
    rows, digest = rows_of(database_of(database))
    assert rows["row_id"].tolist() == [1, 3, BLOCK * 3]
    assert Digest.of(rows["row_crc"].to_numpy()) == digest
    assert rows.dtypes.astype(str).to_dict() == ROW_COLUMNS


def test_rows_of_a_voided_patient_are_none(openmrs_database, database_of):
    database = openmrs_database("2.8")
    database.obs(1)
    database.run("UPDATE patient SET voided = 1")
    rows, _ = rows_of(database_of(database))
    assert rows.empty


def test_a_day_without_rows_is_an_empty_frame_of_the_same_kind(openmrs_database, database_of):
    rows, _ = rows_of(database_of(openmrs_database("2.8")))
    assert rows.empty
    assert rows.dtypes.astype(str).to_dict() == ROW_COLUMNS


def test_only_the_ranges_of_the_day_are_read(openmrs_database, database_of):
    database = openmrs_database("2.8")
    database.obs(1)
    opened = database_of(database)
    survey = full_survey(opened)
    database.obs(BLOCK * 9, date_created=CREATED)
    with opened.reading() as connection:
        rows = read_row_checksums(connection, opened.schema, survey.cells, DAY)
    assert rows["row_id"].tolist() == [1]
