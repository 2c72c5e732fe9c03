"""Who is answerable for a record, from a hospital's database to the passport."""

import json

import sqlalchemy as sa

from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
from passport_pipeline_tests.windows.running import read_references, run_windows

NATIONAL_ID = "1000000142542"
OF_ENCOUNTER, WITHOUT_ENCOUNTER = "4a64b2fa-d066-45e9-8f1d-ca3052b64396", "daa76177-91d1-4955-9de8-6af6c0ee2262"
VISIT_WITHOUT_ENCOUNTER = "fce72b71-747e-4d20-adae-96b1e658daa4@2024-03-05@2024-03-05@nobody"
NURSE_UUID = "886a2d2c-3445-4228-95a2-29db98e1d156"

# Ward Clerk types, and was only ever entered as a clerk; Ann Doctor types and is no provider.
MORE = """
INSERT INTO encounter_role (encounter_role_id, name, retired, creator, date_created, uuid)
VALUES (951, 'Secrétaire', 0, 1, '2024-01-01', 'role-951'), (952, 'Enfermeiro', 0, 1, '2024-01-01', 'role-952'),
       (953, 'Médecin', 0, 1, '2024-01-01', 'role-953');
INSERT INTO person (person_id, gender, voided, date_created, uuid)
VALUES (9052, 'F', 0, '2024-01-01', 'person-9052'), (9053, 'F', 0, '2024-01-01', 'person-9053'),
       (9054, 'F', 0, '2024-01-01', 'person-9054');
INSERT INTO person_name (person_id, prefix, given_name, family_name, preferred, voided, date_created, uuid)
VALUES (9052, 'Prof.', 'Rose', 'Medecin', 1, 0, '2024-01-01', 'name-9052'),
       (9053, NULL, 'Ann', 'Doctor', 1, 0, '2024-01-01', 'name-9053'),
       (9054, NULL, 'Unknown', 'Provider', 1, 0, '2024-01-01', 'name-9054');
INSERT INTO provider (provider_id, person_id, name, identifier, retired, creator, date_created, uuid)
VALUES (52, 9052, NULL, 'P52', 1, 1, '2024-01-01', 'provider-52'), (54, 9054, NULL, 'P54', 0, 1, '2024-01-01', 'p-54'),
       (55, NULL, 'Dr. Old Name', 'P55', 0, 1, '2024-01-01', 'provider-55');
INSERT INTO users (user_id, system_id, username, person_id, retired, date_created, uuid)
VALUES (50, '50-1', 'desk', 9050, 0, '2024-01-01', 'user-50'), (53, '53-1', 'ann', 9053, 0, '2024-01-01', 'user-53');
INSERT INTO encounter (encounter_id, encounter_type, patient_id, location_id, encounter_datetime, voided, date_created,
                       uuid)
SELECT seq, 901, 24, 1, '2024-03-06 09:30:00', 0, '2024-01-01', CONCAT('encounter-', seq) FROM seq_100_to_107;
INSERT INTO encounter_provider (encounter_id, provider_id, encounter_role_id, voided, date_created, uuid)
VALUES (100, 51, 952, 0, '2024-01-01', 'ep-1'), (100, 50, 951, 0, '2024-01-01', 'ep-2'),
       (100, 52, 953, 0, '2024-01-01', 'ep-3'),
       (101, 52, 953, 1, '2024-01-01', 'ep-4'), (101, 51, 952, 0, '2024-01-01', 'ep-5'),
       (102, 50, 951, 0, '2024-01-01', 'ep-6'), (103, 54, 901, 0, '2024-01-01', 'ep-7'),
       (104, 55, 901, 0, '2024-01-01', 'ep-8'), (105, 50, 951, 0, '2024-01-01', 'ep-9');
INSERT INTO obs (obs_id, person_id, concept_id, obs_datetime, date_created, creator, voided, status, encounter_id,
                 value_coded, uuid)
SELECT 2000 + seq, 24, 5001, '2024-03-06 09:30:00', '2024-03-06 10:00:00', typist, 0, 'FINAL', seq, 5010,
       CONCAT('obs-', seq)
FROM (SELECT 100 AS seq, 1 AS typist UNION SELECT 101, 1 UNION SELECT 102, 1 UNION SELECT 103, 1 UNION SELECT 104, 1
      UNION SELECT 105, 50 UNION SELECT 106, 50 UNION SELECT 107, 53) AS typed;
"""


def load(case, more=""):
    return case("17-who-is-answerable.sql", NATIONAL_ID, first={"person": 24, "encounter": 22}, more=more)


