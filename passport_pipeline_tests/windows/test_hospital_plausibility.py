"""A hospital that would lose far more than usual over all of its windows is held back as a whole, however small each
window is, and whatever began the run.
"""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import dagster as dg
import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.core.windows import Window
from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.passport.hospitals.held_back import accept
from passport_pipeline.passport.hospitals.staleness import staleness
from passport_pipeline.passport.hospitals.state import HeldBack, HospitalState, Known, LetThrough, state_of
from passport_pipeline.windows.hospital_plausibility import HospitalChange, known_now
from passport_pipeline.windows.plausibility import ACCEPT_TAG, HELD_BACK_TAG, Plausibility
from passport_sample.population import PassportPeople, passport_patients
from passport_sample.seed_example import seed_example
from passport_testing.daemon import later

KEY = "hospital-1"
PATIENTS, ROWS_OF_ONE = 6, 15
MONTHS = ["2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10"]
MONTH_OF_ROWS = """
INSERT INTO obs (person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided, uuid)
SELECT {first} + s.seq MOD {patients}, 102, '{month}-01 08:00:00', 5, 456, 100,
       '{month}-01 08:00:00' + INTERVAL s.seq HOUR, 0, UUID()
FROM seq_0_to_{last} s
"""
FIRST_PATIENT = 1000
LED = {"source.stream": "observations"}


