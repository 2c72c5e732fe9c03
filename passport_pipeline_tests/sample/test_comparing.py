"""What comparing a passport with the oracle finds: everything that can be wrong with one."""

from dataclasses import replace
from datetime import date

import pytest
from bson import ObjectId

from passport_sample.generator import DEMO, generate
from passport_sample.population import passport_patients


@pytest.fixture(scope="module")
def synced(operating_on):
    spec = replace(DEMO[0], patients=14, visits=1.0, start=date(2026, 9, 20), end=date(2026, 9, 30))
    with operating_on([generate(spec, 5)], passport_patients(5, 14)) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture
def database(synced):
    """The passport, which is as it was again afterwards."""
    names = ("medicalrecords", "patients", "parkedrows", "auditlogs", "users", "sourcedays", "conflicts")
    before = {name: list(synced.database[name].find()) for name in names}
    yield synced.database
    for name, documents in before.items():
        synced.database[name].delete_many({})
        if documents:
            synced.database[name].insert_many(documents)


def condition(database):
    return database.medicalrecords.find_one({"type": "condition"})


def record_gone(database):
    record = condition(database)
    database.medicalrecords.delete_one({"_id": record["_id"]})


def not_listed(database):
    database.patients.update_many({}, {"$pull": {"medicalHistory": condition(database)["_id"]}})


def parked_instead(database):
    record = condition(database)
    parked = database.parkedrows.find_one()
    database.medicalrecords.delete_one({"_id": record["_id"]})
    database.parkedrows.insert_one(parked | {"_id": record["_id"], "rows": record["source"]["rows"]})


def there_twice(database):
    record = condition(database)
    source = record["source"] | {"rowUuid": "another"}
    database.medicalrecords.insert_one(record | {"_id": ObjectId(), "source": source})


def listed_twice(database):
    record = condition(database)
    owner = {"_id": ObjectId(record["patientId"])}
    database.patients.update_one(owner, {"$push": {"medicalHistory": record["_id"]}})


def other_words(database):
    database.medicalrecords.update_one({"_id": condition(database)["_id"]}, {"$set": {"data.details": "Else"}})


def other_patient(database):
    record = condition(database)
    other = database.patients.find_one({"_id": {"$ne": ObjectId(record["patientId"])}})
    database.medicalrecords.update_one({"_id": record["_id"]}, {"$set": {"patientId": str(other["_id"])}})


def other_clinician(database):
    database.users.update_many({"role": "doctor"}, {"$set": {"name": "Dr. Somebody Else"}})


def listed_where_it_is_not(database):
    database.patients.update_one({}, {"$push": {"testResults": ObjectId()}})


def other_reason(database):
    database.parkedrows.update_one({}, {"$set": {"reason": "no_value"}})


def parked_row_gone(database):
    database.parkedrows.delete_one({})


def shown_though_it_was_never_there(database):
    record = condition(database)
    rows = [record["source"]["rows"][0] | {"rowUuid": "made-up"}]
    source = record["source"] | {"rowUuid": "made-up", "rows": rows}
    database.medicalrecords.insert_one(record | {"_id": ObjectId(), "source": source})


def audit_entry_gone(database):
    database.auditlogs.delete_one({"targetId": condition(database)["_id"]})


def audited_twice(database):
    database.auditlogs.insert_one(database.auditlogs.find_one() | {"_id": ObjectId()})


def audited_without_a_record(database):
    database.auditlogs.insert_one(database.auditlogs.find_one() | {"_id": ObjectId(), "targetId": ObjectId()})


def day_left_marked(database):
    database.sourcedays.update_one({}, {"$set": {"writers.somebody": 1}})


LOST = [record_gone, not_listed, parked_instead]
DUPLICATED = [there_twice, listed_twice]
WRONG = [
    other_words, other_patient, other_clinician, listed_where_it_is_not, other_reason, parked_row_gone,
    shown_though_it_was_never_there, audit_entry_gone, audited_twice, audited_without_a_record, day_left_marked,
]  # fmt: skip


def test_a_passport_in_line_is_as_the_oracle_has_it(synced):
    compared = synced.compare()
    assert compared.ok
    assert compared.rows > 50


@pytest.mark.parametrize("tamper", LOST)
def test_what_is_missing_counts_as_lost(synced, database, tamper):
    tamper(database)
    assert synced.compare().lost


@pytest.mark.parametrize("tamper", DUPLICATED)
def test_what_is_there_twice_counts_as_duplicated(synced, database, tamper):
    tamper(database)
    assert synced.compare().duplicated


@pytest.mark.parametrize("tamper", WRONG)
def test_whatever_else_differs_counts_as_wrong(synced, database, tamper):
    tamper(database)
    compared = synced.compare()
    assert compared.wrong
    assert not compared.ok


def test_what_the_application_edited_must_be_there_and_nothing_else_of_that_record(synced, database):
    record = condition(database)
    said = {"data.details": "As the doctor says", "editedBy": "a doctor"}
    database.medicalrecords.update_one({"_id": record["_id"]}, {"$set": said})
    assert synced.compare({record["_id"]: {"details": "As the doctor says"}}).ok
    assert synced.compare({record["_id"]: {"details": "As the doctor said before"}}).wrong
