import pytest

from passport_pipeline.sources.openmrs.schema import Schema
from passport_pipeline.sources.openmrs.tables import drug, obs
from passport_pipeline_tests.sources.inserting import VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_is_told_by_its_columns(openmrs_database, open_source, version):
    # 2.8 added no column to 2.7, and 1.9.8 none to 1.9.
    expected = {"2.8": "2.7", "1.9.8": "1.9"}.get(version, version)
    schema = open_source(openmrs_database(version)).schema
    assert schema.version == expected
    assert schema.has_index("obs", "obs_id") and not schema.has_index("obs", "date_created")


def test_what_an_old_version_lacks_is_a_warning_and_a_new_one_has_none(openmrs_database, open_source):
    old = " ".join(open_source(openmrs_database("1.9.8")).schema.warnings())
    assert "obs.interpretation" in old and "obs.status" in old
    assert open_source(openmrs_database("2.8")).schema.warnings() == []


def test_the_probe_is_one_statement(openmrs_database, open_source):
    source = open_source(openmrs_database("2.5"))
    assert source.statements == 0  # it ran before counting began
    assert source.schema.has("obs") and not source.schema.has("nothing")


def test_a_missing_column_is_null_of_its_type():
    schema = Schema(frozenset({("obs", "obs_id")}))
    assert str(schema.column(obs.alias("o"), "obs_id")) == "o.obs_id"
    assert str(schema.column(obs.alias("o"), "status")) == "NULL"
    assert str(schema.column(drug, "strength").type) == str(drug.c.strength.type)