def sql(operator, *statements):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases[KEY]}`")
        connection.exec_driver_sql("SET FOREIGN_KEY_CHECKS = 0")
        for statement in statements:
            connection.execute(sa.text(statement))


def people() -> PassportPeople:
    """Six patients whom the passport knows."""
    made = passport_patients(seed=3, count=40)
    return replace(made, users=made.users[:PATIENTS], patients=made.patients[:PATIENTS])


def clinic(operator):
    """Make it a clinic of six patients, with fifteen notes of each in each of six months."""
    statements = ["DELETE FROM obs"]
    for number, patient in enumerate(people().patients):
        person = FIRST_PATIENT + number
        statements += [
            f"INSERT INTO person (person_id, gender, creator, date_created, voided, uuid) "
            f"VALUES ({person}, 'F', 1, NOW(), 0, '{uuid4()}')",
            f"INSERT INTO patient (patient_id, creator, date_created, voided, allergy_status) "
            f"VALUES ({person}, 1, NOW(), 0, 'Unknown')",
            f"INSERT INTO patient_identifier (patient_id, identifier, identifier_type, preferred, location_id, "
            f"creator, date_created, voided, uuid) "
            f"VALUES ({person}, '{patient['nationalId']}', 4, 1, 5, 1, NOW(), 0, UUID())",
        ]
    last = PATIENTS * ROWS_OF_ONE - 1
    for month in MONTHS:
        statements.append(MONTH_OF_ROWS.format(first=FIRST_PATIENT, patients=PATIENTS, month=month, last=last))
    tables = ("obs", "person", "patient", "patient_identifier", "patient_identifier_type")
    sql(operator, *statements, *(f"CREATE TABLE true_{table} AS SELECT * FROM {table}" for table in tables))


def put_back(operator):
    for table in ("patient_identifier_type", "patient_identifier", "patient", "person", "obs"):
        sql(operator, f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM true_{table}")


@pytest.fixture(scope="module")
def loaded(operating_on):
    with operating_on([seed_example()], people()) as operator:
        clinic(operator)
        assert [run.failures for run in operator.sync()] == [[]]
        assert operator.database.medicalrecords.count_documents(LED) == 540
        yield operator


@pytest.fixture
def operator(loaded):
    """The clinic, all of it in the passport; in the end it is restored and loaded again."""
    yield loaded
    put_back(loaded)
    assert failures_of(loaded.sync(accept=True)) == []
    assert loaded.database.medicalrecords.count_documents(LED) == 540
    loaded.database.sourcehospitals.update_one({"_id": KEY}, {"$unset": {"letThrough": "", "heldBack": ""}})
    assert loaded.verify()[KEY].ok


def failures_of(runs):
    return [failure for run in runs for failure in run.failures]


def settled(operator):
    """Let the sensors request all that is stale, and forget the runs that were held back before."""
    operator.settle()
    for run in operator.instance.get_runs(dg.RunsFilter(tags={HELD_BACK_TAG: "true"})):
        operator.instance.delete_run(run.run_id)


def state(operator):
    with closing(operator.connections()) as connections:
        return state_of(connections.passport, KEY)


LOSSES = {
    "person is empty, as in a half loaded dump": ["DELETE FROM person"],
    "half of person is there": ["DELETE FROM person WHERE person_id >= 1003"],
    "the identifier type has another uuid": ["UPDATE patient_identifier_type SET uuid = UUID()"],
    "every row is voided": ["UPDATE obs SET voided = 1"],
    "every row is deleted": ["DELETE FROM obs"],
    "a sixth of every window is voided": ["UPDATE obs SET voided = 1 WHERE HOUR(date_created) MOD 7 = 0"],
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_small_hospital_that_would_lose_its_records_is_held_back_with_one_message_until_an_operator_accepts(
    operator, loss
):
    before = operator.passport()
    sql(operator, *loss)
    (run,) = operator.sync()
    (failure,) = run.failures  # one message, not one a window
    assert failure.startswith(f"{KEY}: the whole hospital is held back, nothing was taken away: ")
    assert f"hospitals accept {KEY}" in failure and f"sync --hospital {KEY} --accept" in failure
    assert run.exit_code == 1
    assert operator.passport() == before
    held = state(operator).held_back
    assert held is not None and held.why in failure
    assert failures_of(operator.sync()) == [failure]
    assert state(operator).held_back == held and operator.passport() == before

    assert failures_of(operator.sync(accept=True)) == []
    assert operator.database.medicalrecords.count_documents(LED) < 540
    after = state(operator)
    assert after.held_back is None and after.reason == "let through by sync --accept"
    assert failures_of(operator.sync()) == []


def test_a_hospital_goes_on_by_itself_when_its_database_is_restored(operator):
    before = operator.passport()
    sql(operator, "DELETE FROM person", "UPDATE patient_identifier_type SET uuid = UUID()")
    assert len(failures_of(operator.sync())) == 1
    put_back(operator)
    assert failures_of(operator.sync()) == []
    assert state(operator).held_back is None
    assert operator.passport() == before


def test_runs_requested_by_sensors_are_held_back_and_go_on_when_the_database_is_restored(operator):
    settled(operator)
    before = operator.passport()
    sql(operator, "UPDATE obs SET voided = 1")
    operator.night()
    held_back = [run for run in operator.tick().ran if run.job == "window_records"]
    assert len(held_back) == 6 and not any(run.success for run in held_back)
    assert len({run.failures for run in held_back}) == 1
    assert operator.passport() == before
    assert operator.tick().ran == []
    put_back(operator)
    operator.night()
    with later(1):
        operator.settle()
    assert state(operator).held_back is None
    assert operator.passport() == before


@pytest.fixture
def run(operator):
    """run(month, *assets, **tags) -> the result of a run of these assets in the UI (none: of the job)."""

    def run(month, *assets, **tags):
        with closing(operator.connections()) as connections:
            job = build_definitions(connections=connections).resolve_job_def("window_records")
            only = [dg.AssetKey(asset) for asset in assets] or None
            return job.execute_in_process(
                partition_key=partition_key_of(Window(KEY, month)),
                instance=operator.instance,
                raise_on_error=False,
                tags=tags,
                asset_selection=only,
            )

    return run


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_run_of_a_single_window_in_the_ui_is_held_back_too(operator, run, loss):
    before = operator.passport()
    sql(operator, *loss)
    for month in MONTHS:
        assert not run(month).success
    assert operator.passport() == before
    assert state(operator).held_back is not None
    assert not run(MONTHS[0], "medical_records").success
    if loss != LOSSES["a sixth of every window is voided"]:
        assert run(MONTHS[0], **{ACCEPT_TAG: "true"}).success
        assert operator.database.medicalrecords.count_documents(LED | {"source.window": MONTHS[0]}) < 90
        assert not run(MONTHS[1]).success


def test_a_hospital_without_a_stored_plausible_state_is_held_back_in_its_first_run(operator, run):
    before = operator.passport()
    operator.database.sourcehospitals.update_one({"_id": KEY}, {"$unset": {"known": ""}})
    sql(operator, "UPDATE patient_identifier_type SET uuid = UUID()")
    for month in MONTHS:
        assert not run(month).success
    assert operator.passport() == before
    held = state(operator).held_back
    assert held is not None and "0 persons have a usable national id, and 7 had one" in held.why


def test_a_window_that_only_gains_rows_is_loaded_while_the_hospital_is_held_back(operator, run):
    sql(operator, "DELETE FROM patient_identifier WHERE patient_id < 1005")
    assert len(failures_of(operator.sync())) == 1
    gained = MONTH_OF_ROWS.format(first=1005, patients=1, month="2025-11", last=9)
    sql(operator, gained)
    assert len(failures_of(operator.sync())) == 1
    assert run("2025-11").success
    assert operator.database.medicalrecords.count_documents(LED) == 550
    assert state(operator).held_back is not None


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("UPDATE obs SET voided = 1 WHERE person_id = 1000 AND date_created < '2025-06-01' LIMIT 3", 537),
        ("UPDATE patient SET voided = 1 WHERE patient_id = 1002", 450),
        ("UPDATE patient_identifier SET voided = 1 WHERE patient_id = 1003", 450),
        ("DELETE FROM obs WHERE date_created < '2025-06-01' AND person_id < 1003", 495),
    ],
    ids=["three notes", "one patient", "one identifier", "half of one month"],
)
def test_ordinary_changes_do_not_hold_the_hospital_back(operator, change, left):
    sql(operator, change)
    assert failures_of(operator.sync()) == []
    assert operator.database.medicalrecords.count_documents(LED) == left
    assert state(operator).held_back is None


def test_an_operators_decision_lets_the_runs_of_sensors_through_for_a_day_and_is_stored(operator):
    settled(operator)
    sql(operator, "UPDATE obs SET voided = 1 WHERE person_id >= 1002")
    operator.night()
    operator.tick()
    with closing(operator.connections()) as connections:
        known = known_now(KEY, connections.batches)
        accepted = accept(connections.passport, connections.hospitals, KEY, "two wards were split off", "anna", known)
    assert accepted.held_back is None
    assert (accepted.by, accepted.reason, accepted.active) == ("anna", "two wards were split off", True)
    with later(1):
        assert operator.settle().failures == []
    assert operator.database.medicalrecords.count_documents(LED) == 180
    with closing(operator.connections()) as connections, pytest.raises(ConfigurationError, match="not held back"):
        accept(connections.passport, connections.hospitals, KEY, "again", "anna", known)


NOW = datetime(2026, 11, 28, tzinfo=UTC)


def change(*, known=None, now=None, held_back=None, let_through=None, removed=1, patients=6, parked=0, **rows):
    window = Plausibility(
        (KEY, MONTHS[0]),
        Settings(),
        in_records=90,
        removed=removed,
        patients=patients,
        parked={"no_national_id": parked},
    )
    state = HospitalState(KEY, held_back=held_back, let_through=let_through, known=known)
    return HospitalChange(state, Settings(), now or Known(), datetime.now(UTC), window=window, **rows)


@pytest.mark.parametrize(
    ("hospital", "holds"),
    [
        (change(before=1000, vanished=100), False),
        (change(before=1000, vanished=101), True),
        (change(before=1000, vanished=61, parked=40), True),
        (change(before=1000, vanished=101, patients=2), False),
        (change(before=1000, vanished=501, patients=1), True),
        (change(before=1000, vanished=900, removed=0), False),
        (change(before=49, vanished=24), False),
        (change(before=39, vanished=20, patients=1), True),
        (change(before=19, vanished=19), False),
        (change(known=Known(usable=100), now=Known(usable=71)), False),
        (change(known=Known(usable=100), now=Known(usable=70), patients=1), True),
        (change(known=Known(usable=1000), now=Known(usable=900)), False),
        (change(known=Known(usable=1000), now=Known(usable=899), patients=1), True),
        (change(known=Known(usable=2), now=Known(usable=0)), False),
        (change(known=Known(filled=("obs", "person")), now=Known(filled=("obs",)), patients=1), True),
        (change(known=Known(filled=("obs", "person")), now=Known(filled=("obs", "person", "visit"))), False),
        (change(before=1000, vanished=101, patients=1, held_back=HeldBack(NOW, "it shrank", 200)), True),
        (change(before=1000, vanished=5, held_back=HeldBack(NOW, "it shrank", 200)), False),
        (change(before=1000, vanished=400, let_through=LetThrough(NOW.replace(year=2999), 400)), False),
        (change(before=1000, vanished=451, let_through=LetThrough(NOW.replace(year=2999), 400)), True),
        (change(before=1000, vanished=400, let_through=LetThrough(NOW.replace(year=2000), 400)), True),
    ],
)
def test_a_hospital_is_held_back_beyond_the_limits_only(hospital, holds):
    assert hospital.holds is holds
    assert bool(hospital.message) is holds


def test_the_message_stays_the_same_while_the_hospital_is_held_back():
    first = change(before=1000, vanished=300)
    held_back = HeldBack(NOW, first.why, 300)
    assert change(before=1100, vanished=290, held_back=held_back).message == first.message


def test_a_hospital_that_is_held_back_is_stale():
    held = HospitalState(KEY, surveyed_at=NOW, held_back=HeldBack(NOW, "540 of 540 live rows are gone", 540))
    fleet = staleness([held], NOW, NOW - NOW)
    assert fleet.stale == {KEY: "held back since 2026-11-28 00:00 UTC: 540 of 540 live rows are gone"}
