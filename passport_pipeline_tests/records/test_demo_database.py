"""The database that OpenMRS itself wrote: 765 diagnoses are 765 conditions."""

from collections import Counter

import pytest

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline_tests.sources.observing import open_database
from passport_pipeline_tests.sources.openmrs.observations.frames import documents_of
from passport_pipeline_tests.sources.openmrs.observations.whole_hospitals import read_all


@pytest.fixture(scope="module")
def made(openmrs_dump, readonly_url):
    database = openmrs_dump("demo-1.9")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEMO_URL", readonly_url(database))
        hospital = Hospital(key="demo", name="Demo Hospital", url_env="DEMO_URL", timezone="Africa/Kigali")
        with open_database(hospital, Settings()) as source:
            rows, lookups = read_all(source)
    return documents_of(rows, lookups, hospital=hospital)


def test_its_765_diagnoses_are_conditions_and_nothing_else_is(made):
    conditions = [record for record in made.records if record["type"] == "condition"]
    assert len(conditions) == 765
    assert {record["openmrsData"]["conceptId"] for record in conditions} == {1284}


def test_certainty_order_and_header_belong_to_their_diagnosis(made):
    assert Counter(made.outcomes["outcome"]) == {"lead": 765 + 8 * 508, "attached": 3 * 765 + 508}
    assert Counter(made.outcomes["role"]) == {
        "lead": 765 + 8 * 508,
        "answer": 508,
        "certainty": 765,
        "order": 765,
        "set": 765,
    }
    said = Counter(
        (record["source"]["certainty"], record["source"]["order"])
        for record in made.records
        if record["type"] == "condition"
    )
    assert set(said) == {(c, o) for c in ("confirmed", "presumed") for o in ("primary", "secondary")}
    assert said.total() == 765


def test_vital_signs_are_tests_and_every_encounter_is_a_visit(made):
    assert Counter(record["type"] for record in made.records) == {
        "condition": 765,
        "test": 8 * 508,
        "visit": 2 * 508,
    }
    visits = [record for record in made.records if record["type"] == "visit"]
    assert Counter(len(record["source"]["rows"]) for record in visits) == {0: 508, 1: 508}
    assert len({record["source"]["encounterUuid"] for record in visits}) == 2 * 508
    assert made.parked == []
    assert made.skipped.empty
