"""Dagster for the sample: what a deployment runs, on SQLite instead of PostgreSQL and without containers.

What belongs here: deriving DAGSTER_HOME from dagster.yaml, and running the processes that docker-compose.yml
runs. What does not: the sample's own servers and variables (servers.py, cli).
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from passport_pipeline.core.errors import ConfigurationError
from passport_sample.processes import ServerFailed, dying_with_parent, free_port

PROJECT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
SECONDS_TO_LOAD = 120
SECONDS_TO_END = 20


def prepare(home: Path) -> Path:
    """Write {home}/dagster/dagster.yaml, the deployment's with SQLite as its `storage`; return the folder.

    Raises ConfigurationError where dagster.yaml is not at hand, as in an installed package.
    """
    config: dict[str, Any] = yaml.safe_load(_project_file("dagster.yaml").read_text())
    folder = home.resolve() / "dagster"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    storage = {"module": "passport_pipeline.runner.local_storage", "class": "LocalStorage"}
    config["storage"] = {"custom": storage | {"config": {"base_dir": str(folder)}}}
    head = "# Made from the project's dagster.yaml, with another storage. Changes here are lost.\n"
    (folder / "dagster.yaml").write_text(head + yaml.safe_dump(config, sort_keys=False))
    return folder


def commands(ui_port: int, code_port: int) -> dict[str, list[str]]:
    """The three Dagster processes under the names that docker-compose.yml gives them.

    All need DAGSTER_HOME, DAGSTER_CODE_HOST and DAGSTER_CODE_PORT in their environment.
    """
    programs = Path(sys.executable).parent
    code_server = [str(programs / "dagster"), "code-server", "start"]
    workspace = ["-w", str(_project_file("workspace.yaml"))]
    return {
        "code-location": [
            *code_server,
            "-m",
            "passport_pipeline.orchestration.definitions",
            "-h",
            HOST,
            "-p",
            str(code_port),
        ],
        "webserver": [str(programs / "dagster-webserver"), *workspace, "-h", HOST, "-p", str(ui_port)],
        "daemon": [str(programs / "dagster-daemon"), "run", *workspace],
    }


def serve(ui_port: int) -> None:
    """Run code location, web server and daemon until interrupted; where one ends, the others are ended too.

    DAGSTER_HOME and the pipeline's own variables are taken from the environment.
    Raises ConfigurationError where the port is taken, ServerFailed where a process ends by itself.
    """
    if free_port(ui_port) != ui_port:
        raise ConfigurationError(f"port {ui_port} is in use; choose another with --port")
    code_port = free_port(None)
    environment = os.environ | {"DAGSTER_CODE_HOST": HOST, "DAGSTER_CODE_PORT": str(code_port)}
    started: dict[str, subprocess.Popen[bytes]] = {}
    # `kill` ends it as Ctrl-C does, with everything that it started.
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        for name, command in commands(ui_port, code_port).items():
            tied = dying_with_parent(command, "TERM")
            started[name] = subprocess.Popen(tied, env=environment)  # noqa: S603
            if name == "code-location":
                _wait_for_code(started[name], code_port)
        while all(process.poll() is None for process in started.values()):
            time.sleep(0.5)
        ended = [name for name, process in started.items() if process.poll() is not None]
        raise ServerFailed(f"Dagster's {ended[0]} ended by itself, its last lines are above")
    finally:
        signal.signal(signal.SIGTERM, before)
        for process in started.values():
            process.terminate()
        for process in started.values():
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _wait_for_code(code_location: subprocess.Popen[bytes], port: int) -> None:
    check = [str(Path(sys.executable).with_name("dagster")), "api", "grpc-health-check", "-p", str(port)]
    deadline = time.monotonic() + SECONDS_TO_LOAD
    while code_location.poll() is None and time.monotonic() < deadline:
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:  # noqa: S603
            return
    raise ServerFailed("Dagster's code-location did not come up, its last lines are above")


def _project_file(name: str) -> Path:
    path = PROJECT / name
    if not path.exists():
        raise ConfigurationError(f"{name} is not there: the sample runs from a clone of the project")
    return path
