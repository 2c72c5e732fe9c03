from types import SimpleNamespace

import pytest
from bson import ObjectId

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo.collections import PATIENTS
from passport_pipeline.passport.patients.changes import PatientChanges, hospitals_of, patient_changes
from passport_pipeline_tests.passport.factory import patient, record


@pytest.fixture
def token(world):
    """Where the first check of a test goes on; the patients exist already."""
    first = patient_changes(world.passport, None)
    assert first.unknown == "this is the first check"
    return first.token


def told(changes):
    assert changes.unknown is None
    return set(changes.patients), set(changes.deleted), set(changes.national_ids)


def test_patients_who_are_registered_corrected_replaced_or_deleted_are_reported_once(world, token):
    patients, (first, second, third, *_) = world.passport[PATIENTS], map(ObjectId, world.patients)
    new = patient(77)
    patients.insert_one(new)
    patients.update_one({"_id": first}, {"$set": {"nationalId": "2000000001", "status": "inactive"}})
    patients.update_one({"_id": second}, {"$set": {"nationalId": "2000000002"}})
    patients.delete_one({"_id": second})
    patients.replace_one({"_id": third}, patient(2) | {"nationalId": "2000000003"})
    changes = patient_changes(world.passport, token)
    assert told(changes) == (
        {str(new["_id"]), str(first), str(second), str(third)},
        {str(second)},
        {new["nationalId"], "2000000001", "2000000002", "2000000003"},
    )
    assert told(patient_changes(world.passport, changes.token)) == (set(), set(), set())


def test_other_writes_to_patients_are_not_reported(world, token):
    world.run([record(1, world.patients[0])])
    world.passport[PATIENTS].update_many({}, {"$set": {"contactNumber": "0788111222"}})
    assert told(patient_changes(world.passport, token)) == (set(), set(), set())


def test_neither_the_token_nor_printed_changes_hold_data_of_a_patient(world, token):
    patients = world.passport[PATIENTS]
    for number in range(3):
        patients.update_one({"_id": ObjectId(world.patients[number])}, {"$set": {"nationalId": f"200000000{number}"}})
        changes = patient_changes(world.passport, token)
        assert world.patients[number] in changes.patients
        for one in world.patients:
            assert one not in changes.token.lower() and one not in repr(changes)
        token = changes.token


def test_more_changes_than_one_check_has_time_for_may_concern_any_patient(world, token):
    world.passport[PATIENTS].update_one({}, {"$set": {"nationalId": "2000000001"}})
    changes = patient_changes(world.passport, token, seconds=0)
    assert changes.unknown == "there were too many changes for one check"
    assert told(patient_changes(world.passport, changes.token)) == (set(), set(), set())


@pytest.mark.parametrize("lost", ["no token", "82"])
def test_where_the_history_does_not_reach_back_any_patient_may_have_changed(world, lost):
    changes = patient_changes(world.passport, lost)
    assert changes.unknown.startswith("MongoDB's history does not reach back to the last check")
    assert told(patient_changes(world.passport, changes.token)) == (set(), set(), set())


def test_after_the_collection_was_dropped_any_patient_may_have_changed(settings, mongo):
    from passport_pipeline.passport.mongo.database import Passport

    with Passport.connect(settings) as passport:
        passport[PATIENTS].insert_one({"nationalId": "2000000001"})
        token = patient_changes(passport, None).token
        passport[PATIENTS].drop()
        changes = patient_changes(passport, token)
        assert changes.unknown
        assert patient_changes(passport, changes.token).unknown is None


@pytest.mark.parametrize("hello", [{}, {"msg": "isdbgrid"}], ids=["one server", "sharded cluster"])
def test_without_a_replica_set_there_is_no_change_stream(hello):
    admin = SimpleNamespace(command=lambda _: hello)
    changes = patient_changes(SimpleNamespace(client=SimpleNamespace(admin=admin)), "82")
    assert changes.token is None and changes.unknown == "MongoDB offers no change stream"


def test_an_account_without_the_privilege_is_refused_with_the_privilege_named(world, token, monkeypatch):
    from pymongo import errors
    from pymongo.collection import Collection

    def watch(*_, **__):
        raise errors.OperationFailure("not authorized", 13)

    monkeypatch.setattr(Collection, "watch", watch)
    with pytest.raises(PassportRefused, match="readWrite"):
        patient_changes(world.passport, token)


def test_the_hospitals_of_changed_patients_are_those_that_they_have_records_of(world):
    world.run([record(1, world.patients[0])])
    east = [record(2, world.patients[0], hospital="east"), record(3, world.patients[1], hospital="east")]
    world.run(east, hospital="east")

    def of(*numbers, deleted=()):
        ids = [frozenset(world.patients[number] for number in some) for some in (numbers, deleted)]
        return hospitals_of(world.passport, PatientChanges("82", None, *ids))

    assert of() == set()
    assert of(0) == {"central", "east"}
    assert of(1, 2) == {"east"}
    assert of(2) == set()
    assert of(1, deleted=[1]) == {"east"}
    # Nobody can tell any more where the deleted one had records.
    assert of(1, 2, deleted=[2]) is None
    assert hospitals_of(world.passport, PatientChanges("82", "unknown")) is None
