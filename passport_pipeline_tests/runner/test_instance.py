"""The Dagster instance of DAGSTER_HOME, and its storage where nobody has chosen another."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest
import yaml

from passport_pipeline.runner.instance import dagster_instance
from passport_pipeline.runner.local_storage import LocalEvents, LocalRuns
from passport_sample.dagster_home import prepare


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def storage_of(instance):
    return {type(instance.run_storage), type(instance.event_log_storage)}


def test_a_new_folder_is_given_a_config_by_which_others_see_the_same_runs(home):
    with dagster_instance() as instance:
        assert storage_of(instance) == {LocalRuns, LocalEvents}
        instance.add_dynamic_partitions("hospital", ["central"])
    with dg.DagsterInstance.get() as ui:
        assert storage_of(ui) == {LocalRuns, LocalEvents}
        assert ui.get_dynamic_partitions("hospital") == ["central"]
        assert not ui.telemetry_enabled


def test_the_storage_is_that_of_the_sample(home, tmp_path):
    with dagster_instance():
        written = yaml.safe_load((home / "dagster.yaml").read_text())
    (sample,) = yaml.safe_load((prepare(tmp_path / "sample") / "dagster.yaml").read_text())["storage"].values()
    assert {**sample, "config": None} == {**written["storage"]["custom"], "config": None}


def test_a_folder_with_a_config_or_with_runs_is_left_as_it_is(home):
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dagster_instance() as instance:
        assert storage_of(instance) & {LocalRuns, LocalEvents} == set()
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    (home / "dagster.yaml").unlink()
    with dagster_instance() as instance:
        assert storage_of(instance) & {LocalRuns, LocalEvents} == set()
    assert not (home / "dagster.yaml").exists()


@dg.op
def say():
    print("said by an op")  # noqa: T201


@dg.job
def saying():
    say()


def test_what_a_run_here_prints_goes_to_this_process_alone(home, capfd):
    with dagster_instance() as instance:
        assert saying.execute_in_process(instance=instance).success
    assert "said by an op" in capfd.readouterr().out
    assert not list(home.rglob("*.out"))


ADD = """
import sys
from passport_pipeline.runner.instance import dagster_instance
with dagster_instance() as instance:
    for number in range(20):
        instance.add_dynamic_partitions("hospital", [f"{sys.argv[1]}-{number}"])
"""


def test_processes_and_threads_that_write_at_once_lose_nothing(home):
    with dagster_instance() as instance:
        others = [subprocess.Popen([sys.executable, "-c", ADD, name]) for name in ("one", "two")]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: instance.add_dynamic_partitions("hospital", [f"three-{number}"]), range(40)))
        assert [other.wait(timeout=120) for other in others] == [0, 0]
        assert len(instance.get_dynamic_partitions("hospital")) == 80
