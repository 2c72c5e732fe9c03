"""The citizens, and the passport's own documents."""

import re

from passport_sample.population import citizens, passport_patients

EMAIL = re.compile(r"^\w+([.-]?\w+)*@\w+([.-]?\w+)*(\.\w{2,3})+$")
BCRYPT = re.compile(r"^\$2b\$10\$[./A-Za-z0-9]{53}$")


def test_a_citizen_is_the_same_whoever_asks():
    assert citizens(1, 10, first=5).equals(citizens(1, 300).iloc[5:15])
    assert not citizens(2, 10)["national_id"].equals(citizens(1, 10)["national_id"])


def test_national_ids_are_unique_and_some_begin_with_zero():
    ids = citizens(3, 20_000)["national_id"]
    assert ids.is_unique
    assert ids.str.fullmatch(r"\d{10,16}").all()
    assert ids.str.startswith("0").any()


def test_the_passport_knows_most_citizens_and_not_all():
    everybody = citizens(1, 500)
    people = passport_patients(1, 500)
    assert people.known == set(everybody.loc[everybody["known"], "national_id"])
    assert 400 < len(people.known) < 500


def test_documents_have_the_shape_that_the_application_requires():
    people = passport_patients(1, 50)
    assert len({each["_id"] for each in people.users}) == len(people.users) == len(people.patients)
    for user, patient in zip(people.users, people.patients, strict=True):
        assert patient["user"] == user["_id"]
        assert EMAIL.match(user["email"])
        assert BCRYPT.match(user["password"])
        assert 2 <= len(user["name"]) <= 50
        assert user["role"] == "patient"
        assert re.fullmatch(r"\d{10,16}", patient["nationalId"])
        assert patient["gender"] in {"male", "female"}
        assert patient["dateOfBirth"] < user["createdAt"]
        assert patient["emergencyContact"].keys() == {"name", "relationship", "phone"}
        assert {patient[name] == [] for name in ("medicalHistory", "medications", "testResults", "hospitalVisits")}
