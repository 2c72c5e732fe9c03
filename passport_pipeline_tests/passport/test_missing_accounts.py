"""Placeholder accounts that are gone, as the days whose runs make them again."""

from datetime import timedelta

import pytest
from bson import ObjectId

from passport_pipeline.passport.accounts import ensure_hospital, placeholder_id
from passport_pipeline.passport.missing_accounts import days_without_accounts
from passport_pipeline.passport.mongo.collections import DOCTORS, HOSPITALS, USERS
from passport_pipeline_tests.passport.factory import DAY, HOSPITAL, record

NEXT = DAY + timedelta(days=1)
CLINICIAN = str(placeholder_id("user", "central", "somebody"))
DOCTOR = str(placeholder_id("doctor", "central", "somebody"))


@pytest.fixture
def shown(world):
    """Two days whose records name a placeholder, and one that names an account of the application that is gone."""
    for day in (NEXT, DAY):
        named = record(day.day, world.patients[0], day=day) | {"createdBy": CLINICIAN}
        named["source"]["doctorId"] = DOCTOR
        world.run([named], day=day)
    later = NEXT + timedelta(days=1)
    world.run([record(9, world.patients[0], day=later) | {"createdBy": "f" * 24}], day=later)
    world.passport[USERS].insert_one(account(CLINICIAN))
    world.passport[DOCTORS].insert_one(doctor())
    return world


def account(key):
    return {
        "_id": ObjectId(key), "name": "Somebody", "email": "somebody@example.org", "role": "doctor",
        "password": "$2b$04$" + "a" * 53,
    }  # fmt: skip


def doctor():
    return {
        "_id": ObjectId(DOCTOR), "user": ObjectId(CLINICIAN), "licenseNumber": "SOMEBODY",
        "specialization": "General Practice", "hospital": ObjectId(),
    }  # fmt: skip


def test_nothing_is_lacking_where_every_placeholder_is_there(shown):
    assert days_without_accounts(shown.passport, "central") == set()


@pytest.mark.parametrize("collection", [USERS, DOCTORS])
def test_the_first_day_of_a_placeholder_that_is_gone_is_named(shown, collection):
    shown.passport[collection].delete_many({"_id": {"$in": [ObjectId(CLINICIAN), ObjectId(DOCTOR)]}})
    assert days_without_accounts(shown.passport, "central") == {DAY}


@pytest.mark.parametrize("collection", [USERS, HOSPITALS])
def test_a_hospital_that_has_lost_its_account_is_found_by_its_first_day_and_gets_it_again(
    shown, shared_settings, collection
):
    own = [ObjectId(shown.account.user_id), ObjectId(shown.account.hospital_id)]
    shown.passport[collection].delete_many({"_id": {"$in": own}})
    assert days_without_accounts(shown.passport, "central") == {DAY}
    assert ensure_hospital(shown.passport, HOSPITAL, shared_settings) == shown.account
    assert days_without_accounts(shown.passport, "central") == set()


def test_a_hospital_without_records_lacks_no_day(world):
    world.passport[HOSPITALS].delete_many({})
    assert days_without_accounts(world.passport, "central") == set()
