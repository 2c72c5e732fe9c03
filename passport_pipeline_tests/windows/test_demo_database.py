"""The demo database that OpenMRS wrote, registered as a hospital like any other."""

import pytest
import sqlalchemy as sa

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
from passport_pipeline_tests.passport.factory import patient
from passport_pipeline_tests.windows.running import load_hospitals

TYPE = "aaaaaaaa-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def database(openmrs_dump, mariadb_admin):
    name = openmrs_dump("demo-1.9")
    with mariadb_admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{name}`")
        connection.execute(
            sa.text(
                "INSERT INTO patient_identifier_type (name, description, creator, date_created, required, check_digit,"
                " uuid) VALUES ('National ID', '', 1, NOW(), 0, 0, :uuid)"
            ),
            {"uuid": TYPE},
        )
        connection.exec_driver_sql(
            "INSERT INTO patient_identifier (patient_id, identifier, identifier_type, preferred, location_id, creator,"
            " date_created, voided, uuid) SELECT patient_id, CONCAT('11980-', LPAD(patient_id, 11, '0')),"
            " LAST_INSERT_ID(), 0, 1, 1, NOW(), 0, UUID() FROM patient WHERE MOD(patient_id, 10) <> 0"
        )
        patients = connection.exec_driver_sql("SELECT patient_id FROM patient WHERE MOD(patient_id, 10) <> 0")
        return name, [number for (number,) in patients]


def register(passport, numbers):
    passport["patients"].insert_many([patient(number) | {"nationalId": f"11980{number:011d}"} for number in numbers])


def test_every_row_has_an_outcome_and_the_765_diagnoses_are_conditions(database, readonly_url, settings, monkeypatch):
    name, numbers = database
    monkeypatch.setenv("DEMO_URL", readonly_url(name))
    settings.hospitals_file.write_text(
        "hospitals:\n  - {key: demo, name: Demo, url_env: DEMO_URL, timezone: UTC, national_id_types: [" + TYPE + "]}\n"
    )
    connections = Connections(settings)
    passport = connections.passport
    register(passport, numbers[: len(numbers) * 3 // 4])

    def result():
        load_hospitals(connections)
        with connections.source("demo") as source:
            verification = verify_hospital(source, passport, VerifyOptions((FIRST_MONTH, last_month())))
        assert verification.ok
        assert verification.live == 7632
        parked, skipped = sum(verification.parked.values()), sum(verification.skipped.values())
        assert verification.loaded + verification.attached + parked + skipped == 7632
        return verification

    first = result()
    assert set(first.parked) == {"unknown_patient", "no_national_id"}
    conditions = passport["medicalrecords"].count_documents({"type": "condition"})
    parked = passport["parkedrows"].count_documents({"rows.role": "set"})
    assert conditions + parked == 765
    assert conditions > 400
    # The rest of the patients is registered, and their history appears without touching what is there.
    register(passport, numbers[len(numbers) * 3 // 4 :])
    second = result()
    assert set(second.parked) == {"no_national_id"}
    assert second.loaded > first.loaded
    sets = passport["medicalrecords"].count_documents({"type": "condition", "source.rows.role": "set"})
    assert sets + passport["parkedrows"].count_documents({"rows.role": "set"}) == 765
    kinds = passport["medicalrecords"].distinct("data.name", {"type": "condition"})
    assert "Diagnosis certainty" not in kinds
    assert "Diagnosis order" not in kinds
    connections.close()
