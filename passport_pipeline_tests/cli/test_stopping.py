"""`sync` that is told to stop in the middle of a window, and the one after it."""

import os
import signal
import subprocess
import sys

import dagster as dg
import pytest

from passport_pipeline.passport.leases import held
from passport_pipeline.sample.seed_example import seed_example, seed_passport

# The command, which says when it gets to a thing for the first time, and then takes its time over it.
SLOW_SYNC = """
import sys, time
from passport_pipeline.batches import Batches
from passport_pipeline.cli import main
from passport_pipeline.passport import bulk

place, name = {"reading": (Batches, "_write_day"), "loading": (bulk, "insert")}[sys.argv.pop()]

def slow(*arguments, **keywords):
    print("in the middle", flush=True)
    time.sleep(600)

setattr(place, name, slow)
main()
"""


@pytest.fixture(scope="module")
def operator(operating_on):
    with operating_on([seed_example()], seed_passport()) as operator:
        yield operator


@pytest.fixture
def environment(operator, tmp_path):
    settings = operator.settings
    return os.environ | {
        "DAGSTER_HOME": str(tmp_path),
        "PASSPORT_HOSPITALS_FILE": str(settings.hospitals_file),
        "PASSPORT_MONGO_URI": settings.mongo_uri.get_secret_value(),
        "PASSPORT_MONGO_DATABASE": settings.mongo_database,
        "PASSPORT_BATCHES": settings.batches,
    }


@pytest.mark.parametrize(
    ("place", "number", "exit_code"), [("reading", signal.SIGINT, 130), ("loading", signal.SIGTERM, 143)]
)
def test_sync_that_is_told_to_stop_ends_cleanly_and_the_next_one_completes(
    operator, environment, tmp_path, place, number, exit_code
):
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_SYNC, "sync", place],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "in the middle\n"
            connections = operator.connections()
            assert held(connections.passport, "hospital-1") == {"2025-11"}
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == exit_code
    assert said.strip().splitlines()[-1] == "passport-pipeline: stopped; run the same command again to continue"
    assert "Traceback" not in said
    assert held(connections.passport, "hospital-1") == set()
    connections.close()
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        runs = {run.job_name: run.status.value for run in instance.get_runs()}
    assert runs == {"hospital_references": "SUCCESS", "window_records": "FAILURE"}
    assert [run.failures for run in operator.sync()] == [[]]
    assert operator.verify()["hospital-1"].ok
    operator.database.medicalrecords.delete_many({})
    operator.database.sourcedays.delete_many({})