def records_of(connections):
    return {record["source"]["rowUuid"]: record for record in connections.passport["medicalrecords"].find()}


def shown_as(connections):
    """The name of the user to whom each record belongs, and its clinician's title."""
    users = {str(user["_id"]): user for user in connections.passport["users"].find()}
    return {
        uuid: (users[record["createdBy"]]["name"], record["source"].get("clinicianTitle"))
        for uuid, record in records_of(connections).items()
    }


def test_the_clinician_is_answerable_and_not_the_scribe_and_nobody_gets_a_title(case):
    connections = load(case)
    record = records_of(connections)[OF_ENCOUNTER]
    (user,) = connections.passport["users"].find({"role": "doctor"})
    assert (user["name"], record["createdBy"]) == ("Grace Nurse", str(user["_id"]))
    assert record["openmrsData"]["providerUuid"] == NURSE_UUID
    assert record["source"]["clinician"] == "Grace Nurse" and "clinicianTitle" not in record["source"]
    assert record["data"]["procedure"] == "Synced from OpenMRS - Grace Nurse"
    assert (record["openmrsData"]["creatorName"], record["source"]["enteredBy"]) == ("Grace Nurse", "Super User")
    assert [provider["role"] for provider in record["source"]["providers"]] == ["Scribe", "Clinician"]
    assert {user["name"] for user in connections.passport["users"].find()} == {"Grace Nurse", "Case"}
    for stored in records_of(connections).values():
        assert "Dr." not in json.dumps(stored, default=str)


def test_what_the_softwares_account_typed_without_an_encounter_is_the_hospitals_and_names_no_person(case):
    connections = load(case)
    record = records_of(connections)[WITHOUT_ENCOUNTER]
    hospital = connections.passport["hospitals"].find_one()
    assert record["createdBy"] == str(hospital["user"])
    assert not {"doctorId", "clinician", "clinicianTitle", "providers"} & record["source"].keys()
    assert not {"providerUuid", "creatorName", "encounterUuid"} & record["openmrsData"].keys()
    assert record["data"]["procedure"] == "Synced from OpenMRS"
    assert connections.passport["doctors"].count_documents({}) == 1
    entry = connections.passport["auditlogs"].find_one({"targetId": record["_id"]})
    assert "providerName" not in entry["changes"]


def test_roles_accounts_and_titles_are_judged_in_any_language_and_both_ends_agree(case):
    connections = load(case, MORE)
    own = connections.hospital("case").name
    of_rows = {
        OF_ENCOUNTER: ("Grace Nurse", None),
        WITHOUT_ENCOUNTER: (own, None),
        "obs-100": ("Rose Medecin", "Prof."),
        "obs-101": ("Grace Nurse", None),
        "obs-102": (own, None),
        "obs-103": (own, None),
        "obs-104": ("Old Name", "Dr."),
        "obs-105": (own, None),
        "obs-106": (own, None),
        "obs-107": ("Ann Doctor", None),
    }
    visits = {OF_ENCOUNTER: "35c3a595-da7a-459d-b903-16fa03cb6d26", WITHOUT_ENCOUNTER: VISIT_WITHOUT_ENCOUNTER}
    of_visits = {visits.get(uuid, uuid.replace("obs", "encounter")): shown for uuid, shown in of_rows.items()}
    assert shown_as(connections) == of_rows | of_visits
    with connections.source("case") as source:
        assert verify_hospital(source, connections.passport, VerifyOptions((FIRST_MONTH, last_month()))).ok


def test_records_follow_when_the_hospital_names_its_clinician_or_withdraws_them(case, mariadb_admin):
    connections = load(case)
    database = sa.make_url(connections.hospital("case").url()).database

    def write(statement):
        with mariadb_admin.begin() as connection:
            connection.exec_driver_sql(f"USE `{database}`")
            connection.exec_driver_sql(statement)
        read_references(connections, "case")
        run_windows(connections, [Window("case", "2024-01")])
        return shown_as(connections)[OF_ENCOUNTER]

    own = connections.hospital("case").name
    assert write("UPDATE encounter_role SET name = 'Infirmière' WHERE name = 'Scribe'") == ("Grace Nurse", None)
    assert write("UPDATE encounter_role SET name = 'Greffier' WHERE name = 'Clinician'") == ("Clerk Desk", None)
    assert write("UPDATE encounter_provider SET voided = 1") == (own, None)
    assert write("UPDATE encounter_provider SET voided = 0") == ("Clerk Desk", None)
