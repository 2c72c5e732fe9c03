import pytest

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo.bulk import failing_fields, insert
from passport_pipeline.passport.mongo.collections import PATIENTS, RECORDS
from passport_pipeline_tests.passport.factory import patient, record


def test_each_document_that_does_not_land_is_told_with_its_reason(passport):
    first = record(1, "a" * 24)
    insert(passport[RECORDS], [first])
    same_key = record(1, "a" * 24, second=5)
    unfit = record(2, "no id")
    outcome = insert(passport[RECORDS], [record(1, "a" * 24), same_key, unfit, record(3, "a" * 24)])
    assert (outcome.same_id, outcome.same_key) == ({first["_id"]}, {same_key["_id"]})
    assert outcome.unfit == {unfit["_id"]: ["patientId"]}
    assert passport[RECORDS].count_documents({}) == 2


def test_fields_are_told_by_path_and_without_values(passport):
    secret = "Wormwood"
    unfit = record(1, "a" * 24)
    unfit["source"]["rows"][0]["crc"] = secret
    unfit["source"]["window"] = secret
    del unfit["source"]["checksum"]
    unfit["data"] = {"testStatus": secret}
    del unfit["syncDate"]
    outcome = insert(passport[RECORDS], [unfit])
    assert outcome.unfit == {
        unfit["_id"]: ["data.testStatus", "source.checksum", "source.rows.crc", "source.window", "syncDate"]
    }
    nested = patient(1) | {"emergencyContact": {"name": secret, "phone": 7}}
    assert insert(passport[PATIENTS], [nested]).unfit == {
        nested["_id"]: ["emergencyContact.phone", "emergencyContact.relationship"]
    }


def test_a_refusal_that_says_nothing_is_about_the_whole_document():
    assert failing_fields(None) == ["(document)"]


def test_any_other_failure_stops_with_its_code_alone(passport):
    with pytest.raises(PassportRefused, match=r"error \d+"):
        insert(passport["views"], [{"_id": {"$bad": 1}}, {"_id": {"$worse": 2}}])
