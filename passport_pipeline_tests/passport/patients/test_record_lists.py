from collections import Counter
from datetime import timedelta

import pytest
from bson import ObjectId

from passport_pipeline.passport.days.state import recorded
from passport_pipeline.passport.mongo.collections import DAYS, PATIENTS, RECORDS, RETRACTED
from passport_pipeline.passport.patients.record_lists import faults_of_hospital, faults_of_patients, mark_faulty
from passport_pipeline_tests.passport.factory import DAY, record

NEXT = DAY + timedelta(days=1)
HERE, THERE = ("central", DAY.isoformat()), ("central", NEXT.isoformat())


@pytest.fixture
def shown(world):
    """Four records of two days and two patients, one of them an image; and one of another hospital."""
    first, second = world.patients[:2]
    today = [record(1, first), record(2, first, type="test"), record(3, second, type="image")]
    world.run(today)
    world.run([record(4, second, type="visit", day=NEXT)], day=NEXT)
    world.run([record(5, first, hospital="east")], hospital="east")
    return today


def lose(world, *numbers):
    """The lists of these patients are as in a dump of long ago."""
    ids = [ObjectId(world.patients[number]) for number in numbers]
    gone = {"$set": {"medicalHistory": [], "testResults": []}, "$unset": {"hospitalVisits": ""}}
    world.passport[PATIENTS].update_many({"_id": {"$in": ids}}, gone)


def test_lists_that_name_every_record_lack_nothing(world, shown):
    own = {"patientId": world.patients[0], "type": "condition", "data": {}, "createdBy": "0" * 24}
    world.passport[RECORDS].insert_one(own)  # of the application: whether it is listed is not for the pipeline to say
    assert not faults_of_hospital(world.passport, "central")
    assert not faults_of_patients(world.passport, world.patients)


def test_records_that_lists_lack_are_counted_by_hospital_and_day(world, shown):
    lose(world, 0, 1)
    assert faults_of_hospital(world.passport, "central").missing == {HERE: 2, THERE: 1}
    assert faults_of_hospital(world.passport, "east").missing == {("east", DAY.isoformat()): 1}
    assert faults_of_patients(world.passport, world.patients[:1]).missing == {HERE: 2, ("east", DAY.isoformat()): 1}
    assert faults_of_patients(world.passport, world.patients[2:]).missing == Counter()
    assert faults_of_hospital(world.passport, "central").by_month() == {"2025-11": (3, 0, 0)}


def test_patients_who_are_gone_lack_nothing(world, shown):
    world.passport[PATIENTS].delete_one({"_id": ObjectId(world.patients[0])})
    assert not faults_of_hospital(world.passport, "central")


@pytest.mark.parametrize("find", [lambda world: faults_of_hospital(world.passport, "central"),
                                  lambda world: faults_of_patients(world.passport, world.patients[:1])])  # fmt: skip
def test_retracted_records_that_a_list_names_are_mended_with_those_that_it_lacks(world, shown, find):
    before = world.passport[PATIENTS].find_one({"_id": ObjectId(world.patients[0])})
    world.run(shown[:1] + shown[2:])
    assert world.passport[RETRACTED].count_documents({}) == 1
    old = {"medicalHistory": [], "testResults": before["testResults"]}
    world.passport[PATIENTS].update_one({"_id": before["_id"]}, {"$set": old})
    found = find(world)
    assert (found.missing[HERE], found.extra) == (1, {HERE: 1})
    mark_faulty(world.passport, found)
    days = recorded(world.passport, "central")
    assert (days[DAY].inputs, bool(days[NEXT].inputs)) == ("", True)
    world.run(shown[:1] + shown[2:])
    assert recorded(world.passport, "central")[DAY].inputs
    assert world.arrays(0)["medicalHistory"] >= {shown[0]["_id"]} and "testResults" not in world.arrays(0)
    assert not faults_of_hospital(world.passport, "central")
    before = world.state()
    world.run(shown[:1] + shown[2:])
    assert world.state() == before


