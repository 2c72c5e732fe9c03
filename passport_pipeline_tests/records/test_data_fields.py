"""What the application's pages show of a record: the fields of its `data`."""

import pytest

from passport_pipeline.core.time_zones import written
from passport_pipeline.records.data_fields import data_fields
from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    CODED,
    DICTIONARY,
    MALARIA,
    MEDICINES,
    NOTE,
    POTASSIUM,
    PRESUMED,
    SECONDARY,
    SODIUM,
    WORDS,
    diagnosis,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    documents_of,
    drafts_of,
    in_encounter,
    led,
    led_documents,
    obs,
    observations,
    visit_documents,
)

COMMON = {"doctor": "Jane Smith", "hospital": "Central Hospital", "date": "2025-11-06T10:30:00"}


def data(*rows, known=MEDICINES):
    return [record["data"] for record in led_documents(documents_of(observations(*rows), known))]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (obs(1, 50, value_coded=51), {"medicationName": "Paracetamol"}),
        (
            obs(1, 50, value_coded=51, value_drug=5),
            {"medicationName": "Paracetamol 500mg tablet", "dosage": "500mg"},
        ),
        (obs(1, 52, value_text="1 daily"), {"medicationName": "Aspirin", "dosage": "1 daily"}),
        (obs(1, 53, value_coded=1), {"medicationName": "Aspirin"}),
        (obs(1, 54, value_numeric=100.0), {"medicationName": "Aspirin", "dosage": "100 mg"}),
        (obs(1, 55, value_text="Quinine 300mg"), {"medicationName": "Quinine 300mg"}),
    ],
)
def test_a_medication_names_the_drug_and_only_a_dose_that_is_known(row, expected):
    common = {
        "name": expected["medicationName"],
        "startDate": "2025-11-06T10:30:00",
        "prescribedBy": "Jane Smith",
        "medicationStatus": "Active",
    }
    assert data(row) == [expected | common | COMMON]


def test_a_test_has_result_and_date_and_a_status_only_where_it_is_known():
    rows = [obs(1, SODIUM, value_numeric=150.0), obs(2, POTASSIUM, value_numeric=4.0)]
    dated = COMMON | {"testDate": "2025-11-06T10:30:00"}
    sodium = {"name": "Sodium", "testName": "Sodium", "result": "150 (normal 135-145)"}
    assert data(*rows) == [
        dated | sodium | {"testStatus": "Abnormal", "status": "abnormal"},
        dated | {"name": "Potassium", "testName": "Potassium", "result": "4", "status": "not interpreted"},
    ]


def test_an_image_shows_its_title():
    described = "Chest X-ray: Chest. The picture itself is kept at Central Hospital."
    assert data(obs(1, 60, value_complex="Chest|1.jpg")) == [
        COMMON | {"name": "Chest X-ray", "details": "Chest", "description": described}
    ]


def test_a_visit_names_the_hospital_and_never_a_location():
    rows = observations(obs(1, NOTE, value_text="came walking", location_id=5))
    (visit,) = documents_of(rows, DICTIONARY).records
    assert visit["type"] == "visit"
    assert visit["data"] == COMMON | {
        "name": "Visit",
        "reason": "Visit",
        "visitDate": "2025-11-06T10:30:00",
        "diagnosis": "No diagnosis recorded",
        "notes": "Note: came walking",
    }
    assert visit["openmrsData"]["locationName"] == "Central Hospital"
    assert visit["source"]["location"] == "Outpatient Clinic"


def visit_of(*rows, **columns):
    """The data of the one visit of these rows, which are of one encounter at ten o'clock."""
    (visit,) = visit_documents(documents_of(observations(*in_encounter(3, *rows, **columns)), MEDICINES))
    return visit["data"]


def noted(*rows):
    """The data of the records of rows of one encounter, by type."""
    made = led_documents(documents_of(observations(*in_encounter(3, *rows)), MEDICINES))
    return [(record["type"], record["data"]) for record in made]


PARACETAMOL = obs(30, 50, value_coded=51, value_drug=5)
IN_WORDS = obs(22, WORDS, obs_group_id=21, value_text="Goitre")
GOITRE = [IN_WORDS if row["obs_id"] == 22 else row for row in diagnosis(21)]


def test_the_diagnoses_of_a_visit_are_its_heading_the_primary_ones_first():
    visit = visit_of(*diagnosis(1, order=SECONDARY, certainty=PRESUMED), *GOITRE)
    assert visit["diagnosis"] == visit["name"] == "Goitre, Malaria (presumed)"
    assert "notes" not in visit


def test_a_diagnosis_that_was_noted_twice_is_in_the_heading_once():
    assert visit_of(*diagnosis(1), *diagnosis(11))["diagnosis"] == "Malaria"


def test_a_diagnosis_of_another_day_than_its_visit_says_so():
    rows = [row | {"obs_datetime": "2025-11-04 08:00:00"} for row in diagnosis(1)]
    assert visit_of(*rows)["diagnosis"] == "Malaria (2025-11-04)"


def test_a_visit_without_a_diagnosis_says_that_none_was_recorded():
    visit = visit_of(obs(1, NOTE, value_text="x"), obs(2, POTASSIUM, value_numeric=4.0))
    assert (visit["diagnosis"], visit["name"], visit["reason"]) == ("No diagnosis recorded", "Visit", "Visit")


