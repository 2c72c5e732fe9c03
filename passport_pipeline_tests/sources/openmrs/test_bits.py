"""Flags that are BIT(1), as Hibernate makes them where it makes the tables, and not TINYINT."""

import pytest

from passport_pipeline.sources.openmrs.schema import Schema
from passport_pipeline.sources.openmrs.tables import metadata, obs
from passport_pipeline_tests.sample.conftest import small
from passport_pipeline_tests.sources.reading import assert_same, everything
from passport_sample.loading import engine_of, load

FLAGS = {"voided", "retired", "preferred", "locale_preferred", "value_boolean", "precise", "allow_decimal"}


def turn_into_bits(admin, database):
    """Alter every flag that is read; returns them as (table, column)."""
    engine = engine_of(admin, database)
    flag_columns = (
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = DATABASE() "
        "AND data_type = 'tinyint'"
    )
    altered = set()
    with engine.connect() as connection:
        for table, column, null in connection.exec_driver_sql(flag_columns).all():
            if table in metadata.tables and column in FLAGS:
                kind = "BIT(1) NULL" if null == "YES" else "BIT(1) NOT NULL DEFAULT b'0'"
                connection.exec_driver_sql(f"ALTER TABLE `{table}` MODIFY `{column}` {kind}")
                altered.add((table, column))
    engine.dispose()
    return altered


@pytest.mark.parametrize("version", ["1.9", "2.8"])
def test_flags_that_are_bits_are_read_as_if_they_were_numbers(mariadb_admin, make_database, database_of, version):
    database, hospital = make_database("bits"), small(version)
    if "value_boolean" in hospital.tables["obs"]:
        hospital.tables["obs"].loc[::3, "value_boolean"] = 1
        hospital.tables["obs"].loc[1::3, "value_boolean"] = 0
    load(mariadb_admin, database, hospital)
    options = {"locales": hospital.spec.locales, "national_id_types": hospital.spec.national_id_types}
    opened = database_of(database, **options)
    expected = everything(opened)
    assert opened.schema.bits == frozenset()
    opened.engine.dispose()
    altered = turn_into_bits(mariadb_admin, database)
    opened = database_of(database, **options)
    assert {column for _, column in altered} >= {"voided", "retired", "preferred", "locale_preferred"}
    assert opened.schema.bits == altered
    assert_same(everything(opened), expected)


def test_a_bit_is_read_as_a_number_whatever_the_table_is_called():
    schema = Schema(frozenset({("obs", "voided")}), bits=frozenset({("obs", "voided")}))
    assert str(schema.column(obs.alias("o"), "voided")) == "o.voided + 0"
    assert str(schema.column(obs, "voided")) == "obs.voided + 0"
