"""The integration document's own example: obs 12345 of person 789, as a record."""

from datetime import UTC, datetime

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


def test_the_example_becomes_the_record_that_the_document_describes():
    (record,) = documents_of(ROWS, DICTIONARY).records
    assert record["type"] == "condition"
    assert record["data"] == {
        "name": "DIAGNOSIS",
        "details": "Malaria",
        "diagnosed": "2025-11-06T10:30:00",
        "procedure": "Synced from OpenMRS - Dr. Jane Smith",
    }
    assert record["patientId"] == PATIENT


def test_its_creator_is_the_clinicians_user():
    (record,) = documents_of(ROWS, DICTIONARY).records
    assert record["createdBy"] == USER
    assert record["source"]["doctorId"] == DOCTOR
    assert record["openmrsData"]["providerUuid"] == "PROVIDER_100"


def test_its_provenance_names_hospital_and_row():
    (record,) = documents_of(ROWS, DICTIONARY).records
    assert record["openmrsData"] == {
        "obsId": 12345,
        "conceptId": 102,
        "personId": 789,
        "obsDatetime": datetime(2025, 11, 6, 8, 30, tzinfo=UTC),
        "providerUuid": "PROVIDER_100",
        "valueType": "coded",
        "dateCreated": datetime(2025, 11, 6, 8, 35, tzinfo=UTC),
        "creatorName": "Jane Smith",
        "locationName": "Outpatient Clinic",
    }
    source = record["source"]
    assert source["hospital"] == HOSPITAL.key
    assert source["window"] == "2025-11"
    assert source["day"] == "2025-11-06"
    assert source["rows"] == [{"obsId": 12345, "obsUuid": "obs-uuid-12345", "crc": 86415, "role": "lead"}]


def test_a_live_example_is_editable():
    (record,) = documents_of(ROWS, DICTIONARY).records
    assert record["syncDate"] == NOW
    assert record["createdAt"] == record["updatedAt"] == NOW
    assert record["__v"] == 0
