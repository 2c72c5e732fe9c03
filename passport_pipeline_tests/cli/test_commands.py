"""The command line as an operator or a program meets it."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from passport_pipeline.cli import commands, main
from passport_pipeline.cli.commands import app

COMMANDS = (
    ["sync"],
    ["verify"],
    ["status"],
    ["init"],
    ["hospitals", "check"],
    ["leases", "list"],
    ["leases", "release"],
    ["parked", "list"],
    ["parked", "replay"],
    ["demo"],
    ["ui"],
    ["sample", "load"],
)


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "passport_pipeline.cli", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_explains_every_command(command):
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


HEAVY = (
    "alembic",
    "bcrypt",
    "dagster",
    "fsspec",
    "numpy",
    "pandas",
    "pyarrow",
    "pymongo",
    "sqlalchemy",
    "yaml",
)
LATER = (
    "passport_pipeline.connections.run",
    "passport_pipeline.config.hospitals",
    "passport_pipeline.passport.mongo.database",
)


def test_help_of_every_command_imports_nothing_that_it_does_not_need():
    code = (
        "import sys; from typer.testing import CliRunner; from passport_pipeline.cli.commands import app;"
        f"[CliRunner().invoke(app, [*command, '--help']) for command in {[[], *COMMANDS]!r}];"
        f"print([m for m in {HEAVY + LATER!r} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_missing_hospitals_file_is_one_message_and_exit_code_2(tmp_path):
    result = run("verify", PASSPORT_HOSPITALS_FILE=str(tmp_path / "none.yaml"))
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "none.yaml" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_every_fault_of_a_wrong_hospitals_file_is_in_one_message(tmp_path):
    path = tmp_path / "hospitals.yaml"
    path.write_text("hospitals:\n  - key: Wrong Key\n    name: X\n    url_env: X_URL\n    timezone: Mars/Base\n")
    result = run("verify", PASSPORT_HOSPITALS_FILE=str(path))
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "line 2" in result.stderr
    assert "line 5" in result.stderr


def test_an_unknown_hospital_is_named_with_those_that_exist(tmp_path):
    path = tmp_path / "hospitals.yaml"
    path.write_text("hospitals:\n  - {key: central, name: Central, url_env: C_URL, timezone: Africa/Kigali}\n")
    result = run("sync", "--hospital", "east", PASSPORT_HOSPITALS_FILE=str(path))
    assert result.returncode == 2
    assert "central" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_month_that_is_none_is_refused():
    result = run("sync", "--from", "2025-13")
    assert result.returncode == 2
    assert "YYYY-MM" in result.stderr


def test_sync_without_a_dagster_home_says_what_to_set(tmp_path):
    path = tmp_path / "hospitals.yaml"
    path.write_text("hospitals:\n  - {key: central, name: Central, url_env: C_URL, timezone: Africa/Kigali}\n")
    result = run("sync", PASSPORT_HOSPITALS_FILE=str(path))
    assert result.returncode == 2
    assert "DAGSTER_HOME" in result.stderr


def test_verify_of_an_unreachable_hospital_reports_it_and_exits_1(tmp_path, servers):
    path = tmp_path / "hospitals.yaml"
    path.write_text("hospitals:\n  - {key: central, name: Central, url_env: C_URL, timezone: Africa/Kigali}\n")
    result = run(
        "verify",
        "--json",
        PASSPORT_HOSPITALS_FILE=str(path),
        PASSPORT_MONGO_URI=servers.mongo_uri,
        PASSPORT_MONGO_DATABASE="passport_test_unreachable",
        C_URL="mysql+pymysql://reader:secret-word@127.0.0.1:1/openmrs",
    )
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert not report["ok"]
    assert report["hospitals"][0]["key"] == "central"
    assert "secret-word" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [["sync"], ["verify"], ["status"], ["hospitals", "check"]], ids=" ".join)
def test_an_error_that_ends_a_command_is_json_with_json(tmp_path, command):
    result = run(*command, "--json", PASSPORT_HOSPITALS_FILE=str(tmp_path / "none.yaml"))
    assert result.returncode == 2
    report = json.loads(result.stdout)
    assert report["ok"] is False
    assert "none.yaml" in report["error"]
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("url", ["mysql+nodriver://reader:secret-word@h/openmrs", "mysql://r:secret-word@h/o?foo=bar"])
def test_a_url_that_the_driver_does_not_understand_is_one_message_and_exit_code_2(tmp_path, servers, url):
    path = tmp_path / "hospitals.yaml"
    path.write_text("hospitals:\n  - {key: central, name: Central, url_env: C_URL, timezone: Africa/Kigali}\n")
    result = run(
        "sync",
        "--json",
        PASSPORT_HOSPITALS_FILE=str(path),
        PASSPORT_MONGO_URI=servers.mongo_uri,
        PASSPORT_MONGO_DATABASE="passport_test_unreachable",
        DAGSTER_HOME=str(tmp_path),
        C_URL=url,
    )
    assert result.returncode == 2
    assert "C_URL" in json.loads(result.stdout)["hospitals"][0]["failures"][0]
    assert "Traceback" not in result.stderr
    assert "secret-word" not in result.stdout + result.stderr


def test_a_dagster_home_that_dagster_cannot_work_in_is_one_message_and_exit_code_2(tmp_path):
    path = tmp_path / "hospitals.yaml"
    path.write_text("hospitals:\n  - {key: central, name: Central, url_env: C_URL, timezone: Africa/Kigali}\n")
    (tmp_path / "dagster.yaml").write_text("storage: {postgres: {secret-word: 1}}\n")
    result = run("sync", PASSPORT_HOSPITALS_FILE=str(path), DAGSTER_HOME=str(tmp_path))
    assert result.returncode == 2
    assert "DAGSTER_HOME" in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret-word" not in result.stderr


def test_many_commands_at_once_set_up_one_dagster_home(tmp_path):
    code = "from passport_pipeline.runner.instance import dagster_instance\nwith dagster_instance():\n    pass"
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"DAGSTER_HOME": str(tmp_path)})
        for _ in range(6)
    ]
    assert [process.wait() for process in started] == [0] * 6
    again = subprocess.run([sys.executable, "-c", code], env=os.environ | {"DAGSTER_HOME": str(tmp_path)}, check=False)
    assert again.returncode == 0


def test_an_unforeseen_error_is_shown_without_its_text(monkeypatch, capsys):
    def fail():
        raise ValueError("Jane Smith, born 1980")

    monkeypatch.setattr(commands, "app", fail)
    with pytest.raises(SystemExit) as exit_code:
        main()
    assert exit_code.value.code == 1
    shown = capsys.readouterr().err
    assert "ValueError" in shown
    assert "Jane" not in shown
