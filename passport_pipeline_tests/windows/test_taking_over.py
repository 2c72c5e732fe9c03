"""A run that is suspended for longer than its lease, in a process of its own, and the run that takes over from it."""

import signal
import time

import psutil
import pytest
import sqlalchemy as sa

from passport_pipeline.core.windows import Window
from passport_pipeline.passport.days.leases import held
from passport_sample.seed_example import seed_example, seed_passport
from passport_testing.faults import points
from passport_testing.faults.child import Doom, run_window
from passport_testing.faults.processes import Child

WINDOW = Window("hospital-1", "2025-11")
# Where it is suspended: as it puts a file in place of another, and before it marks the day that it is to load.
PLACES = {
    "reading rows": "file:replace:obs_batch",
    "matching": "file:replace:matches",
    "marking": "mongodb:update:sourcedays",
}


@pytest.fixture(scope="module")
def operator(operating_on):
    with operating_on([seed_example()], seed_passport(), lease_seconds=1) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


def change(operator, answer):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases[WINDOW.hospital]}`")
        connection.execute(
            sa.text("UPDATE obs SET value_numeric = NULL, value_coded = NULL, value_text = :text"), answer
        )


def shown(operator):
    led = operator.database.medicalrecords.find({"source.stream": "observations"})
    return {record["_id"]: record["data"]["details"] for record in led}


def wait_until(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def suspend(operator, tmp_path):
    """suspend(place) -> a process that runs the window and has stopped itself there, and the file of its output."""
    started = []

    def start(place):
        doom, said = Doom(PLACES[place], points.BEFORE, by=signal.SIGSTOP), tmp_path / "said"
        child = Child(run_window, operator.instance.get_ref(), operator.settings, WINDOW, doom, said=said)
        started.append(child)
        wait_until(lambda: not child.alive or psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
        assert child.alive, said.read_text()
        return child, said

    yield start
    for child in started:
        child.kill()


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_resumes_after_another_took_over_changes_nothing(operator, suspend, place):
    change(operator, {"text": f"older, {place}"})
    slow, said = suspend(place)
    connections = operator.connections()
    wait_until(lambda: not held(connections.passport, WINDOW.hospital))
    connections.close()
    change(operator, {"text": f"newer, {place}"})
    assert [run.failures for run in operator.sync()] == [[]]
    newer = operator.passport()
    assert set(shown(operator).values()) == {f"newer, {place}"}
    slow.send(signal.SIGCONT)
    assert slow.join(90) == 4, said.read_text()
    assert "another run has taken this window over" in said.read_text()
    assert operator.passport() == newer
    assert [run.written for run in operator.sync()] == [0]
    assert operator.verify()[WINDOW.hospital].ok
