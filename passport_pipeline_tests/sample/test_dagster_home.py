"""Dagster for the sample: where it refuses to start, and that it leaves nothing running."""

import socket
import sys
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.runner.local_storage import LocalEvents, LocalRuns
from passport_sample import dagster_home
from passport_sample.processes import ServerFailed

SLEEP = [sys.executable, "-c", "import time; time.sleep(100)"]
END = [sys.executable, "-c", ""]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sleepers() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if SLEEP[-1] in process.cmdline()]


def run(monkeypatch: pytest.MonkeyPatch, commands: dict[str, list[str]]) -> None:
    monkeypatch.setattr(dagster_home, "commands", lambda _ui_port, _code_port: commands)


def test_the_instance_is_the_deployments_with_its_storage_in_the_folder(tmp_path: Path) -> None:
    folder = dagster_home.prepare(tmp_path)
    assert folder == tmp_path / "dagster"
    given = yaml.safe_load((dagster_home.PROJECT / "dagster.yaml").read_text())
    made = yaml.safe_load((folder / "dagster.yaml").read_text())
    assert made.keys() == given.keys()
    assert {name: section for name, section in made.items() if name != "storage"} == {
        name: section for name, section in given.items() if name != "storage"
    }
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert {type(instance.run_storage), type(instance.event_log_storage)} == {LocalRuns, LocalEvents}
    assert (folder / "history" / "event_log.db").exists()


def test_the_instance_needs_a_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dagster_home, "PROJECT", tmp_path / "site-packages")
    with pytest.raises(ConfigurationError, match="clone"):
        dagster_home.prepare(tmp_path)


def test_a_taken_port_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError, match="--port"):
        dagster_home.serve(taken.getsockname()[1])


def test_where_one_process_ends_the_others_are_ended(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(dagster_home, "_wait_for_code", lambda _process, _port: None)
    run(monkeypatch, {"code-location": SLEEP, "webserver": END, "daemon": SLEEP})
    with pytest.raises(ServerFailed, match="webserver ended"):
        dagster_home.serve(port)
    assert not sleepers()


def test_code_that_does_not_load_ends_everything(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    run(monkeypatch, {"code-location": END, "webserver": SLEEP})
    with pytest.raises(ServerFailed, match="code-location did not come up"):
        dagster_home.serve(port)
    assert not sleepers()
