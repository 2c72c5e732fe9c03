"""The digests of a survey: those of the rows as they are read, and changed by every change of a row."""

from contextlib import contextmanager

import pandas as pd
import pytest
import sqlalchemy as sa

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.sources.mysql.survey import cell_digests
from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS, read_observations
from passport_pipeline.sources.openmrs.observations.row_definition import NUMBERS_AND_DATES, TEXTS
from passport_pipeline_tests.sources.inserting import CREATED, VERSIONS
from passport_pipeline_tests.sources.mysql.difficult_rows import insert_difficult_rows
from passport_pipeline_tests.sources.observing import (
    full_survey,
    open_database,
    window_cells,
)

MONTH, DAY = "2025-11", pd.Timestamp("2025-11-06").date()


def extracted(opened, month=MONTH, batch_rows=20_000):
    """Every row of a month, and the digests that the window showed in the same snapshot."""
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        cells = window_cells(connection, opened.schema, survey, month)
        frames = list(read_observations(opened, connection, cells, batch_rows))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(), cell_digests(cells), survey


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_read_fold_to_the_digest_that_the_server_computed_in_every_version(openmrs_database, database_of, version):
    database = openmrs_database(version)
    insert_difficult_rows(database)
    rows, digests, survey = extracted(database_of(database))
    assert list(rows["obs_id"]) == [*range(1, 13), 15]
    assert {DAY: Digest.of(rows["row_crc"].to_numpy())} == digests == survey.digests()
    assert survey.outside("2005-01", "2030-01") == 1  # the one with the zero date
    assert rows.dtypes.astype(str).to_dict() == OBSERVATION_COLUMNS


def test_the_demo_database_folds_to_its_digest(demo_database, database_of):
    opened = database_of(demo_database)
    survey = full_survey(opened)
    assert survey.months() == ["2014-07"]
    rows, digests, _ = extracted(opened, "2014-07", batch_rows=1_000)
    assert len(rows) == 7632 == survey.cells["live"].sum()
    assert {pd.Timestamp("2014-07-17").date(): Digest.of(rows["row_crc"].to_numpy())} == digests


def test_text_columns_of_any_character_set_and_collation_are_read_and_folded_alike(openmrs_database, database_of):
    database = openmrs_database("2.1", own=True)
    database.run(
        "ALTER TABLE obs MODIFY value_text text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, "
        "MODIFY comments varchar(255) CHARACTER SET latin1 COLLATE latin1_swedish_ci, "
        "MODIFY accession_number varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )
    database.obs(1, value_text="😀 ok 🩺", comments="Café à la carte", accession_number="Ω-😀")
    rows, digests, _ = extracted(database_of(database))
    assert rows.loc[0, ["value_text", "comments", "accession_number"]].tolist() == [
        "😀 ok 🩺",
        "Café à la carte",
        "Ω-😀",
    ]
    assert digests == {DAY: Digest.of(rows["row_crc"].to_numpy())}


CHANGES = {
    "obs": {
        "person_id": 2,
        "encounter_id": 2,
        "obs_datetime": "2025-11-06 10:30:01",
        "obs_group_id": 3,
        "date_created": "2025-11-06 10:30:01",
        "status": "AMENDED",
    },
    "encounter": {"encounter_datetime": "2025-11-06 10:30:01"},
    "person": {"birthdate": "1999-01-01", "gender": "F", "birthdate_estimated": 1},
    "obs_reference_range": {},
}


@pytest.mark.parametrize(
    ("table", "column"),
    sorted({(table, column) for _, table, column in (*NUMBERS_AND_DATES, *TEXTS)} - {("obs", "obs_id")}),
)
def test_a_change_in_place_of_any_column_that_is_read_changes_the_digest(changing, table, column):
    database, digests = changing
    assert database.has(table, column)
    before = digests()
    value = CHANGES[table].get(column, "x" if column in {c for _, _, c in TEXTS} else 77)
    with database.changed(table, column, value):
        assert digests() != before
    assert digests() == before


class Changing:
    """The database of one observation with everything beside it."""

    def __init__(self, database):
        self.database = database

    def has(self, table, column):
        with self.database.session() as connection:
            return bool(connection.exec_driver_sql(f"SHOW COLUMNS FROM {table} LIKE '{column}'").all())

    @contextmanager
    def changed(self, table, column, value):
        """A column of row 1 at another value, for a while."""
        with self.database.session() as connection:
            old = connection.execute(sa.text(f"SELECT `{column}` FROM {table} WHERE {table}_id = 1")).scalar()
        update = f"UPDATE {table} SET `{column}` = :value WHERE {table}_id = 1"
        self.database.run(update, value=value)
        yield
        self.database.run(update, value=old)


@pytest.fixture(scope="module")
def changing_database(openmrs_database):
    database = openmrs_database("2.8", own=True)
    database.run("ALTER TABLE obs ADD COLUMN value_boolean tinyint(1) NULL")
    database.persons(2)
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1", "encounter_datetime": CREATED, "visit_id": 1})
    database.insert("visit", {"visit_id": 1, "uuid": "visit-1"})
    database.insert("encounter", {"encounter_id": 2, "uuid": "enc-2", "encounter_datetime": CREATED})
    database.insert(
        "encounter_provider",
        {
            "encounter_provider_id": 1,
            "encounter_id": 1,
            "provider_id": 7,
            "encounter_role_id": 1,
            "uuid": "ep-1",
        },
    )
    database.obs(1, encounter_id=1)
    database.insert("obs_reference_range", {"obs_reference_range_id": 1, "obs_id": 1})
    database.obs(3)
    return database


@pytest.fixture(scope="module")
def changing(changing_database, readonly_url):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHANGING_URL", readonly_url(changing_database.name))
        hospital = Hospital(key="changing", name="Changing", url_env="CHANGING_URL", timezone="UTC")
        with open_database(hospital, Settings()) as opened:
            yield Changing(changing_database), lambda: full_survey(opened).digests()


@pytest.mark.parametrize(("table", "column"), [("provider_id", 8), ("encounter_role_id", 2), ("voided", 1)])
def test_a_change_of_the_encounters_providers_changes_the_digest(changing, table, column):
    database, digests = changing
    before = digests()
    old = {"provider_id": 7, "encounter_role_id": 1, "voided": 0}[table]
    database.database.run(f"UPDATE encounter_provider SET {table} = :value", value=column)
    assert digests() != before
    database.database.run(f"UPDATE encounter_provider SET {table} = :value", value=old)
    assert digests() == before


def test_a_value_that_moves_to_the_next_column_and_an_empty_text_that_becomes_null_change_the_digest(
    changing,
):
    database, digests = changing
    seen = [digests()]
    for values in (
        "value_coded = 5, value_drug = NULL",
        "value_coded = NULL, value_drug = 5",
        "value_drug = NULL, value_text = 'x', comments = NULL",
        "value_text = NULL, comments = 'x'",
        "value_text = NULL, comments = ''",
        "value_text = '', comments = NULL",
        "value_text = '1=x|', comments = NULL",
    ):
        database.database.run(f"UPDATE obs SET {values} WHERE obs_id = 1")
        seen.append(digests())
    assert all(seen.count(digests_of_day) == 1 for digests_of_day in seen)
    database.database.run("UPDATE obs SET value_text = NULL WHERE obs_id = 1")
    assert digests() == seen[0]


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("UPDATE obs SET voided = 1 WHERE obs_id = 1", "UPDATE obs SET voided = 0 WHERE obs_id = 1"),
        (
            "UPDATE person SET voided = 1 WHERE person_id = 1",
            "UPDATE person SET voided = 0 WHERE person_id = 1",
        ),
        (
            "UPDATE patient SET voided = 1 WHERE patient_id = 1",
            "UPDATE patient SET voided = 0 WHERE patient_id = 1",
        ),
        (
            "UPDATE encounter SET voided = 1 WHERE encounter_id = 1",
            "UPDATE encounter SET voided = 0 WHERE encounter_id = 1",
        ),
        (
            "UPDATE visit SET voided = 1 WHERE visit_id = 1",
            "UPDATE visit SET voided = 0 WHERE visit_id = 1",
        ),
    ],
)
def test_void_and_unvoid_of_what_a_row_belongs_to_change_the_digest_and_back(changing, change, undo):
    database, digests = changing
    before = digests()
    database.database.run(change)
    assert digests().get(DAY, Digest()).live < before[DAY].live
    database.database.run(undo)
    assert digests() == before


