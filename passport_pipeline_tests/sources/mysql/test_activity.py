"""A hospital's activity changes with every commit, and with nothing else."""

import time
from dataclasses import replace

import pytest

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.sources.mysql import activity as activities
from passport_pipeline.sources.openmrs.source import WATCHED
from passport_pipeline_tests.sources.observing import open_database, read_activity


@pytest.fixture(scope="module")
def beating(openmrs_database, readonly_url):
    """A hospital with a few rows, and the same opened."""
    database = openmrs_database("2.5", own=True)
    database.persons(2)
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1"})
    database.many_obs(1, 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEATING_URL", readonly_url(database.name))
        hospital = Hospital(key="beating", name="Beating", url_env="BEATING_URL", timezone="UTC")
        with open_database(hospital, Settings()) as opened:
            yield database, opened


@pytest.fixture
def settled(beating, monkeypatch):
    """settled() -> the activity of a hospital at which nothing was written in this second."""
    # The server notes times by a clock that may be some milliseconds behind that of its statements.
    monkeypatch.setattr(activities, "SETTLED", 2)

    def wait():
        while not (activity := read(beating[1])).unchanged_since(activity):
            time.sleep(0.05)
        return activity

    return wait


def read(opened):
    with opened.reading() as connection:
        return read_activity(connection, opened.schema)


HAPPENINGS = {
    "insert": "INSERT INTO obs (obs_id, person_id, concept_id, obs_datetime, creator, date_created, uuid) "
    "VALUES (99, 1, 1, NOW(), 1, NOW(), UUID())",
    "void": "UPDATE obs SET voided = 1, date_voided = NOW() WHERE obs_id = 3",
    "change in place": "UPDATE obs SET value_numeric = 99 WHERE obs_id = 4",
    "purge": "DELETE FROM obs WHERE obs_id = 5",
    "encounter": "UPDATE encounter SET encounter_datetime = NOW() WHERE encounter_id = 1",
    "provider": "INSERT INTO encounter_provider (encounter_id, provider_id, encounter_role_id, creator, date_created, "
    "uuid) VALUES (1, 7, 1, 1, NOW(), UUID())",
    "visit": "INSERT INTO visit (visit_id, patient_id, visit_type_id, date_started, creator, date_created, uuid) "
    "VALUES (9, 1, 1, NOW(), 1, NOW(), UUID())",
    "patient": "UPDATE patient SET voided = 1 WHERE patient_id = 2",
    "person": "UPDATE person SET voided = 1 WHERE person_id = 2",
    "merge": "INSERT INTO person_merge_log (winner_person_id, loser_person_id, merged_data, creator, date_created, "
    "uuid) VALUES (1, 2, '', 1, NOW(), UUID())",
}


@pytest.mark.parametrize("happening", HAPPENINGS)
def test_whatever_is_committed_changes_the_activity(beating, settled, happening):
    database, opened = beating
    before = settled()
    assert read(opened).unchanged_since(before)
    database.run(HAPPENINGS[happening])
    assert not read(opened).unchanged_since(before)


def test_a_transaction_moves_it_when_it_is_committed_however_long_it_was_open(beating, settled):
    database, opened = beating
    with database.session() as connection:
        connection.exec_driver_sql("UPDATE obs SET voided = 1 WHERE obs_id = 6")
        before = settled()
        assert read(opened).unchanged_since(before)
    assert not read(opened).unchanged_since(before)


def test_what_was_written_just_before_a_look_may_be_seen_by_others_only_after_it(beating, settled):
    _, opened = beating
    last = max(at for at in settled().written.values() if at)
    now = read(opened)
    assert not now.unchanged_since(replace(now, at=last + activities.SETTLED - 1))
    assert now.unchanged_since(replace(now, at=last + activities.SETTLED))


def test_every_table_that_decides_about_rows_counts(beating):
    _, opened = beating
    assert set(read(opened).written) == {table for table in WATCHED if opened.schema.has(table)}


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE patient ENGINE=Aria TRANSACTIONAL=0", "RENAME TABLE patient TO people", "ALTER TABLE obs FORCE"],
    ids=["another engine", "a view", "no time known"],
)
def test_where_the_server_does_not_know_it_there_is_no_activity(openmrs_database, database_of, change):
    database = openmrs_database("2.3", own=True)
    database.obs(1)
    assert read(database_of(database)) is not None
    database.run(change)
    if "RENAME" in change:
        database.run("CREATE VIEW patient AS SELECT * FROM people")
    assert read(database_of(database)) is None
