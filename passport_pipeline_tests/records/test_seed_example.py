"""The integration document's own example: obs 12345 of person 789, as a record."""

from datetime import UTC, datetime

from passport_pipeline.records.object_ids import unique_number
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    DOCTOR,
    HOSPITAL,
    NOW,
    PATIENT,
    USER,
    concept,
    concepts,
    documents_of,
    obs,
    observations,
)

DICTIONARY = concepts(concept(102, "DIAGNOSIS", "Coded", "Question"), concept(456, "Malaria", cls="Diagnosis"))
ROWS = observations(obs(12345, 102, value_coded=456, location_id=5))


def example():
    """The record of the example, and the visit in which it was noted."""
    return documents_of(ROWS, DICTIONARY).records


def test_the_example_becomes_the_record_that_the_document_describes():
    record, _ = example()
    assert record["type"] == "condition"
    described = {
        "name": "DIAGNOSIS",
        "details": "Malaria",
        "diagnosed": "2025-11-06T10:30:00",
        "procedure": "Synced from OpenMRS - Dr. Jane Smith",
    }
    assert record["data"].items() >= described.items()
    assert record["patientId"] == PATIENT


def test_the_example_also_has_what_the_applications_pages_read():
    record, visit = example()
    by = "Jane Smith"
    read = {"diagnosis": "Malaria", "diagnosedDate": "2025-11-06T10:30:00", "diagnosedBy": by}
    common = {"doctor": by, "hospital": "Central Hospital", "date": "2025-11-06T10:30:00"}
    assert record["data"].items() >= (read | common).items()
    assert visit["data"] == common | {
        "name": "Malaria",
        "reason": "Visit",
        "visitDate": "2025-11-06T10:30:00",
        "diagnosis": "Malaria",
    }


def test_its_creator_is_the_clinicians_user():
    record, _ = example()
    assert record["createdBy"] == USER
    assert record["source"]["doctorId"] == DOCTOR
    assert record["openmrsData"]["providerUuid"] == "PROVIDER_100"


def test_its_provenance_names_hospital_and_row():
    record, _ = example()
    assert record["openmrsData"] == {
        "obsId": unique_number(record["_id"]),
        "conceptId": 102,
        "personId": 789,
        "obsDatetime": datetime(2025, 11, 6, 8, 30, tzinfo=UTC),
        "providerUuid": "PROVIDER_100",
        "valueType": "coded",
        "dateCreated": datetime(2025, 11, 6, 8, 35, tzinfo=UTC),
        "creatorName": record["data"]["doctor"],
        "locationName": "Central Hospital",
    }
    source = record["source"]
    assert source["hospital"] == HOSPITAL.key
    assert source["window"] == "2025-11"
    assert source["day"] == "2025-11-06"
    assert (source["location"], source["enteredBy"]) == ("Outpatient Clinic", "Jane Smith")
    assert source["rows"] == [
        {"stream": "observations", "rowId": 12345, "rowUuid": "obs-uuid-12345", "crc": 86415, "role": "lead"}
    ]


def test_a_live_example_is_editable():
    record, _ = example()
    assert record["syncDate"] == NOW
    assert record["createdAt"] == datetime(2025, 11, 6, 8, 35, tzinfo=UTC)
    assert record["updatedAt"] == NOW
    assert record["__v"] == 0
