from bson import ObjectId

from passport_pipeline.passport.mongo.collections import PATIENTS
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.patients.patients import Reference, find_by_national_id
from passport_pipeline_tests.passport.factory import NOW


def test_patients_are_found_by_national_id_in_one_command(world, commands):
    ids = [f"{1_000_000_000 + number}" for number in (0, 3)]
    commands.names.clear()
    found = find_by_national_id(world.passport, [*ids, "9999999999", ids[0]])
    assert found == {ids[0]: [world.patients[0]], ids[1]: [world.patients[3]]}
    assert commands.names == ["find"]


def test_no_national_ids_give_no_patients(world):
    assert find_by_national_id(world.passport, []) == {}


def test_references_are_added_once_and_removed_without_touching_others(world):
    ids = [ObjectId() for _ in range(3)]
    world.passport[PATIENTS].update_many({}, {"$set": {"testResults": [ids[2]]}})
    new = [Reference(world.patients[0], "test", ids[0]), Reference(world.patients[0], "condition", ids[1])]
    for _ in range(2):
        patients.add(world.passport, new, NOW)
    assert world.passport[PATIENTS].find_one()["testResults"] == [ids[2], ids[0]]
    assert patients.missing(world.passport, new) == []
    patients.remove(world.passport, new[:1], NOW)
    assert patients.missing(world.passport, new) == new[:1]
    assert world.arrays(0) == {"testResults": {ids[2]}, "medicalHistory": {ids[1]}}


def test_an_image_is_in_no_list(world):
    image = [Reference(world.patients[0], "image", ObjectId())]
    patients.add(world.passport, image, NOW)
    assert world.arrays(0) == {}
    assert patients.missing(world.passport, image) == []