def test_an_encounter_that_becomes_another_patients_changes_the_digest_and_its_rows_say_so(
    openmrs_database, database_of
):
    database = openmrs_database("2.8")
    database.persons(2)
    for number in (1, 2):
        database.insert("encounter", {"encounter_id": number, "uuid": f"enc-{number}"})
        database.obs(number, encounter_id=number)
    opened = database_of(database)
    before = full_survey(opened).digests()
    database.run("UPDATE encounter SET patient_id = 2 WHERE encounter_id = 2")
    rows, digests, survey = extracted(opened)
    assert rows["encounter_patient_id"].fillna(0).tolist() == [0, 2]
    assert digests == survey.digests() == {DAY: Digest.of(rows["row_crc"].to_numpy())}
    assert digests != before
    assert digests[DAY].live == before[DAY].live


def test_two_providers_of_one_encounter_who_change_places_change_the_digest(openmrs_database, database_of):
    database = openmrs_database("2.8")
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1"})
    for number in (1, 2):
        entry = {"encounter_id": 1, "provider_id": number, "uuid": f"ep-{number}", "voided": 0}
        database.insert("encounter_provider", {"encounter_provider_id": number} | entry)
    database.obs(1, encounter_id=1)
    opened = database_of(database)
    before = full_survey(opened).digests()
    database.run("UPDATE encounter_provider SET provider_id = 3 - provider_id")
    rows, digests, _ = extracted(opened)
    assert rows["providers"].str.startswith("2:").all()
    assert digests == {DAY: Digest.of(rows["row_crc"].to_numpy())}
    assert digests != before


def test_a_purged_row_changes_the_digest(openmrs_database, database_of):
    database = openmrs_database("2.3")
    database.obs(1)
    database.obs(2)
    opened = database_of(database)
    before = full_survey(opened).digests()
    database.run("DELETE FROM obs WHERE obs_id = 1")
    assert full_survey(opened).digests() != before


def test_a_row_of_a_person_without_patient_is_live_and_one_of_no_person_is_not(openmrs_database, database_of):
    database = openmrs_database("2.3")
    database.persons(5, patients=False)
    database.obs(1, person_id=5)
    database.obs(2, person_id=404)
    assert full_survey(database_of(database)).cells[["rows", "live"]].sum().tolist() == [2, 1]
