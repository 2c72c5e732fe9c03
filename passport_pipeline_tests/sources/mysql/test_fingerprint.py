"""A database that was restored from a backup is known by its ids; a purge is none."""

import pytest

from passport_pipeline.sources.mysql.fingerprint import NEWEST, SPREAD, Fingerprint
from passport_pipeline_tests.sources.observing import holders, read_fingerprint, replaced

WITHOUT_COUNTER = "ALTER TABLE obs MODIFY obs_id int NOT NULL"


@pytest.fixture(scope="module", params=["AUTO_INCREMENT is shown", "no AUTO_INCREMENT"])
def database(request, openmrs_database):
    database = openmrs_database("2.3", own=True)
    if request.param.startswith("no"):
        database.run(WITHOUT_COUNTER)
    return database


@pytest.fixture
def opened(database, database_of):
    """A hospital of 200 rows, with the ids 1 to 200."""
    database.clear()
    database.persons(1)
    database.many_obs(1, 200)
    yield database_of(database)
    database.run("DELETE FROM obs")
    database.run("ALTER TABLE obs AUTO_INCREMENT = 1")


def remembered(opened, stored=None):
    with opened.reading() as connection:
        return read_fingerprint(connection, opened.schema, stored)


def why(opened, stored):
    with opened.reading() as connection:
        return replaced(connection, opened.schema, stored)


def restore(database, last):
    """The backup was taken when `last` was the newest row."""
    database.run("DELETE FROM obs WHERE obs_id > :last", last=last)
    database.run("ALTER TABLE obs AUTO_INCREMENT = 1")


def test_the_newest_rows_and_some_of_all_the_table_are_remembered(opened):
    stored = remembered(opened)
    assert stored.highest == 200
    assert set(range(200 - NEWEST + 1, 201)) <= stored.anchors.keys()
    assert len(stored.anchors) > NEWEST + SPREAD // 2 and min(stored.anchors) == 1
    assert stored.anchors[200] == "obs-200"
    assert Fingerprint.from_json(stored.to_json()) == stored


def test_a_database_that_goes_on_is_the_same(database, opened):
    stored = remembered(opened)
    assert why(opened, stored) is None
    database.many_obs(201, 50)
    database.run("UPDATE obs SET voided = 1, value_numeric = 3 WHERE obs_id > 100")
    assert why(opened, stored) is None
    assert remembered(opened, stored).highest == 250


def test_a_purge_of_the_newest_rows_is_no_restored_backup(database, opened):
    stored = remembered(opened)
    database.run("DELETE FROM obs WHERE obs_id > 190")
    assert why(opened, stored) is None
    after = remembered(opened, stored)
    assert (after.highest, max(after.anchors)) == (200, 190)
    assert why(opened, after) is None


def test_a_purge_of_more_rows_than_are_remembered_is_none_where_the_counter_tells(openmrs_database, database_of):
    database = openmrs_database("2.5", own=True)
    database.many_obs(1, 200)
    opened = database_of(database)
    stored = remembered(opened)
    database.run("DELETE FROM obs")
    assert why(opened, stored) is None
    database.many_obs(201, 5)
    assert why(opened, stored) is None


def test_a_restored_backup_is_detected_before_an_id_is_given_out_again(database, opened):
    stored = remembered(opened)
    restore(database, 150)
    assert "200 was there already" in why(opened, stored)


@pytest.mark.parametrize("new", [5, 120], ids=["fewer new rows than were lost", "more"])
def test_a_restored_backup_is_detected_after_ids_were_given_out_again(database, opened, new):
    stored = remembered(opened)
    restore(database, 150)
    database.many_obs(151, new)
    database.run("UPDATE obs SET uuid = CONCAT('other-', obs_id) WHERE obs_id > 150")
    reason = why(opened, stored)
    assert reason is not None
    assert "another uuid" in reason or "was there already" in reason
    if new > 50:
        assert "another uuid" in reason


def test_an_empty_hospital_can_become_anything(openmrs_database, database_of):
    database = openmrs_database("2.5")
    opened = database_of(database)
    stored = remembered(opened)
    assert stored == Fingerprint(0, {}) and why(opened, stored) is None
    database.many_obs(1, 3)
    assert why(opened, stored) is None


def held(opened, **others):
    with opened.reading() as connection:
        return holders(connection, opened.schema, others)


def test_a_database_holds_what_is_remembered_of_it_whatever_came_and_went_since(database, opened):
    stored = remembered(opened)
    strange = Fingerprint(200, {obs_id: f"other-{obs_id}" for obs_id in stored.anchors})
    assert held(opened, central=stored, north=strange, empty=Fingerprint(0, {})) == ["central"]
    database.many_obs(201, 100)
    database.run("DELETE FROM obs WHERE obs_id BETWEEN 150 AND 250")
    assert held(opened, central=stored, north=strange) == ["central"]
    assert held(opened) == []


def test_of_two_databases_that_began_as_copies_and_went_on_apart_none_holds_the_other(opened):
    stored = remembered(opened)
    apart = Fingerprint(200, stored.anchors | {200: "typed-elsewhere"})
    assert held(opened, north=apart) == []


def test_it_costs_a_few_statements_whatever_the_hospital_holds(database, opened):
    stored = remembered(opened)
    before = opened.statements
    why(opened, stored)
    remembered(opened, stored)
    assert opened.statements - before <= 6
