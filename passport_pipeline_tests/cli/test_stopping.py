"""`sync` that is told to stop in the middle of a window, and the one after it."""

import signal
import sys
import time

import dagster as dg
import pytest

from passport_pipeline.batches.store import StreamBatches
from passport_pipeline.cli import main
from passport_pipeline.passport.days.leases import held
from passport_pipeline.passport.mongo import bulk
from passport_sample.seed_example import seed_example, seed_passport
from passport_testing.faults.processes import Child

PLACES = {"reading": (StreamBatches, "_write_day"), "loading": (bulk, "insert")}


def slow_sync(place, told):
    """The command, in a process of its own; it says when it gets to a thing, and takes its time over it until the file
    `told` is there.
    """
    owner, name = PLACES[place]
    original = getattr(owner, name)

    def slow(*arguments, **keywords):
        sys.stdout.write("in the middle\n")
        sys.stdout.flush()
        while not told.exists():
            time.sleep(0.05)
        return original(*arguments, **keywords)

    setattr(owner, name, slow)
    sys.argv = ["passport-pipeline", "sync"]
    main()


@pytest.fixture(scope="module")
def operator(operating_on):
    with operating_on([seed_example()], seed_passport()) as operator:
        yield operator


@pytest.fixture
def environment(operator, tmp_path, monkeypatch):
    for name, value in {"DAGSTER_HOME": str(tmp_path), **operator.environment()}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("place", "number", "exit_code"), [("reading", signal.SIGINT, 130), ("loading", signal.SIGTERM, 143)]
)
def test_sync_that_is_stopped_ends_cleanly_and_the_next_one_completes(operator, tmp_path, place, number, exit_code):
    said, told = tmp_path / "said", tmp_path / "told"
    child = Child(slow_sync, place, told, said=said)
    try:
        while "in the middle\n" not in (said.read_text() if said.exists() else ""):
            assert child.alive, said.read_text()
            time.sleep(0.05)
        connections = operator.connections()
        assert held(connections.passport, "hospital-1") == {"2025-11"}
        child.send(number)
        time.sleep(0.5)  # what is being written meanwhile may be written to its end
        told.touch()
        assert child.join(60) == exit_code
    finally:
        child.kill()
    lines = said.read_text().strip().splitlines()
    assert lines[-1] == "passport-pipeline: stopped; run the same command again to continue"
    assert not [line for line in lines if "Traceback" in line]
    assert held(connections.passport, "hospital-1") == set()
    connections.close()
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        runs = {run.job_name: run.status.value for run in instance.get_runs()}
    assert runs == {"hospital_references": "SUCCESS", "window_records": "FAILURE"}
    assert [run.failures for run in operator.sync()] == [[]]
    assert operator.verify()["hospital-1"].ok
    operator.database.medicalrecords.delete_many({})
    operator.database.sourcedays.delete_many({})
