from datetime import timedelta

import bcrypt
import pandas as pd
import pytest
from bson import ObjectId

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.accounts import (
    days_without_accounts,
    ensure_clinicians,
    ensure_hospital,
    fit_name,
    placeholder_id,
    registered,
)
from passport_pipeline.passport.mongo.collections import DOCTORS, HOSPITALS, USERS
from passport_pipeline_tests.passport.factory import DAY, HOSPITAL, NOW, record

NEXT = DAY + timedelta(days=1)
CLINICIAN = str(placeholder_id("user", "central", "somebody"))
DOCTOR = str(placeholder_id("doctor", "central", "somebody"))


def frame(**names):
    return pd.DataFrame({"clinician_key": list(names), "name": list(names.values())}, dtype="str")


@pytest.fixture
def ensure(passport, account, shared_settings):
    def ensure(**names):
        return ensure_clinicians(passport, HOSPITAL, account, frame(**names), shared_settings)

    return ensure


def test_a_hospital_gets_one_placeholder_and_its_new_name(passport, account, shared_settings):
    assert ensure_hospital(passport, HOSPITAL, shared_settings) == account
    renamed = HOSPITAL.model_copy(update={"name": "Central Referral Hospital"})
    assert ensure_hospital(passport, renamed, shared_settings).hospital_id == account.hospital_id
    assert passport[HOSPITALS].find_one()["name"] == "Central Referral Hospital"


def test_a_hospital_of_the_application_is_used_and_keeps_its_name(passport, shared_settings):
    own = {"user": ObjectId(), "name": "CHUK", "address": "Kigali", "contact": "1", "licenseNumber": "H-1"}
    passport[HOSPITALS].insert_one(own | {"openmrsHospitalKey": "central"})
    account = ensure_hospital(passport, HOSPITAL, shared_settings)
    assert account.user_id == str(own["user"])
    assert passport[HOSPITALS].find_one()["name"] == "CHUK"


def test_patients_read_the_name_under_which_the_application_has_registered_the_hospital(passport, shared_settings):
    assert registered(passport, HOSPITAL) == HOSPITAL
    ensure_hospital(passport, HOSPITAL, shared_settings)
    renamed = HOSPITAL.model_copy(update={"name": "Central Referral Hospital"})
    assert registered(passport, renamed) == renamed, "a placeholder follows hospitals.yaml"
    passport[HOSPITALS].delete_many({})
    passport[HOSPITALS].insert_one(
        {"user": ObjectId(), "name": "CHUK", "address": "Kigali", "contact": "1", "licenseNumber": "H-1"}
        | {"openmrsHospitalKey": "central"}
    )
    assert registered(passport, HOSPITAL).name == "CHUK"


def test_a_hospital_whose_licence_number_is_taken_is_refused_with_what_to_do(passport, shared_settings):
    own = {"user": ObjectId(), "name": "CHUK", "address": "Kigali", "contact": "1"}
    passport[HOSPITALS].insert_one(own | {"licenseNumber": "OPENMRS-CENTRAL"})
    with pytest.raises(PassportRefused, match="set its openmrsHospitalKey to central"):
        ensure_hospital(passport, HOSPITAL, shared_settings)


def test_a_clinician_gets_a_user_that_nobody_can_log_in_as(ensure, passport, account):
    user_id, doctor_id = ensure(PROVIDER_100="Jane Smith")["PROVIDER_100"]
    user = passport[USERS].find_one({"_id": ObjectId(user_id)})
    doctor = passport[DOCTORS].find_one({"_id": ObjectId(doctor_id)})
    assert (user["name"], user["role"], user["isEmailVerified"]) == ("Jane Smith", "doctor", True)
    assert user["email"].endswith("@openmrs.example.org")
    assert not bcrypt.checkpw(b"PROVIDER_100", user["password"].encode())
    assert doctor["licenseNumber"] == "OPENMRS-CENTRAL-PROVIDER_100"
    assert (doctor["user"], doctor["hospital"]) == (user["_id"], ObjectId(account.hospital_id))
    assert doctor["openmrsProviderUuid"] == "PROVIDER_100"


def test_a_placeholder_doctor_is_active_and_has_no_patients_yet(ensure, passport):
    ensure(a="Jane Smith")
    doctor = passport[DOCTORS].find_one()
    assert (doctor["isActive"], doctor["patients"]) == (True, [])


