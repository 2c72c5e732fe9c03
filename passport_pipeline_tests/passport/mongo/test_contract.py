"""The contract beside a living application: its own rules go on to hold, and come back when ours are taken out."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from pymongo.errors import WriteError

from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import (
    ALLERGIES,
    AUDIT,
    CONTRACT_CHANGES,
    DAYS,
    HOSPITALS,
    PATIENTS,
    RECORDS,
    SHARED,
    USERS,
)
from passport_pipeline.passport.mongo.contract import COLLECTIONS, CREATED, MERGED, PUT_BACK, SET
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.mongo.validation_rules import UNTITLED
from passport_pipeline_tests.passport.factory import patient

OURS = {one.name: one.validator for one in COLLECTIONS}
OWN_INDEX = f"{ALLERGIES}.hospital_1_{ALLERGIES}.day_1"
THEIRS = {"address": {"$ne": "Nowhere"}}


@pytest.fixture
def empty(settings):
    with Passport.connect(settings) as passport:
        yield passport


@pytest.fixture
def application(empty):
    """application(name, **options): the application has made a collection of its own."""

    def make(name, **options):
        empty.db.create_collection(name, **options)
        return empty

    return make


def rules(passport, name):
    options = next(one["options"] for one in passport.db.list_collections(filter={"name": name}))
    return options.get("validator"), options.get("validationLevel"), options.get("validationAction")


def done(changes):
    return {one.collection: one.rules for one in changes if one.rules}


def test_the_applications_rules_hold_beside_ours(application):
    passport = application(PATIENTS, validator=THEIRS)
    assert done(passport.ensure())[PATIENTS] == MERGED
    assert rules(passport, PATIENTS) == ({"$and": [THEIRS, OURS[PATIENTS]]}, "strict", "error")
    passport[PATIENTS].insert_one(patient(1))
    for wrong in ({"address": "Nowhere"}, {"gender": "F"}):
        with pytest.raises(WriteError):
            passport[PATIENTS].insert_one(patient(2) | wrong)
    assert not done(passport.ensure())


def test_invalid_fields_are_named_whether_the_application_or_the_pipeline_demands_them(application):
    passport = application(
        PATIENTS,
        validator={"$and": [THEIRS, {"$jsonSchema": {"properties": {"ward": {"bsonType": "string"}}}}]},
    )
    passport.ensure()
    wrong = {
        1: {"address": "Nowhere"},
        2: {"gender": "F"},
        3: {"ward": 5},
        4: {"emergencyContact": {"name": "A", "relationship": "B", "phone": 7}},
        5: {"address": "Nowhere", "status": "gone"},
    }
    found = bulk.insert(passport[PATIENTS], [patient(number) | fields for number, fields in wrong.items()])
    assert [found.invalid[patient(number)["_id"]] for number in wrong] == [
        ["address"],
        ["gender"],
        ["ward"],
        ["emergencyContact.phone"],
        ["address", "status"],
    ]


@pytest.mark.parametrize("options", [{"validationAction": "warn"}, {"validationLevel": "off"}], ids=str)
def test_rules_of_the_application_that_do_not_refuse_go_on_not_to_refuse(application, options):
    passport = application(PATIENTS, validator=THEIRS, **options)
    passport.ensure()
    passport[PATIENTS].insert_one(patient(1) | {"address": "Nowhere"})
    with pytest.raises(WriteError):
        passport[PATIENTS].insert_one(patient(2) | {"gender": "F"})
    passport.undo()
    assert rules(passport, PATIENTS)[0] == THEIRS
    name, value = next(iter(options.items()))
    assert rules(passport, PATIENTS)[1 if name == "validationLevel" else 2] == value


def test_documents_that_were_invalid_before_can_still_be_saved_and_new_ones_are_refused(empty, caplog):
    empty[PATIENTS].insert_one(patient(1) | {"gender": "F"})
    with caplog.at_level(logging.WARNING):
        change = next(one for one in empty.ensure() if one.collection == PATIENTS)
    assert (change.rules, change.invalid) == (SET, 1)
    assert "patients: 1 documents do not fit" in caplog.text
    assert empty[PATIENTS].update_one({"_id": patient(1)["_id"]}, {"$set": {"address": "Here"}}).modified_count == 1
    with pytest.raises(WriteError):
        empty[PATIENTS].insert_one(patient(2) | {"gender": "F"})
    empty[PATIENTS].insert_one(patient(2))
    with pytest.raises(WriteError):
        empty[PATIENTS].update_one({"_id": patient(2)["_id"]}, {"$set": {"gender": "F"}})


def test_rules_that_the_application_changes_are_merged_again_and_ours_never_stacked(application):
    passport = application(PATIENTS, validator=THEIRS)
    passport.ensure()
    later = {"address": {"$ne": "Elsewhere"}}
    passport.db.command("collMod", PATIENTS, validator=later)
    assert done(passport.ensure()) == {PATIENTS: MERGED}
    assert rules(passport, PATIENTS)[0] == {"$and": [later, OURS[PATIENTS]]}
    both = {"$and": [rules(passport, PATIENTS)[0], THEIRS]}
    passport.db.command("collMod", PATIENTS, validator=both)
    passport.ensure()
    assert rules(passport, PATIENTS)[0] == {"$and": [{"$and": [later, THEIRS]}, OURS[PATIENTS]]}
    assert not done(passport.ensure())
    passport.undo()
    assert rules(passport, PATIENTS)[0] == {"$and": [later, THEIRS]}


def test_eight_at_once_merge_once_and_lose_nothing(application, settings):
    passport = application(PATIENTS, validator=THEIRS, validationLevel="moderate", validationAction="warn")
    passport[USERS].create_index("role")

    def ensure(_):
        with Passport.connect(settings) as one:
            return one.ensure()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ensure, range(8)))
    once = {"$and": [{"$or": [THEIRS, {}]}, OURS[PATIENTS]]}
    assert rules(passport, PATIENTS) == (once, "moderate", "error")
    assert not [one for one in passport.ensure() if one]
    passport.undo()
    assert rules(passport, PATIENTS) == (THEIRS, "moderate", "warn")
    assert set(passport[USERS].index_information()) == {"_id_", "role_1"}


def test_rules_by_which_an_earlier_version_replaced_the_applications_do_not_count_as_its_own(application):
    before = {name: value for name, value in OURS[USERS]["$jsonSchema"].items() if name != "title"}
    passport = application(USERS, validator={"$jsonSchema": before})
    assert done(passport.ensure())[USERS] == SET
    assert rules(passport, USERS) == (OURS[USERS], "moderate", "error")
    assert UNTITLED


def test_undo_gives_the_application_back_what_it_had(application):
    passport = application(PATIENTS, validator=THEIRS, validationLevel="moderate")
    passport[PATIENTS].create_index("nationalId", unique=True)
    passport[RECORDS].create_index("createdBy", name="the application's own", sparse=True)
    passport[RECORDS].create_index([("patientId", 1), ("type", 1)])
    passport[PATIENTS].insert_one(patient(1))
    passport.db.create_collection("appointments")
    before = {name: set(passport[name].index_information()) for name in (PATIENTS, RECORDS, "appointments")}
    passport.ensure()
    assert passport[CONTRACT_CHANGES].count_documents({}) > 0
    changes = {one.collection: one for one in passport.undo()}
    assert set(changes) == set(SHARED)
    assert changes[PATIENTS].rules == changes[USERS].rules == PUT_BACK
    assert changes[PATIENTS].indexes == ("user_1", OWN_INDEX)
    assert rules(passport, PATIENTS) == (THEIRS, "moderate", "error")
    assert {name: set(passport[name].index_information()) for name in before} == before
    assert not rules(passport, AUDIT)[0]
    assert set(passport[HOSPITALS].index_information()) == {"_id_"}
    assert passport[PATIENTS].count_documents({}) == 1
    # What is the pipeline's alone stays as it is.
    assert rules(passport, DAYS) == (OURS[DAYS], "strict", "error")
    assert passport[CONTRACT_CHANGES].count_documents({}) == 0


def test_without_a_stored_list_undo_removes_only_indexes_on_fields_of_the_pipeline(empty):
    empty.ensure()
    empty[CONTRACT_CHANGES].delete_many({})
    removed = {one.collection: one.indexes for one in empty.undo()}
    assert {name for name, indexes in removed.items() if indexes} == {RECORDS, PATIENTS}
    assert removed[PATIENTS] == (OWN_INDEX,)
    assert {"patientId_1_type_1", "createdBy_1"} < set(empty[RECORDS].index_information())
    assert not [name for name in empty[RECORDS].index_information() if "source" in name]


def test_undo_twice_changes_nothing_and_ensure_puts_everything_in_place_again(application):
    passport = application(PATIENTS, validator=THEIRS)
    assert done(passport.ensure())[RECORDS] == CREATED

    def everything():
        indexes = {one.name: set(passport[one.name].index_information()) for one in COLLECTIONS}
        return {one.name: rules(passport, one.name) for one in COLLECTIONS}, indexes

    before = everything()
    passport.undo()
    assert not [one for one in passport.undo() if one]
    assert everything() != before
    passport.ensure()
    assert everything() == before


def test_undo_without_anything_to_undo_makes_nothing(empty):
    assert empty.undo() == []
    assert empty.db.list_collection_names() == []