def test_the_first_condition_of_a_visit_alone_has_its_medications_and_each_once():
    again, other = PARACETAMOL | {"obs_id": 31}, obs(32, 54, value_numeric=100.0)
    made = noted(*diagnosis(1, order=SECONDARY), *GOITRE, PARACETAMOL, again, other)
    given = {"startDate": "2025-11-06T10:30:00", "prescribedBy": "Jane Smith"}
    assert {data["name"]: data.get("medications") for kind, data in made if kind == "condition"} == {
        "Malaria": None,
        "Goitre": [
            {"name": "Paracetamol 500mg tablet", "dosage": "500mg"} | given,
            {"name": "Aspirin", "dosage": "100 mg"} | given,
        ],
    }
    assert "notes" not in visit_of(*diagnosis(1), PARACETAMOL)


def test_the_medications_of_a_visit_without_a_condition_stand_in_its_notes():
    yesterday = obs(32, 53, value_coded=1, obs_datetime="2025-11-05 10:00:00")
    notes = visit_of(obs(1, NOTE, value_text="x"), PARACETAMOL, yesterday)["notes"]
    assert notes.split("\n") == [
        "Note: x",
        "Medication: Paracetamol 500mg tablet, 500mg",
        "Medication: Aspirin (2025-11-05)",
    ]


def test_medications_of_one_encounter_are_not_those_of_another_ones_condition():
    rows = observations(*in_encounter(3, *diagnosis(1)), *in_encounter(4, PARACETAMOL))
    made = documents_of(rows, MEDICINES)
    assert not any("medications" in record["data"] for record in made.records)
    assert [visit["data"].get("notes") for visit in visit_documents(made)] == [
        None,
        "Medication: Paracetamol 500mg tablet, 500mg",
    ]


@pytest.mark.parametrize(
    ("observed", "line"),
    [
        ("2025-11-09 10:00:00", None),
        ("2025-11-03 10:00:00", None),
        ("2025-11-09 10:00:01", "Sodium: 150 (normal 135-145) - abnormal (2025-11-09)"),
        ("2025-11-03 09:59:59", "Sodium: 150 (normal 135-145) - abnormal (2025-11-03)"),
    ],
)
def test_a_test_that_the_page_would_not_show_with_its_visit_stands_in_the_notes(observed, line):
    assert visit_of(obs(1, SODIUM, value_numeric=150.0, obs_datetime=observed)).get("notes") == line


def test_a_test_of_which_nobody_said_what_it_means_is_a_line_without_a_status():
    late = obs(1, POTASSIUM, value_numeric=4.0, obs_datetime="2025-11-20 10:00:00")
    assert visit_of(late)["notes"] == "Potassium: 4 (2025-11-20)"


@pytest.mark.parametrize(
    ("interpretation", "status"),
    [("NORMAL", "normal"), ("HIGH", "abnormal"), ("CRITICALLY_HIGH", "critical"), (None, "not interpreted")],
)
def test_the_status_of_a_test_is_a_word_of_the_page(interpretation, status):
    (test,) = data(obs(1, POTASSIUM, value_numeric=4.0, interpretation=interpretation))
    assert test["status"] == status
    assert ("testStatus" in test) == (interpretation is not None)


@pytest.mark.parametrize(("certainty", "status"), [(PRESUMED, "presumed"), (4711, None)])
def test_the_status_of_a_condition_is_how_certain_it_is(certainty, status):
    (condition,) = data(*diagnosis(1, certainty=certainty))
    assert condition.get("status") == status
    assert condition["name"].startswith("Malaria")


def test_only_in_the_documents_own_example_the_name_of_a_condition_is_the_question():
    known = concepts(
        concept(102, "DIAGNOSIS", "Coded"), concept(103, "Diagnosis", "Coded"), concept(456, "Malaria", cls="Diagnosis")
    )
    named = data(obs(1, 102, value_coded=456), obs(2, 103, value_coded=456), known=known)
    assert [condition["name"] for condition in named] == ["DIAGNOSIS", "Malaria"]
    assert {condition["diagnosis"] for condition in named} == {"Malaria"}


def test_records_without_a_visit_say_nothing_of_each_other():
    records = led(drafts_of(observations(*diagnosis(1), PARACETAMOL), MEDICINES)).assign(visit=-1)
    condition, medication = data_fields(records, written(records["at"], "s"))
    assert condition["name"] == "Malaria" and "medications" not in condition
    assert medication["medicationName"] == "Paracetamol 500mg tablet"


def test_an_image_stands_in_the_notes_of_its_visit_since_no_page_shows_images():
    rows = observations(*in_encounter(3, obs(1, 60, value_complex="Chest|1.jpg")))
    (visit,) = visit_documents(documents_of(rows, MEDICINES))
    assert visit["data"]["notes"] == "Chest X-ray: Chest"


def test_a_condition_of_another_day_than_its_visit_says_where_it_was_noted_instead_of_its_name_twice():
    rows = in_encounter(3, obs(1, CODED, value_coded=MALARIA, obs_datetime="2025-11-01 08:00:00"))
    met = [row | {"encounter_datetime": "2025-11-06 09:00:00"} for row in rows]
    condition, visit = documents_of(observations(*met), DICTIONARY).records
    assert condition["data"]["notes"] == "Noted at the visit of 2025-11-06"
    assert visit["data"]["diagnosis"] == "Malaria (2025-11-01)"
