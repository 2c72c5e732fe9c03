"""The demo database that OpenMRS wrote, registered as a hospital like any other."""

import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.verification.hospital import HospitalVerification, VerifyOptions, verify_hospital
from passport_pipeline_tests.passport.factory import patient
from passport_pipeline_tests.people_read import Pages, pages_of
from passport_pipeline_tests.windows.running import load_hospitals
from passport_sample.pages.faults import (
    Text,
    missing_texts,
    no_diagnosis_in_heading,
    reads_unknown,
    said_twice,
    wrongly_normal,
)

TYPE = "aaaaaaaa-0000-0000-0000-000000000001"
NAME = "Demo Hospital"


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


@dataclass(frozen=True)
class Load:
    """What a load of the whole hospital left: the verification, and how many records and parked diagnoses there are."""

    verification: HospitalVerification
    conditions: int
    parked_sets: int


@dataclass(frozen=True)
class Loaded:
    """The passport after a load with three quarters of the patients registered, and one with all of them."""

    first: Load
    second: Load
    passport: Mapping[str, Any]
    pages: Pages


@pytest.fixture(scope="module")
def loaded(database, readonly_url, servers, mongo, tmp_path_factory):
    name, numbers = database
    folder = tmp_path_factory.mktemp("demo")
    settings = Settings(
        hospitals_file=folder / "hospitals.yaml",
        mongo_uri=servers.mongo_uri,
        mongo_database=f"passport_test_{secrets.token_hex(6)}",
        batches=str(folder / "batches"),
    )
    settings.hospitals_file.write_text(
        f"hospitals:\n  - {{key: demo, name: {NAME}, url_env: DEMO_URL, timezone: UTC, national_id_types: [{TYPE}]}}\n"
    )

    def load(connections):
        load_hospitals(connections)
        with connections.source("demo") as source:
            verification = verify_hospital(source, connections.passport, VerifyOptions((FIRST_MONTH, last_month())))
        records, parked = connections.passport["medicalrecords"], connections.passport["parkedrows"]
        return Load(
            verification,
            records.count_documents({"type": "condition"}),
            parked.count_documents({"rows.role": "set"}),
        )

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DEMO_URL", readonly_url(name))
            with closing(Connections(settings)) as connections:
                passport = connections.passport
                register(passport, numbers[: len(numbers) * 3 // 4])
                first = load(connections)
                # The rest of the patients is registered, and their history appears without touching what is there.
                register(passport, numbers[len(numbers) * 3 // 4 :])
                second = load(connections)
                yield Loaded(first, second, passport, pages_of(mongo[settings.mongo_database]))
    finally:
        mongo.drop_database(settings.mongo_database)


def test_every_row_has_an_outcome_and_the_765_diagnoses_are_conditions(loaded):
    for load in (loaded.first, loaded.second):
        verification = load.verification
        assert verification.ok
        assert verification.live == 7632
        parked, skipped = sum(verification.parked.values()), sum(verification.skipped.values())
        assert verification.loaded + verification.attached + parked + skipped == 7632
        assert load.conditions + load.parked_sets == 765
    assert set(loaded.first.verification.parked) == {"unknown_patient", "no_national_id"}
    assert loaded.first.conditions > 400
    assert set(loaded.second.verification.parked) == {"no_national_id"}
    assert loaded.second.verification.loaded > loaded.first.verification.loaded
    sets = loaded.passport["medicalrecords"].count_documents({"type": "condition", "source.rows.role": "set"})
    assert sets == loaded.second.conditions
    kinds = loaded.passport["medicalrecords"].distinct("data.name", {"type": "condition"})
    assert "Diagnosis certainty" not in kinds
    assert "Diagnosis order" not in kinds


@pytest.mark.parametrize("kind", ["condition", "test", "visit"])
def test_every_loaded_record_stands_on_the_patients_page_with_its_own_date_doctor_and_hospital(loaded, kind):
    shown = loaded.pages.shown[kind]
    assert shown.loaded > 400
    assert (shown.on_a_card, shown.as_its_own) == (shown.loaded, shown.loaded)


def test_no_diagnosis_or_test_is_said_twice_on_one_card(loaded):
    assert loaded.pages.faults(said_twice) == []


def test_no_result_reads_normal_that_nobody_called_normal(loaded):
    tests = loaded.pages.records("test")
    normal = {test["_id"] for test in tests if test["data"].get("testStatus") == "Normal"}
    assert any(card.results for card in loaded.pages.cards())
    assert loaded.pages.faults(lambda cards, _: wrongly_normal(cards, normal)) == []


def test_every_note_stands_below_its_question_on_a_card_of_its_day(loaded, database, mariadb_admin):
    name, _ = database
    with mariadb_admin.connect() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT person_id, obs_id, obs_datetime, value_text FROM `{name}`.obs WHERE voided = 0"
            " AND value_text IS NOT NULL AND MOD(person_id, 10) <> 0"
        ).all()
    missing = []
    for person, obs_id, at, text in rows:
        _, cards = loaded.pages.patients[str(patient(person)["_id"])]
        missing += missing_texts(cards, {obs_id: Text(at.date(), NAME, f"Text of encounter note: {text}")})
    assert len(rows) > 400
    assert missing == []


def test_the_heading_diagnosis_stands_over_diagnoses_alone(loaded):
    assert loaded.pages.faults(no_diagnosis_in_heading) == []


def test_no_card_reads_unknown_for_the_hospital(loaded):
    # Who was answerable is unknown: the database has no provider in any encounter.
    assert loaded.pages.faults(lambda cards, _: reads_unknown(cards, ())) == []