def test_a_placeholder_doctor_of_an_earlier_version_gets_what_it_lacks_and_no_other_is_touched(ensure, passport):
    ensure(a="Jane Smith", b="Joe Doe", c="Ann Roe")
    doctors = {doctor["openmrsProviderUuid"]: doctor for doctor in passport[DOCTORS].find()}
    lacking = {"$unset": {"isActive": "", "patients": ""}}
    passport[DOCTORS].update_one({"_id": doctors["a"]["_id"]}, lacking)
    passport[DOCTORS].update_one({"_id": doctors["b"]["_id"]}, {"$set": {"isActive": False}})
    passport[DOCTORS].delete_one({"_id": doctors["c"]["_id"]})
    own = {name: value for name, value in doctors["c"].items() if name not in ("isActive", "patients")}
    passport[DOCTORS].insert_one(own | {"_id": ObjectId()})
    ensure(a="Jane Smith", b="Joe Doe", c="Ann Roe")
    found = {doctor["openmrsProviderUuid"]: doctor for doctor in passport[DOCTORS].find()}
    assert (found["a"]["isActive"], found["a"]["patients"]) == (True, [])
    assert (found["b"]["isActive"], found["b"]["patients"]) == (False, [])
    assert "isActive" not in found["c"]


def test_known_clinicians_cost_no_write(ensure, commands):
    first = ensure(a="Dr. A. One", b="Dr. B. Two")
    commands.names.clear()
    assert ensure(a="Dr. A. One", b="Dr. B. Two") == first
    assert commands.names == ["find", "find"]


def test_two_hospitals_with_the_same_provider_have_two_doctors(ensure, passport, shared_settings):
    east = HOSPITAL.model_copy(update={"key": "east", "name": "East"})
    account = ensure_hospital(passport, east, shared_settings)
    here = ensure(PROVIDER_100="Dr. Jane Smith")
    there = ensure_clinicians(passport, east, account, frame(PROVIDER_100="Dr. Joe Doe"), shared_settings)
    assert set(here["PROVIDER_100"]).isdisjoint(there["PROVIDER_100"])


def test_a_doctor_of_the_application_is_used(ensure, passport, account):
    ensure(key="Dr. Jane Smith")
    own = {"_id": ObjectId(), "user": ObjectId(), "licenseNumber": "RW-1", "specialization": "Surgery"}
    place = {"hospital": ObjectId(account.hospital_id), "openmrsProviderUuid": "key"}
    passport[DOCTORS].insert_one(own | place)
    assert ensure(key="Dr. Jane Smith") == {"key": (str(own["user"]), str(own["_id"]))}


def test_a_new_name_reaches_a_placeholder_but_not_a_user_that_the_application_renamed(ensure, passport):
    accounts = ensure(a="Dr. Jane Smith", b="Dr. Joe Doe")
    passport[USERS].update_one({"_id": ObjectId(accounts["b"][0])}, {"$set": {"name": "Joseph"}})
    ensure(a="Dr. Jane Jones", b="Dr. Joe Roe")
    names = [passport[USERS].find_one({"_id": ObjectId(accounts[key][0])})["name"] for key in "ab"]
    assert names == ["Dr. Jane Jones", "Joseph"]


def test_a_taken_address_is_refused_and_leaves_no_doctor_without_a_user(ensure, passport):
    ensure(a="Dr. Jane Smith")
    user = passport[USERS].find_one({"role": "doctor"})
    passport[USERS].delete_one({"_id": user["_id"]})
    passport[DOCTORS].delete_many({})
    passport[USERS].insert_one(user | {"_id": ObjectId(), "createdAt": NOW})
    with pytest.raises(PassportRefused, match="1 clinicians have no account"):
        ensure(a="Dr. Jane Smith")
    assert passport[DOCTORS].count_documents({}) == 0


@pytest.mark.parametrize(
    ("name", "fitted"),
    [
        ("Dr. Jane  Smith ", "Dr. Jane Smith"),
        ("J", "Unknown clinician"),
        (None, "Unknown clinician"),
        (float("nan"), "Unknown clinician"),
        ("Dr. " + "x" * 60, "Dr. " + "x" * 46),
    ],
)
def test_every_name_is_made_to_fit(name, fitted):
    assert fit_name(name) == fitted


