"""Our tables against real ones, and on a real server."""

import pytest
import sqlalchemy as sa

from passport_sample.loading import create_schema
from passport_sample.schema import columns, has, tables

KEYS = {"primary": "PRI", "unique": "UNI", "key": "MUL", "": ""}
# In that one database the migrations had lost the unique keys of two tables.
LOST = {("1.9", "concept_reference_source", "uuid"), ("1.9", "concept_reference_map", "uuid")}


def described(admin: sa.Engine, database: str) -> dict[str, dict[str, tuple[str, bool, str]]]:
    statement = sa.text(
        "SELECT table_name, column_name, column_type, is_nullable = 'YES', column_key"
        " FROM information_schema.columns WHERE table_schema = :database"
    )
    found: dict[str, dict[str, tuple[str, bool, str]]] = {}
    with admin.connect() as connection:
        for table, column, kind, null, key in connection.execute(statement, {"database": database}):
            found.setdefault(table, {})[column] = kind, bool(null), key
    return found


def ours(version: str, table: str) -> dict[str, tuple[str, bool, str]]:
    return {each.name: (each.type, each.null, KEYS[each.index]) for each in columns(version, table)}


@pytest.mark.parametrize(
    ("version", "dump"),
    [(v, f"schema-{'1.9.8' if v == '1.9' else v}") for v in ("1.9", "2.1", "2.3", "2.8")],
)
def test_columns_types_and_keys_are_those_of_a_real_database(mariadb_admin, openmrs_dump, version, dump):
    real = described(mariadb_admin, openmrs_dump(dump))
    for table in tables(version):
        made = ours(version, table)
        assert made.keys() == real[table].keys(), table
        for column, told in made.items():
            if (version, table, column) not in LOST:
                assert (column, *told) == (column, *real[table][column]), table


@pytest.mark.parametrize("version", ["1.9.0", "2.6", "2.9"])
def test_a_server_takes_the_tables_of_every_version(mariadb_admin, make_database, version):
    database = make_database(f"schema_{version}")
    create_schema(mariadb_admin, database, version, charset="utf8mb3", latin1=True)
    made = described(mariadb_admin, database)
    assert made.keys() == set(tables(version))
    assert all(made[table] == ours(version, table) for table in made)


def test_versions_differ_where_readers_must_branch():
    assert has("1.9", "obs", "value_boolean")
    assert not has("2.1", "obs", "value_boolean")
    assert has("1.9.0", "encounter", "provider_id")
    assert not has("1.9.0", "obs", "previous_version")
    assert "encounter_provider" not in tables("1.9.0")
    assert "encounter_provider" in tables("1.9")
    assert has("2.1", "obs", "interpretation")
    assert not has("1.9", "obs", "status")
    assert has("2.1", "concept_numeric", "precise")
    assert has("2.2", "concept_numeric", "allow_decimal")
    assert not has("1.9", "concept_numeric", "display_precision")


def test_a_version_that_never_was_is_refused():
    with pytest.raises(ValueError, match="no such version"):
        tables("7.0")
    with pytest.raises(KeyError, match="encounter_provider"):
        columns("1.9.0", "encounter_provider")


def test_a_charset_that_is_not_meant_is_refused(mariadb_admin, make_database):
    with pytest.raises(ValueError, match="koi8r"):
        create_schema(mariadb_admin, make_database("charset"), "2.8", charset="koi8r")
