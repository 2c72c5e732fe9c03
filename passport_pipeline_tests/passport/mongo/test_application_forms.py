"""Each shape of a record that the application's forms and reads save, against the validators as they are in MongoDB."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId
from pymongo.errors import WriteError

from passport_pipeline.passport.mongo.collections import RECORDS
from passport_pipeline_tests.passport.factory import record

TODAY = "11/28/2026"  # as a browser writes it
NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
# The application fills what a form leaves empty, and gives each entry of a list an _id.
EMPTY_MEDICATION = {"name": "", "dosage": "", "frequency": "", "startDate": "", "endDate": "", "prescribedBy": ""}
MEDICATIONS = [
    EMPTY_MEDICATION | {"_id": ObjectId(), "name": "Amoxicillin", "startDate": TODAY, "medicationStatus": "Active"},
    EMPTY_MEDICATION | {"_id": ObjectId(), "medicationStatus": "Past"},
]
DEFAULTS = {"medications": []}
FORMS = {
    "condition": {
        "name": "Malaria", "diagnosis": "Malaria", "details": "", "diagnosed": TODAY, "diagnosedDate": TODAY,
        "date": TODAY, "procedure": "blood smear", "doctor": "Jane Smith", "diagnosedBy": "Jane Smith",
        "hospital": "Central", "medications": MEDICATIONS, "notes": "", "status": "active",
    },
    "medication": {
        "medicationName": "Amoxicillin", "dosage": "500 mg", "frequency": "three times a day",
        "medicationStatus": "Active", "startDate": TODAY, "endDate": "in a week", "prescribedBy": "Jane Smith",
        **DEFAULTS,
    },
    "test": {
        "testName": "Hb", "result": "5.0", "testDate": TODAY, "testStatus": "Critical", "status": "critical",
        **DEFAULTS,
    },
    "visit": {
        "hospital": "Central", "reason": "fever", "visitDate": TODAY, "doctor": "Jane Smith", "treatment": "rest",
        "notes": "sleeps badly", **DEFAULTS,
    },
    "image": {"imageUrl": "/x.png", "imageType": "X-ray", "description": "chest", "date": TODAY, **DEFAULTS},
}  # fmt: skip


@pytest.mark.parametrize("kind", FORMS)
def test_a_record_that_a_form_adds_is_stored(passport, kind):
    saved = {"patientId": "a" * 24, "type": kind, "data": FORMS[kind], "createdBy": "b" * 24, "editableBy": []}
    passport[RECORDS].insert_one(saved | {"createdAt": NOW, "updatedAt": NOW, "__v": 0})


@pytest.mark.parametrize("kind", FORMS)
def test_an_edit_of_a_synchronised_record_is_saved_field_by_field(passport, kind):
    made = record(1, "a" * 24, type=kind)
    passport[RECORDS].insert_one(made)
    data = {f"data.{name}": value for name, value in FORMS[kind].items()}
    change = {
        "$set": data | {"lastEditedAt": NOW, "updatedAt": NOW},
        "$push": {"editableBy": "c" * 24},
        "$inc": {"__v": 1},
    }
    assert passport[RECORDS].update_one({"_id": made["_id"]}, change).modified_count == 1


@pytest.mark.parametrize("kind", FORMS)
def test_what_a_read_saves_is_saved(passport, kind):
    made = record(1, "a" * 24, type=kind)
    passport[RECORDS].insert_one(made)
    saved = {"data.medications": [], "data.medicationStatus": "Past", "editableBy": [], "updatedAt": NOW}
    assert passport[RECORDS].update_one({"_id": made["_id"]}, {"$set": saved}).modified_count == 1


def test_a_record_that_is_older_than_the_rules_can_be_saved_as_it_is(passport):
    passport.db.command("collMod", RECORDS, validationLevel="off")
    older = {"_id": ObjectId(), "type": "visit", "data": {"visitDate": 20261128}}
    passport[RECORDS].insert_one(older)
    passport.db.command("collMod", RECORDS, validationLevel="moderate")
    assert passport[RECORDS].update_one({"_id": older["_id"]}, {"$set": {"data.notes": "x"}}).modified_count == 1


def test_the_pipeline_itself_may_not_write_a_date_as_a_form_does(passport):
    with pytest.raises(WriteError):
        passport[RECORDS].insert_one(record(1, "a" * 24, data={"diagnosed": TODAY}))
