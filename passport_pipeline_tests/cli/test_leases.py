"""The leases of windows as an operator sees and releases them."""

import json
from contextlib import closing

import pytest
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.connections.run import Connections
from passport_pipeline.passport.days.leases import lease


@pytest.fixture
def command(settings, monkeypatch):
    monkeypatch.setenv("PASSPORT_HOSPITALS_FILE", str(settings.hospitals_file))
    monkeypatch.setenv("PASSPORT_MONGO_URI", settings.mongo_uri.get_secret_value())
    monkeypatch.setenv("PASSPORT_MONGO_DATABASE", settings.mongo_database)
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments):
        return CliRunner().invoke(app, ["leases", *arguments])

    return run


def test_a_held_window_is_listed_released_and_the_release_stays_visible(command, settings):
    assert "No run holds any window" in command("list").output
    with closing(Connections(settings)) as connections, lease(connections.passport, "central", "2025-11", "run-1", 600):
        listed = command("list").output
        for word in ("central", "2025-11", "run-1"):
            assert word in listed
        (held,) = json.loads(command("list", "--json").output)["leases"]
        assert (held["hospital"], held["month"], held["holder"]) == ("central", "2025-11", "run-1")
        done = command("release", "central", "--month", "2025-11", "--reason", "it is gone", "--by", "anna")
        assert done.exit_code == 0
        assert "central 2025-11 is free" in done.output and "anna (it is gone)" in done.output
        told = json.loads(command("list", "--json").output)
        assert told["leases"] == []
        (released,) = told["released"]
        assert (released["by"], released["reason"], released["holder"]) == ("anna", "it is gone", "run-1")
        table = command("list", "--hospital", "central").output
        for word in ("No run holds any window", "Released by hand", "anna", "it is gone"):
            assert word in table
        assert "anna" not in command("list", "--hospital", "east").output


def test_a_window_that_nobody_holds_is_exit_code_2_and_says_so(command):
    result = command("release", "central", "--month", "2025-11", "--reason", "a guess")
    assert result.exception.exit_code == 2
    assert "no run holds this window" in str(result.exception)


def test_a_release_needs_a_reason_and_a_month_that_is_one(command):
    assert command("release", "central", "--month", "2025-11").exit_code == 2
    assert command("release", "central", "--month", "2025-13", "--reason", "a guess").exit_code == 2


def test_both_commands_come_with_an_example(command):
    for name in ("list", "release"):
        assert f"Example: passport-pipeline leases {name}" in command(name, "--help").output
