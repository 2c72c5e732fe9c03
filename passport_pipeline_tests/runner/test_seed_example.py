"""The integration document's own example, observation 12345, from the hospital to the patient."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from passport_sample.seed_example import seed_example, seed_passport


@pytest.fixture(scope="module", params=["1.9", "2.3", "2.8"])
def synced(operating_on, request):
    with operating_on([seed_example(request.param)], seed_passport()) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture
def record(synced):
    """The diagnosis."""
    (record,) = synced.database.medicalrecords.find({"type": "condition"})
    return record


def test_the_diagnosis_says_what_the_document_says(synced, record):
    (patient,) = synced.database.patients.find({"nationalId": "1234567890123"})
    assert record["patientId"] == str(patient["_id"])
    assert record["type"] == "condition"
    as_documented = {
        "name": "DIAGNOSIS",
        "details": "Malaria",
        "diagnosed": "2025-11-06T10:30:00",
        "procedure": "Synced from OpenMRS - Dr. Jane Smith",
    }
    assert record["data"] | as_documented == record["data"]
    assert patient["medicalHistory"] == [record["_id"]]
    assert record["source"]["rowId"] == 12345
    assert record["openmrsData"]["conceptId"] == 102
    assert record["openmrsData"]["personId"] == 789
    assert record["source"]["location"] == "Outpatient Clinic"
    assert record["createdAt"] == record["openmrsData"]["dateCreated"]


def test_its_visit_says_the_diagnosis_the_doctor_and_the_hospital(synced):
    (visit,) = synced.database.medicalrecords.find({"type": "visit"})
    assert visit["data"] == {
        "name": "Malaria",
        "diagnosis": "Malaria",
        "doctor": "Jane Smith",
        "hospital": "Hospital 1",
        "reason": "Visit",
        "date": "2025-11-06T10:30:00",
        "visitDate": "2025-11-06T10:30:00",
    }


def test_the_clinician_is_a_placeholder_user_and_doctor_of_this_hospital(synced, record):
    user = synced.database.users.find_one({"name": "Jane Smith"})
    doctor = synced.database.doctors.find_one({"user": user["_id"]})
    hospital = synced.database.hospitals.find_one({"name": "Hospital 1"})
    assert record["createdBy"] == str(user["_id"])
    assert user["role"] == "doctor"
    assert user["email"].endswith("@openmrs.example.org")
    assert doctor["hospital"] == hospital["_id"]
    assert doctor["specialization"] == "General Practice"
    assert doctor["openmrsProviderUuid"] == "PROVIDER_100"
    assert doctor["licenseNumber"].startswith("OPENMRS-HOSPITAL-1-")


def test_the_audit_entry_is_valid_for_the_application_and_keeps_what_the_document_wants(synced, record):
    (entry,) = synced.database.auditlogs.find({"targetId": record["_id"]})
    assert (entry["accessType"], entry["action"]) == ("regular", "create")
    assert str(entry["patient"]) == record["patientId"]
    assert entry["targetId"] == record["_id"]
    assert entry["changes"]["conceptName"] == "DIAGNOSIS"
    assert entry["changes"]["providerName"] == "Jane Smith"


def test_the_old_observation_is_locked_at_once_and_the_hospital_has_its_sync_status(synced, record):
    hospital = synced.database.hospitals.find_one({"name": "Hospital 1"})
    when = datetime(2025, 11, 6, 10, 30, tzinfo=ZoneInfo("Africa/Kigali"))
    assert record["syncDate"] == when
    (status,) = synced.database.syncstatus.find()
    assert status["hospitalId"] == str(hospital["_id"])
    assert status["lastSyncTime"] - when > timedelta(days=1)
