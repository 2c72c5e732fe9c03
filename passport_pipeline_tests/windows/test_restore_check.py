"""A hospital whose database was restored from a backup is not read, and nothing changes, until an operator decides."""

from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from passport_pipeline.core.errors import SourceRefused
from passport_pipeline.core.windows import Window
from passport_pipeline.passport.hospitals.state import ACTIVE, PIPELINE, STOPPED, change_state, state_of
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_sample.seed_example import seed_example, seed_passport

ROWS = """
INSERT INTO obs (person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided, uuid)
SELECT 789, 102, '2025-11-07 08:00:00', 5, 456, 100, '2025-11-07 08:00:00' + INTERVAL seq MINUTE, 0, UUID()
FROM seq_1_to_{rows}
"""
KEY, WINDOW = "hospital-1", Window("hospital-1", "2025-11")


@pytest.fixture(scope="module")
def loaded(operating_on):
    """A hospital of 61 observations that the passport holds, and a copy of them."""
    with operating_on([seed_example()], seed_passport()) as operator:
        at_the_hospital(operator, ROWS.format(rows=60), "CREATE TABLE true_obs AS SELECT * FROM obs")
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture
def operator(loaded):
    """The same for every test; in the end the right database is back in its place."""
    yield loaded
    put_back(loaded)
    resume(loaded)


def put_back(operator):
    (rows,) = at_the_hospital(operator, "SELECT MAX(obs_id) FROM true_obs")
    following = f"ALTER TABLE obs AUTO_INCREMENT = {rows.scalar() + 1}"
    at_the_hospital(operator, "DELETE FROM obs", "INSERT INTO obs SELECT * FROM true_obs", following)


def at_the_hospital(operator, *statements):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases[KEY]}`")
        return [connection.execute(sa.text(statement)) for statement in statements]


def restore(operator, rows_since=0):
    """The backup lacks the newest 30 rows; since then so many others were typed, with their ids."""
    (result,) = at_the_hospital(operator, "SELECT MAX(obs_id) FROM obs")
    last = result.scalar()
    at_the_hospital(operator, f"DELETE FROM obs WHERE obs_id > {last - 30}", "ALTER TABLE obs AUTO_INCREMENT = 1")
    if rows_since:
        at_the_hospital(operator, ROWS.format(rows=rows_since))


@contextmanager
def passport_of(operator):
    connections = operator.connections()
    yield connections.passport
    connections.close()


def state(operator):
    with passport_of(operator) as passport:
        return state_of(passport, KEY)


def resume(operator, **more):
    with passport_of(operator) as passport:
        change_state(passport, [KEY], KEY, ACTIVE, "looked at", "anna", **more)


def everything(operator):
    return operator.passport(), operator.passport("sourcedays", "conflicts", "retractedrecords", "syncstatus")


def tick(operator):
    return operator.tick().failures


def sync(operator):
    return [failure for run in operator.sync() for failure in run.failures]


def window(operator):
    connections, run = operator.connections(), HospitalRun(KEY)
    InProcess(connections, operator.instance).window(WINDOW, run, full=True)
    connections.close()
    return run.failures


@pytest.mark.parametrize(
    ("check", "rows_since"), [(tick, 0), (sync, 5), (window, 200)], ids=["no new row", "few", "more than were lost"]
)
def test_the_first_check_by_sensor_sync_or_run_stops_the_hospital_and_the_passport_stays_as_it_was(
    operator, check, rows_since
):
    before = everything(operator)
    restore(operator, rows_since)
    failures = check(operator)
    stopped = state(operator)
    assert (stopped.state, stopped.by) == (STOPPED, PIPELINE)
    assert "restored from a backup" in stopped.reason
    if check is not tick:  # a tick warns, and checks the other hospitals
        assert "restored from a backup" in failures[0] and "--accept-restored" in failures[0]
    tick(operator)
    for again in (sync, window):
        assert "stopped since" in again(operator)[0]
    resume(operator)
    tick(operator)
    assert state(operator).state == STOPPED
    assert everything(operator) == before


def test_a_hospital_whose_right_database_is_back_goes_on_when_it_is_resumed(operator):
    before = everything(operator)
    restore(operator, 5)
    operator.tick()
    put_back(operator)
    resume(operator)
    assert not operator.settle().windows()
    assert state(operator).active
    assert everything(operator) == before


def test_a_restored_database_is_not_admitted(operator):
    restore(operator)
    connections = operator.connections()
    with pytest.raises(SourceRefused), connections.admitted(KEY):
        raise AssertionError("it was admitted")
    connections.close()


def test_a_purge_of_the_newest_rows_does_not_stop_the_hospital(operator):
    at_the_hospital(operator, "DELETE FROM obs ORDER BY obs_id DESC LIMIT 20")
    assert not operator.settle().failures
    assert state(operator).active
    assert operator.database.medicalrecords.count_documents({"source.stream": "observations"}) == 61 - 20


def test_an_operator_may_accept_the_restored_database(operator):
    assert not operator.settle().failures
    restore(operator, 45)
    operator.tick()
    resume(operator, accept_restored=True)
    settled = operator.settle()
    assert not settled.failures and settled.windows()
    assert state(operator).active
    assert operator.verify()[KEY].ok
    assert operator.database.medicalrecords.count_documents({"source.stream": "observations"}) == 61 - 30 + 45
