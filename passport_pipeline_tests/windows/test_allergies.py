"""A hospital's rows that state allergies, all the way into patients' lists."""

import pytest
import sqlalchemy as sa

from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
from passport_pipeline_tests.windows.cases import HEADERS
from passport_pipeline_tests.windows.running import run_windows

NATIONAL_ID = HEADERS.national_id
SUBSTANCE = "e564ce32-638f-42c0-ba6f-4a19def292ae"
SHOWN = "Penicillin (reaction: Anaphylaxis, severe); Case, 2024-03-05"


@pytest.fixture
def hospital(case, mariadb_admin):
    """The case, loaded."""
    return Hospital(HEADERS.loaded(case), mariadb_admin)


class Hospital:
    """The case's hospital, and the patient in the passport."""

    def __init__(self, connections, admin):
        self.connections, self.admin = connections, admin
        self.patients = connections.passport["patients"]

    @property
    def allergies(self):
        return self.patients.find_one({"nationalId": NATIONAL_ID}).get("allergies")

    def write(self, statement):
        """Change the hospital's rows, and run again the month in which its encounter was entered."""
        database = sa.make_url(self.connections.hospital("case").url()).database
        with self.admin.begin() as connection:
            connection.exec_driver_sql(f"USE `{database}`")
            connection.exec_driver_sql(statement)
        run_windows(self.connections, [Window("case", "2024-01")])

    def verified(self):
        with self.connections.source("case") as source:
            options = VerifyOptions((FIRST_MONTH, last_month()), lists=True)
            return verify_hospital(source, self.connections.passport, options)


def test_a_groups_substance_reaction_and_severity_are_one_entry(hospital):
    """And the penicillin that was stopped, the family's infection and the disease that was ruled out are none."""
    assert hospital.allergies == [SHOWN]
    assert hospital.verified().ok


def test_an_entry_goes_and_comes_with_its_row_beside_what_users_wrote(hospital):
    hospital.patients.update_one({}, {"$push": {"allergies": {"$each": ["Penicillin", "Cats"], "$position": 0}}})
    hospital.write(f"UPDATE obs SET voided = 1, date_voided = NOW() WHERE uuid = '{SUBSTANCE}'")
    rest = "Allergy, substance not stated (reaction: Anaphylaxis, severe); Case, 2024-03-05"
    assert hospital.allergies == ["Penicillin", "Cats", rest]
    hospital.write("UPDATE obs SET voided = 1, date_voided = NOW() WHERE obs_group_id = 6")
    assert hospital.allergies == ["Penicillin", "Cats"]
    hospital.write("UPDATE obs SET voided = 0, date_voided = NULL WHERE obs_group_id = 6")
    assert hospital.allergies == ["Penicillin", "Cats", SHOWN]
    assert hospital.verified().ok


def test_an_answer_that_there_is_none_takes_the_entry_away_and_adds_nothing(hospital):
    hospital.write(f"UPDATE obs SET value_coded = 5100 WHERE uuid = '{SUBSTANCE}'")
    assert hospital.allergies == []


def test_what_a_user_took_away_stays_away_and_a_patient_restored_from_an_older_copy_gets_it_again(hospital):
    hospital.patients.update_one({}, {"$set": {"allergies": []}})
    hospital.write("UPDATE obs SET comments = 'seen' WHERE obs_group_id = 6")
    assert hospital.allergies == []
    assert not hospital.verified().lists
    hospital.patients.update_one({}, {"$unset": {"pipelineAllergies": ""}})
    verification = hospital.verified()
    assert not verification.ok
    assert verification.healing() == [("2024-01", False)]
