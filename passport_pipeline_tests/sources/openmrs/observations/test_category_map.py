"""What observations become, against the map of OpenMRS's own FHIR module (fhir2) from classes to categories.

fhir2 (liquibase, `add_default_observation_categories_20200930`) calls observations of class Test laboratory, of class
Procedure procedure and of class Finding exam, and gives those of any other class no category.
"""

import pytest

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.sources.openmrs.observations.categories import categorise
from passport_pipeline_tests.sources.observing import open_database
from passport_pipeline_tests.sources.openmrs.observations.whole_hospitals import read_all
from passport_sample.generator import DEMO, generate
from passport_sample.loading import load

OF_CLASS = {"Test": "laboratory", "Procedure": "procedure", "Finding": "exam"}
# A finding is no laboratory's result, but a number that was found in a patient stands among the tests.
SAME = {"laboratory": {"test", "image"}, "procedure": {"visit", "test", "image"}, "exam": {"visit", "test"}}

DISAGREEING = {
    "PROBLEM LIST": "its mapping says that it is the coded diagnosis; fhir2 reads its class alone, Finding",
    "DIAGNOSIS LIST": "the same concept in later dictionaries",
}
"""By question, why something else than in fhir2 is right."""

ANSWERED = """
INSERT INTO obs (person_id, concept_id, obs_datetime, date_created, creator, voided, uuid, value_numeric, value_text,
    value_coded)
SELECT (SELECT MIN(person_id) FROM person WHERE voided = 0), concept_id, NOW(), NOW(), 1, 0, UUID(),
    IF(hl7_abbreviation = 'NM', 1, NULL), IF(hl7_abbreviation = 'ST', 'As it was in May', NULL),
    IF(hl7_abbreviation = 'CWE', (
        SELECT MIN(concept_id) FROM concept JOIN concept_class ON class_id = concept_class_id WHERE name = 'Misc'
    ), NULL)
FROM concept JOIN concept_datatype ON datatype_id = concept_datatype_id
WHERE hl7_abbreviation IN ('NM', 'ST', 'CWE') AND concept.retired = 0
"""
"""A row for each concept that can be a question, answered with what says nothing by itself."""


@pytest.fixture(params=["demo-1.9", *(spec.key for spec in DEMO)])
def database(request, openmrs_dump, mariadb_admin, make_database):
    """A database that OpenMRS wrote, and generated ones, with an answer to each of their questions."""
    if request.param == "demo-1.9":
        name = openmrs_dump(request.param)
    else:
        spec = next(spec for spec in DEMO if spec.key == request.param)
        name = make_database(f"category_map_{spec.key}")
        load(mariadb_admin, name, generate(spec, patients=3))
    with mariadb_admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{name}`")
        connection.exec_driver_sql(ANSWERED)
    return name


def test_questions_become_what_fhir2_calls_them_but_for_those_listed(database, readonly_url, monkeypatch):
    monkeypatch.setenv("MAPPED_URL", readonly_url(database))
    hospital = Hospital(key="mapped", name="Mapped Hospital", url_env="MAPPED_URL", timezone="Africa/Kigali")
    with open_database(hospital, Settings()) as source:
        rows, lookups = read_all(source)
    concepts = lookups.concepts.concepts.set_index("concept_id")
    decided = categorise(rows, lookups.concepts).assign(
        called=rows["concept_id"].map(concepts["concept_class"]).map(OF_CLASS),
        question=rows["concept_id"].map(concepts["name"]),
    )
    valued = rows.filter(regex="^value_(?!modifier)").notna().any(axis=1)
    became = decided[valued].dropna(subset="called").groupby(["question", "called"])["category"].agg(set).reset_index()
    others = {
        question
        for question, called, categories in became.itertuples(index=False)
        if not categories <= SAME[called] and question not in DISAGREEING
    }
    assert len(became) > 12
    assert others == set()
