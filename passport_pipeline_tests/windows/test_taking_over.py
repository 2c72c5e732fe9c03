"""A run that is suspended for longer than its lease, in a process of its own, and the one that takes over from it."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import sqlalchemy as sa

from passport_pipeline.passport.leases import held
from passport_pipeline.sample.seed_example import seed_example, seed_passport

MONTH = "2025-11"

# The whole job of a window, by a process that stops itself before it does the named thing for the first time.
SUSPENDED = """
import os, signal, sys
import dagster as dg
from passport_pipeline.automation.in_process import HospitalRun, InProcess
from passport_pipeline.batches import Batches
from passport_pipeline.partitions import Window
from passport_pipeline.passport import marks
from passport_pipeline.resources import Connections

place, name = {places}[sys.argv[1]]
original, stopped = getattr(place, name), []

def stopping(*arguments, **keywords):
    if not stopped:
        stopped.append(True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return original(*arguments, **keywords)

with dg.DagsterInstance.ephemeral() as instance:
    in_process, run = InProcess(Connections(), instance), HospitalRun("hospital-1")
    in_process.register([in_process.connections.hospital("hospital-1")])
    setattr(place, name, stopping)
    in_process.window(Window("hospital-1", "{month}"), run)
    print(*run.failures, run.exit_code, sep="\\n")
"""
PLACES = {
    "reading rows": '(Batches, "_write_day")',
    "marking": '(marks, "_mark")',
}


@pytest.fixture(scope="module")
def operator(operating_on):
    with operating_on([seed_example()], seed_passport(), lease_seconds=1) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


def change(operator, answer):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases['hospital-1']}`")
        connection.execute(
            sa.text("UPDATE obs SET value_numeric = NULL, value_coded = NULL, value_text = :text"), answer
        )


def shown(operator):
    return {record["_id"]: record["data"]["details"] for record in operator.database.medicalrecords.find()}


@pytest.fixture
def suspend(operator):
    """suspend(place) -> a process that runs the window and has stopped itself there."""
    settings = operator.settings
    environment = os.environ | {
        "PASSPORT_HOSPITALS_FILE": str(settings.hospitals_file),
        "PASSPORT_MONGO_URI": settings.mongo_uri.get_secret_value(),
        "PASSPORT_MONGO_DATABASE": settings.mongo_database,
        "PASSPORT_BATCHES": settings.batches,
        "PASSPORT_LEASE_SECONDS": "1",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    started = []

    def start(place):
        places = "{" + ", ".join(f"{name!r}: {where}" for name, where in PLACES.items()) + "}"
        script = SUSPENDED.replace("{places}", places).replace("{month}", MONTH)
        process = subprocess.Popen(
            [sys.executable, "-c", script, place],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        deadline = time.monotonic() + 90
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.05)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_wakes_up_after_another_took_over_reverts_nothing(operator, suspend, place):
    change(operator, {"text": f"older, {place}"})
    slow = suspend(place)
    connections = operator.connections()
    deadline = time.monotonic() + 30
    while held(connections.passport, "hospital-1") and time.monotonic() < deadline:
        time.sleep(0.05)
    connections.close()
    change(operator, {"text": f"newer, {place}"})
    assert [run.failures for run in operator.sync()] == [[]]
    newer = operator.passport()
    assert set(shown(operator).values()) == {f"newer, {place}"}
    slow.send_signal(signal.SIGCONT)
    said, errors = slow.communicate(timeout=90)
    assert "another run has taken this window over" in said, errors
    assert said.endswith("\n4\n")
    assert operator.passport() == newer
    assert [run.written for run in operator.sync()] == [0]
    assert operator.verify()["hospital-1"].ok
