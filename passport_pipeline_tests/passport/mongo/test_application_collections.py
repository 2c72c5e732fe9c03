"""The validators accept what the application writes and refuse what it would refuse."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId
from pymongo.errors import WriteError

from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.application_collections import APPLICATION_COLLECTIONS
from passport_pipeline.passport.mongo.collections import (
    AUDIT,
    DOCTORS,
    HOSPITALS,
    PATIENTS,
    RECORDS,
    SYNC,
    USERS,
)
from passport_pipeline_tests.passport.factory import NOW, patient, record

BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
STAMPS = {"createdAt": NOW, "updatedAt": NOW, "__v": 0}
VALID = {
    USERS: {
        "name": "Jane Smith",
        "email": "jane.smith@mail-host.example.org",
        "password": BCRYPT,
        "role": "doctor",
        "isActive": True,
        "avatar": None,
        **STAMPS,
    },
    PATIENTS: patient(1) | {"bloodType": "O-", "insurance": {"number": 7}, "allergies": ["Cats"]},
    DOCTORS: {
        "user": ObjectId(),
        "licenseNumber": "RW-100/A",
        "specialization": "Cardiology",
        "hospital": ObjectId(),
        **STAMPS,
    },
    HOSPITALS: {
        "user": ObjectId(),
        "name": "Central",
        "address": "Kigali",
        "contact": "0788",
        "licenseNumber": "H-1",
        "status": "pending",
        **STAMPS,
    },
    RECORDS: {
        "patientId": "a" * 24,
        "type": "medication",
        "data": {"medicationName": "Aspirin", "medicationStatus": "Active", "startDate": "11/28/2026", "times": 3},
        "createdBy": "b" * 24,
        "editedBy": None,
        **STAMPS,
    },
    AUDIT: {
        "user": ObjectId(),
        "patient": ObjectId(),
        "accessType": "emergency",
        "action": "view",
        "details": "",
        "accessTime": NOW,
        **STAMPS,
    },
    SYNC: {"hospitalId": "c" * 24, "lastSyncTime": NOW},
}
FAULTS = [
    (USERS, "name", "J"),
    (USERS, "name", "x" * 51),
    (USERS, "email", "provider100@openmrs.auto"),
    (USERS, "email", "nobody"),
    (USERS, "email", "a" * 5000),
    (USERS, "password", "plain text"),
    (USERS, "role", "nurse"),
    (USERS, "isActive", "yes"),
    (PATIENTS, "nationalId", "1-2345-678901"),
    (PATIENTS, "nationalId", "123456789"),
    (PATIENTS, "gender", "F"),
    (PATIENTS, "bloodType", "C+"),
    (PATIENTS, "address", "x" * 501),
    (PATIENTS, "emergencyContact", {"name": "A"}),
    (PATIENTS, "medications", ["not an id"]),
    (DOCTORS, "licenseNumber", "provider_100"),
    (DOCTORS, "hospital", "Central"),
    (HOSPITALS, "status", "open"),
    (RECORDS, "patientId", ObjectId()),
    (RECORDS, "type", "allergy"),
    (RECORDS, "data", {"medicationStatus": "Stopped"}),
    (RECORDS, "data", {"testStatus": "Fine"}),
    (RECORDS, "data", {"testDate": datetime(2025, 1, 1, tzinfo=UTC)}),
    (RECORDS, "data", {"medications": ["Aspirin"]}),
    (RECORDS, "data", {"medications": [{"name": "Aspirin", "medicationStatus": "Stopped"}]}),
    (RECORDS, "data", {"notes": 7}),
    (RECORDS, "createdBy", ObjectId()),
    (RECORDS, "openmrsData", {"valueType": "boolean"}),
    (AUDIT, "action", "openmrs_auto_sync"),
    (AUDIT, "accessType", "sync"),
    (AUDIT, "details", "x" * 1001),
    (SYNC, "lastSyncTime", "2025-11-06"),
]


@pytest.mark.parametrize("name", VALID)
def test_a_document_as_the_application_writes_it_is_accepted(passport, name):
    passport[name].insert_one(dict(VALID[name]))


@pytest.mark.parametrize(("name", "field", "value"), FAULTS)
def test_a_value_that_the_application_refuses_is_refused(passport, name, field, value):
    with pytest.raises(WriteError) as caught:
        passport[name].insert_one(VALID[name] | {field: value})
    assert caught.value.code == 121


@pytest.mark.parametrize(
    ("name", "field"),
    [(one.name, field) for one in APPLICATION_COLLECTIONS if one.name in VALID for field in one.schema["required"]],
)
def test_a_document_without_a_required_field_is_refused(passport, name, field):
    with pytest.raises(WriteError) as caught:
        passport[name].insert_one({key: value for key, value in VALID[name].items() if key != field})
    assert caught.value.code == 121


@pytest.mark.parametrize("field", ["data", "syncDate", "openmrsData", "createdAt"])
def test_a_record_of_the_pipeline_needs_what_the_applications_own_does_not(passport, field):
    made = record(1, "a" * 24)
    passport[RECORDS].insert_one(made)
    with pytest.raises(WriteError):
        passport[RECORDS].update_one({"_id": made["_id"]}, {"$unset": {field: ""}})


@pytest.mark.parametrize("part", ["hospital", "rows", "checksum", "dataChecksum", "version", "day"])
def test_a_source_is_complete_or_absent(passport, part):
    made = record(1, "a" * 24)
    del made["source"][part]
    with pytest.raises(WriteError):
        passport[RECORDS].insert_one(made)


@pytest.mark.parametrize(("labels", "accepted"), [(["hiv", "mental-health"], True), ("hiv", False), ([""], False)])
def test_the_labels_of_a_record_are_a_list_of_texts(passport, labels, accepted):
    made = record(1, "a" * 24)
    made["source"]["labels"] = labels
    assert bool(bulk.insert(passport[RECORDS], [made]).invalid) != accepted


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"createdBy": "system"}, ["createdBy"]),
        ({"patientId": "the patient"}, ["patientId"]),
        ({"data": {"diagnosed": "11/28/2026", "date": "yesterday"}}, ["data.date", "data.diagnosed"]),
    ],
)
def test_what_the_application_may_write_the_pipeline_may_not_in_its_own_records(passport, change, fields):
    own = {name: value for name, value in VALID[RECORDS].items() if name != "source"}
    passport[RECORDS].insert_one(own | change)
    found = bulk.insert(passport[RECORDS], [record(1, "a" * 24) | change])
    assert list(found.invalid.values()) == [fields]
