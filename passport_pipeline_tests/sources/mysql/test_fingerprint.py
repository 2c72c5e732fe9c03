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
def source(database, database_of):
    """A hospital of 200 rows, with the ids 1 to 200."""
    database.clear()
    database.persons(1)
    database.many_obs(1, 200)
    yield database_of(database)
    database.run("DELETE FROM obs")
    database.run("ALTER TABLE obs AUTO_INCREMENT = 1")


def remembered(source, known=None):
    with source.reading() as connection:
        return read_fingerprint(connection, source.schema, known)


def why(source, known):
    with source.reading() as connection:
        return replaced(connection, source.schema, known)


def restore(database, last):
    """The backup was taken when `last` was the newest row."""
    database.run("DELETE FROM obs WHERE obs_id > :last", last=last)
    database.run("ALTER TABLE obs AUTO_INCREMENT = 1")


def test_the_newest_rows_and_some_of_all_the_table_are_remembered(source):
    lineage = remembered(source)
    assert lineage.highest == 200
    assert set(range(200 - NEWEST + 1, 201)) <= lineage.anchors.keys()
    assert len(lineage.anchors) > NEWEST + SPREAD // 2 and min(lineage.anchors) == 1
    assert lineage.anchors[200] == "obs-200"
    assert Fingerprint.from_json(lineage.to_json()) == lineage


def test_a_database_that_goes_on_is_the_same(database, source):
    lineage = remembered(source)
    assert why(source, lineage) is None
    database.many_obs(201, 50)
    database.run("UPDATE obs SET voided = 1, value_numeric = 3 WHERE obs_id > 100")
    assert why(source, lineage) is None
    assert remembered(source, lineage).highest == 250


def test_a_purge_of_the_newest_rows_is_no_restored_backup(database, source):
    lineage = remembered(source)
    database.run("DELETE FROM obs WHERE obs_id > 190")
    assert why(source, lineage) is None
    after = remembered(source, lineage)
    assert (after.highest, max(after.anchors)) == (200, 190)
    assert why(source, after) is None


def test_a_purge_of_more_rows_than_are_remembered_is_none_where_the_counter_tells(openmrs_database, database_of):
    database = openmrs_database("2.5", own=True)
    database.many_obs(1, 200)
    source = database_of(database)
    lineage = remembered(source)
    database.run("DELETE FROM obs")
    assert why(source, lineage) is None
    database.many_obs(201, 5)
    assert why(source, lineage) is None


def test_a_restored_backup_is_told_before_an_id_is_given_out_again(database, source):
    lineage = remembered(source)
    restore(database, 150)
    assert "200 was there already" in why(source, lineage)


@pytest.mark.parametrize("new", [5, 120], ids=["fewer new rows than were lost", "more"])
def test_a_restored_backup_is_told_after_ids_were_given_out_again(database, source, new):
    lineage = remembered(source)
    restore(database, 150)
    database.many_obs(151, new)
    database.run("UPDATE obs SET uuid = CONCAT('other-', obs_id) WHERE obs_id > 150")
    told = why(source, lineage)
    assert told is not None
    assert "another uuid" in told or "was there already" in told
    if new > 50:
        assert "another uuid" in told


def test_an_empty_hospital_can_become_anything(openmrs_database, database_of):
    database = openmrs_database("2.5")
    source = database_of(database)
    lineage = remembered(source)
    assert lineage == Fingerprint(0, {}) and why(source, lineage) is None
    database.many_obs(1, 3)
    assert why(source, lineage) is None


def held(source, **others):
    with source.reading() as connection:
        return holders(connection, source.schema, others)


def test_a_database_holds_what_is_remembered_of_it_whatever_came_and_went_since(database, source):
    known = remembered(source)
    strange = Fingerprint(200, {obs_id: f"other-{obs_id}" for obs_id in known.anchors})
    assert held(source, central=known, north=strange, empty=Fingerprint(0, {})) == ["central"]
    database.many_obs(201, 100)
    database.run("DELETE FROM obs WHERE obs_id BETWEEN 150 AND 250")
    assert held(source, central=known, north=strange) == ["central"]
    assert held(source) == []


def test_of_two_databases_that_began_as_copies_and_went_on_apart_none_holds_the_other(source):
    known = remembered(source)
    apart = Fingerprint(200, known.anchors | {200: "typed-elsewhere"})
    assert held(source, north=apart) == []


def test_it_costs_a_few_statements_whatever_the_hospital_holds(database, source):
    lineage = remembered(source)
    before = source.statements
    why(source, lineage)
    remembered(source, lineage)
    assert source.statements - before <= 6