def test_a_restored_record_is_not_mistaken_for_a_retracted_one(world, shown):
    kept = world.passport[RETRACTED]
    world.run(shown[:1] + shown[2:])
    copies = list(kept.find())
    world.run(shown)
    kept.delete_many({})
    kept.insert_many(copies)  # as where the run died before it dropped the copy
    assert not faults_of_hospital(world.passport, "central")


def test_marking_a_day_that_was_never_recorded_makes_no_document(world, shown):
    world.passport[DAYS].delete_many({})
    lose(world, 0)
    mark_faulty(world.passport, faults_of_hospital(world.passport, "central"))
    assert world.passport[DAYS].count_documents({}) == 0


FINDERS = [lambda world: faults_of_hospital(world.passport, "central"),
           lambda world: faults_of_patients(world.passport, world.patients[2:3])]  # fmt: skip


@pytest.mark.parametrize("find", FINDERS)
def test_another_patients_records_and_those_of_another_type_are_taken_out_of_a_list(world, shown, find):
    """A list of before the records were moved to somebody else, or had another type."""
    wrong = {"testResults": [shown[0]["_id"], shown[1]["_id"], shown[2]["_id"]]}
    restored = {"$set": wrong, "$unset": {"hospitalVisits": ""}}
    world.passport[PATIENTS].update_one({"_id": ObjectId(world.patients[2])}, restored)
    found = find(world)
    assert (found.missing, found.extra) == (Counter(), {HERE: 3})
    mark_faulty(world.passport, found)
    assert recorded(world.passport, "central")[DAY].inputs == ""
    before = [world.arrays(0), world.arrays(1)]
    world.run(shown)
    assert not world.passport[PATIENTS].find_one({"_id": ObjectId(world.patients[2])})["testResults"]
    assert [world.arrays(0), world.arrays(1)] == before
    assert recorded(world.passport, "central")[DAY].inputs
    assert not find(world)


def test_a_record_in_the_wrong_one_of_its_patients_lists_stays_in_the_right_one(world, shown):
    patient = {"_id": ObjectId(world.patients[0])}
    world.passport[PATIENTS].update_one(patient, {"$push": {"medications": shown[0]["_id"]}})
    mark_faulty(world.passport, faults_of_hospital(world.passport, "central"))
    world.run(shown)
    assert "medications" not in world.arrays(0)
    assert shown[0]["_id"] in world.arrays(0)["medicalHistory"]


def test_a_retracted_record_is_taken_out_of_every_patients_list(world, shown):
    world.run(shown[:1] + shown[2:])
    other = {"_id": ObjectId(world.patients[3])}
    world.passport[PATIENTS].update_one(other, {"$push": {"medications": shown[1]["_id"]}})
    found = faults_of_hospital(world.passport, "central")
    assert (found.missing, found.extra) == (Counter(), {HERE: 1})
    mark_faulty(world.passport, found)
    world.run(shown[:1] + shown[2:])
    assert world.arrays(3) == {}


def test_records_of_the_application_and_unknown_ids_stay_in_lists(world, shown):
    own = {"patientId": world.patients[0], "type": "condition", "data": {}, "createdBy": "0" * 24}
    records = [world.passport[RECORDS].insert_one(dict(own)).inserted_id, ObjectId()]
    patient = {"_id": ObjectId(world.patients[3])}
    world.passport[PATIENTS].update_one(patient, {"$set": {"medications": [*records, shown[0]["_id"]]}})
    found = faults_of_hospital(world.passport, "central")
    assert found.extra == {HERE: 1}
    mark_faulty(world.passport, found)
    world.run(shown)
    assert world.arrays(3) == {"medications": set(records)}


def test_lists_that_are_right_cost_four_commands(world, shown, commands):
    commands.names.clear()
    assert not faults_of_hospital(world.passport, "central")
    assert commands.names == ["aggregate", "aggregate", "find", "find"]
