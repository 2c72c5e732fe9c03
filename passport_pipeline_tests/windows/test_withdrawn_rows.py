"""Rows whose encounter, visit or patient is gone, or is somebody else's: what was found of them beside this project."""

import sqlalchemy as sa

from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
from passport_pipeline_tests.windows.running import run_windows

OF_ANOTHER, OF_A_VOIDED = "995e3293-92ea-46a6-8db1-3554d2964de7", "e70e5223-a220-4291-aecc-9757aecdd6b7"
ENCOUNTER_OF_ANOTHER, VOIDED = "b8f3f7ab-5cfb-4047-92e1-b74f48fb8871", "beedcf71-33b9-40b0-aac6-b058b8a5f0da"
FIRST = {"person": 12, "encounter": 10}
LEFT_ON_THE_LOSER = "f48f770a-e254-4fad-8649-f2cad5dfedc1"


def verified(connections):
    with connections.source("case") as source:
        return verify_hospital(source, connections.passport, VerifyOptions((FIRST_MONTH, last_month())))


def shown(connections):
    return {one["source"]["rowUuid"] for one in connections.passport["medicalrecords"].find()}


def parked(connections):
    return {one["rowUuid"]: one["reason"] for one in connections.passport["parkedrows"].find()}


def write(connections, mariadb_admin, statement):
    database = sa.make_url(connections.hospital("case").url()).database
    with mariadb_admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{database}`")
        connection.exec_driver_sql(statement)


def test_rows_of_a_voided_encounter_are_not_loaded_and_rows_in_another_patients_encounter_are_parked(
    case, mariadb_admin
):
    connections = case("10-obs-encounter-disagree.sql", "1000000079190", "1000000087109", first=FIRST)
    assert parked(connections) == {OF_ANOTHER: "encounter_of_another_patient"}
    assert not shown(connections)
    found = verified(connections)
    assert (found.ok, found.withdrawn) == (True, {"voided_encounter": 1})

    write(connections, mariadb_admin, "UPDATE encounter SET voided = 0")
    assert [one.source.live - one.passport.live for one in verified(connections).differences] == [1]
    run_windows(connections, [Window("case", "2024-01")])
    assert shown(connections) == {OF_A_VOIDED, VOIDED}
    write(connections, mariadb_admin, "UPDATE encounter SET voided = 1")
    run_windows(connections, [Window("case", "2024-01")])
    assert not shown(connections)
    assert not parked(connections)
    assert verified(connections).withdrawn == {"voided_encounter": 2}

    write(connections, mariadb_admin, "UPDATE encounter SET voided = 0, patient_id = 12 WHERE patient_id = 13")
    run_windows(connections, [Window("case", "2024-01")])
    assert shown(connections) == {OF_ANOTHER, ENCOUNTER_OF_ANOTHER}
    assert parked(connections) == {OF_A_VOIDED: "encounter_of_another_patient"}
    assert verified(connections).ok


def test_rows_left_on_a_patient_who_was_merged_into_another_are_counted(case):
    connections = case("18-merge-chain.sql", "1000000150461", first={"person": 9052, "encounter": 23})
    assert LEFT_ON_THE_LOSER not in shown(connections) | parked(connections).keys()
    found = verified(connections)
    assert (found.ok, found.loaded, found.withdrawn) == (True, 3, {"merged_away": 1})
