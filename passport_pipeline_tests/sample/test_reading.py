"""The documents of pages, out of a passport."""

import secrets

import pytest

from passport_pipeline_tests.sample.encounters import ACCOUNTS, CENTRAL, DESK, JANE, condition, haemoglobin, visit
from passport_sample.pages.reading import accounts_of, by_patient, most_travelled_patient

OTHER = "65f0c0ffee0000000000ffff"


@pytest.fixture
def database(mongo):
    made = mongo[f"passport_test_{secrets.token_hex(6)}"]
    yield made
    mongo.drop_database(made.name)


def test_the_records_of_a_patient_come_with_what_pages_read(database):
    own, other = visit(), condition() | {"patientId": OTHER}
    database.medicalrecords.insert_many([own, other | {"source": {"hospital": "central", "rows": []}}])
    found = by_patient(database)
    assert {patient: [one["_id"] for one in records] for patient, records in found.items()} == {
        own["patientId"]: [own["_id"]],
        OTHER: [other["_id"]],
    }
    assert found[OTHER][0]["source"] == {"hospital": "central"}
    assert by_patient(database, OTHER) == {OTHER: found[OTHER]}


def test_clinicians_are_the_users_who_are_doctors_by_their_names_without_title(database):
    users = [("Dr. Jane Smith", JANE, "doctor"), (CENTRAL, DESK, "hospital"), ("J. Doe", "j", "doctor")]
    database.users.insert_many([{"_id": id_, "name": name, "role": role} for name, id_, role in users])
    database.hospitals.insert_many(
        [{"name": CENTRAL, "openmrsHospitalKey": "central"}, {"name": "Registered by itself"}]
    )
    accounts = accounts_of(database)
    assert accounts.clinicians == {JANE: "Jane Smith", "j": "J. Doe"}
    assert accounts.hospitals == {"central": ACCOUNTS.hospitals["central"]}


def test_the_patient_with_records_of_most_hospitals_and_then_of_most_types_is_shown(database):
    assert most_travelled_patient(database) is None
    database.medicalrecords.insert_many([visit(), condition(), haemoglobin()])
    database.medicalrecords.insert_many([one | {"patientId": "b"} for one in (visit(), visit(hospital="east"))])
    assert most_travelled_patient(database) == "b"
    database.medicalrecords.insert_many(
        [one | {"patientId": "c"} for one in (visit(), visit(), condition(hospital="east"))]
    )
    assert most_travelled_patient(database) == "c"
