import pytest

from passport_pipeline.sources.openmrs.schema import Schema, degraded, version_of
from passport_pipeline.sources.openmrs.tables import drug, obs
from passport_pipeline_tests.sources.inserting import VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_is_told_by_its_columns(openmrs_database, database_of, version):
    # 2.8 added no column to 2.7, and 1.9.8 none to 1.9.
    expected = {"2.8": "2.7", "1.9.8": "1.9"}.get(version, version)
    schema = database_of(openmrs_database(version)).schema
    assert version_of(schema) == expected
    assert schema.has_index("obs", "obs_id") and not schema.has_index("obs", "date_created")


def test_what_an_old_version_lacks_is_a_warning_and_a_new_one_has_none(openmrs_database, database_of):
    old = " ".join(degraded(database_of(openmrs_database("1.9.8")).schema))
    assert "obs.interpretation" in old and "obs.status" in old
    assert degraded(database_of(openmrs_database("2.8")).schema) == []


def test_the_probe_is_one_statement(openmrs_database, database_of):
    opened = database_of(openmrs_database("2.5"))
    assert opened.statements == 0  # it ran before counting began
    assert opened.schema.has("obs") and not opened.schema.has("nothing")


def test_a_missing_column_is_null_of_its_type():
    schema = Schema(frozenset({("obs", "obs_id")}))
    assert str(schema.column(obs.alias("o"), "obs_id")) == "o.obs_id"
    assert str(schema.column(obs.alias("o"), "status")) == "NULL"
    assert str(schema.column(drug, "strength").type) == str(drug.c.strength.type)