def test_without_clinicians_no_account_is_made(ensure):
    assert ensure() == {}


def test_an_odd_key_still_makes_valid_accounts(ensure, passport, shared_settings):
    odd = HOSPITAL.model_copy(update={"key": "a--b-9"})
    account = ensure_hospital(passport, odd, shared_settings)
    names = frame(**{"Ünï/ code .": "Dr. Jane Smith"})
    assert len(ensure_clinicians(passport, odd, account, names, shared_settings)) == 1


def test_a_title_that_an_earlier_version_put_into_a_placeholders_name_is_taken_off(ensure, passport):
    ensure(a="Dr. Jane Smith", b="Dr. Joe Doe")
    passport[USERS].update_one({"name": "Dr. Joe Doe"}, {"$set": {"name": "Dr. Joseph Doe"}})
    ensure(a="Jane Smith", b="Joe Doe")
    assert sorted(user["name"] for user in passport[USERS].find({"role": "doctor"})) == ["Dr. Joseph Doe", "Jane Smith"]


@pytest.fixture
def with_accounts(world):
    """Two days whose records name a placeholder, and one that names an account of the application that is gone."""
    for day in (NEXT, DAY):
        named = record(day.day, world.patients[0], day=day) | {"createdBy": CLINICIAN}
        named["source"]["doctorId"] = DOCTOR
        world.run([named], day=day)
    later = NEXT + timedelta(days=1)
    world.run([record(9, world.patients[0], day=later) | {"createdBy": "f" * 24}], day=later)
    world.passport[USERS].insert_one(user_document(CLINICIAN))
    world.passport[DOCTORS].insert_one(doctor_document())
    return world


def user_document(key):
    return {
        "_id": ObjectId(key), "name": "Somebody", "email": "somebody@example.org", "role": "doctor",
        "password": "$2b$04$" + "a" * 53,
    }  # fmt: skip


def doctor_document():
    return {
        "_id": ObjectId(DOCTOR), "user": ObjectId(CLINICIAN), "licenseNumber": "SOMEBODY",
        "specialization": "General Practice", "hospital": ObjectId(),
    }  # fmt: skip


def test_no_day_lacks_an_account_where_every_placeholder_exists(with_accounts):
    assert days_without_accounts(with_accounts.passport, "central") == set()


@pytest.mark.parametrize("collection", [USERS, DOCTORS])
def test_the_first_day_of_a_placeholder_that_is_gone_lacks_an_account(with_accounts, collection):
    with_accounts.passport[collection].delete_many({"_id": {"$in": [ObjectId(CLINICIAN), ObjectId(DOCTOR)]}})
    assert days_without_accounts(with_accounts.passport, "central") == {DAY}


@pytest.mark.parametrize("collection", [USERS, HOSPITALS])
def test_a_hospital_that_has_lost_its_account_is_found_by_its_first_day_and_gets_it_again(
    with_accounts, shared_settings, collection
):
    own = [ObjectId(with_accounts.account.user_id), ObjectId(with_accounts.account.hospital_id)]
    with_accounts.passport[collection].delete_many({"_id": {"$in": own}})
    assert days_without_accounts(with_accounts.passport, "central") == {DAY}
    assert ensure_hospital(with_accounts.passport, HOSPITAL, shared_settings) == with_accounts.account
    assert days_without_accounts(with_accounts.passport, "central") == set()


@pytest.mark.parametrize("collection", [USERS, HOSPITALS])
def test_a_record_that_is_the_hospitals_own_names_no_doctor_and_lacks_one_day_only(world, shared_settings, collection):
    user = world.account.user_id
    for day, author in ((DAY, CLINICIAN), (NEXT, user)):
        world.run([record(day.day, world.patients[0], day=day) | {"createdBy": author}], day=day)
    world.passport[USERS].insert_one(user_document(CLINICIAN))
    assert days_without_accounts(world.passport, "central") == set()
    world.passport[collection].delete_many({"_id": {"$in": [ObjectId(user), ObjectId(world.account.hospital_id)]}})
    assert days_without_accounts(world.passport, "central") == {DAY}
    assert ensure_hospital(world.passport, HOSPITAL, shared_settings) == world.account


def test_no_day_of_a_hospital_without_records_lacks_an_account(world):
    world.passport[HOSPITALS].delete_many({})
    assert days_without_accounts(world.passport, "central") == set()
