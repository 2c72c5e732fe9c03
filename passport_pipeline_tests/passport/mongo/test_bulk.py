import pytest

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo.bulk import failing_fields, insert
from passport_pipeline.passport.mongo.collections import PATIENTS, RECORDS
from passport_pipeline_tests.passport.factory import patient, record


def test_each_document_that_is_not_written_is_reported_with_its_reason(passport):
    first = record(1, "a" * 24)
    insert(passport[RECORDS], [first])
    same_key = record(1, "a" * 24, second=5)
    invalid = record(2, "no id")
    outcome = insert(passport[RECORDS], [record(1, "a" * 24), same_key, invalid, record(3, "a" * 24)])
    assert (outcome.same_id, outcome.same_key) == ({first["_id"]}, {same_key["_id"]})
    assert outcome.invalid == {invalid["_id"]: ["patientId"]}
    assert passport[RECORDS].count_documents({}) == 2


def test_invalid_fields_are_reported_by_path_and_without_values(passport):
    secret = "Wormwood"
    invalid = record(1, "a" * 24)
    invalid["source"]["rows"][0]["crc"] = secret
    invalid["source"]["window"] = secret
    del invalid["source"]["checksum"]
    invalid["data"] = {"testStatus": secret}
    del invalid["syncDate"]
    outcome = insert(passport[RECORDS], [invalid])
    assert outcome.invalid == {
        invalid["_id"]: ["data.testStatus", "source.checksum", "source.rows.crc", "source.window", "syncDate"]
    }
    nested = patient(1) | {"emergencyContact": {"name": secret, "phone": 7}}
    assert insert(passport[PATIENTS], [nested]).invalid == {
        nested["_id"]: ["emergencyContact.phone", "emergencyContact.relationship"]
    }


def test_a_refusal_without_details_is_about_the_whole_document():
    assert failing_fields(None) == ["(document)"]


def test_any_other_failure_stops_with_its_code_alone(passport):
    with pytest.raises(PassportRefused, match=r"error \d+"):
        insert(passport["views"], [{"_id": {"$bad": 1}}, {"_id": {"$worse": 2}}])
