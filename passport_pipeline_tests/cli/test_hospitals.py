"""Hospitals paused, resumed and retired from the command line, and what `sync` makes of those."""

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from passport_pipeline.cli import main
from passport_pipeline.cli.commands import app
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.hospitals.held_back import hold_back
from passport_pipeline.passport.hospitals.state import state_of
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline.runner.instance import dagster_instance

ENTRY = "  - {{key: {0}, name: Hospital {0}, url_env: X_{0}, timezone: UTC}}\n"


@pytest.fixture
def command(settings, monkeypatch, tmp_path):
    """command("hospitals", "list") -> its result, in an environment with the hospitals central and east."""
    settings.hospitals_file.write_text("hospitals:\n" + "".join(map(ENTRY.format, ("central", "east"))))
    monkeypatch.setenv("PASSPORT_HOSPITALS_FILE", str(settings.hospitals_file))
    monkeypatch.setenv("PASSPORT_MONGO_URI", settings.mongo_uri.get_secret_value())
    monkeypatch.setenv("PASSPORT_MONGO_DATABASE", settings.mongo_database)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    def run(*arguments):
        return CliRunner().invoke(app, arguments)

    return run


def listed(command):
    result = command("hospitals", "list", "--json")
    assert result.exit_code == 0
    return {one["key"]: one for one in json.loads(result.stdout)["hospitals"]}


def test_every_command_says_what_it_does_with_an_example(command):
    for name in ("list", "pause", "resume", "retire", "accept", "check"):
        shown = command("hospitals", name, "--help")
        assert shown.exit_code == 0 and f"Example: passport-pipeline hospitals {name}" in shown.stdout


def test_the_list_shows_a_change_with_who_when_and_why(command):
    assert {one["state"] for one in listed(command).values()} == {"active"}
    result = command("hospitals", "pause", "central", "--reason", "the server moves", "--by", "anna")
    assert result.exit_code == 0
    assert "central is paused since" in result.stdout and "by anna (the server moves)" in result.stdout
    central, east = listed(command)["central"], listed(command)["east"]
    assert (central["state"], central["by"], central["reason"]) == ("paused", "anna", "the server moves")
    assert central["since"] and central["name"] == "Hospital central" and central["enabled"] is True
    assert (east["state"], east["since"]) == ("active", None)
    table = command("hospitals", "list").stdout
    for word in ("central", "paused", "anna", "the server", "surveyed", "up to date since"):
        assert word in table
    assert command("hospitals", "retire", "central", "--reason", "closed").exit_code == 0
    assert command("hospitals", "resume", "central", "--by", "ben").exit_code == 0
    assert (listed(command)["central"]["state"], listed(command)["central"]["by"]) == ("active", "ben")


def test_a_change_is_by_the_operators_account_by_default(command, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "carla")
    command("hospitals", "pause", "central", "--reason", "x")
    assert listed(command)["central"]["by"] == "carla"


def test_a_restored_database_is_accepted_in_so_many_words(command, settings):
    with closing(Connections(settings)) as connections:
        lineage = {"highest": 7, "anchors": []}
        history = [{"state": "stopped", "at": None, "by": "passport-pipeline", "reason": "restored"}]
        history[0]["at"] = lineage["readAt"] = connections.passport.db.command("hello")["localTime"]
        stopped = {"_id": "central", "state": "stopped", "stateHistory": history, "lineage": lineage}
        connections.passport[SOURCE_HOSPITALS].insert_one(stopped)
        assert command("hospitals", "resume", "central").exit_code == 0
        assert connections.passport[SOURCE_HOSPITALS].find_one()["lineage"]
        assert command("hospitals", "resume", "central", "--accept-restored").exit_code == 0
        (now,) = connections.passport[SOURCE_HOSPITALS].find()
    assert "lineage" not in now
    assert "right as it is now" in now["stateHistory"][-1]["reason"]


def test_a_hospital_that_is_held_back_is_shown_everywhere_and_let_through_with_who_and_why(command, settings):
    with closing(Connections(settings)) as connections:
        hold_back(connections.passport, "central", "540 of 540 live rows are gone", 540)
    told = f"held back since {datetime.now(UTC):%Y-%m-%d}"
    assert listed(command)["central"]["heldBack"]["why"] == "540 of 540 live rows are gone"
    assert listed(command)["east"]["heldBack"] is None
    for shown in (command("hospitals", "list").stdout, command("status").stdout):
        assert f"central is {told}" in shown and "540 of 540 live rows are gone" in shown
        assert "east is" not in shown
    assert told in json.loads(command("status", "--json").stdout)["hospitals"][0]["heldBack"]
    result = command("hospitals", "accept", "central", "--reason", "split off", "--by", "anna")
    assert result.exit_code == 0 and "let through until" in result.stdout
    central = listed(command)["central"]
    assert (central["heldBack"], central["by"], central["reason"]) == (None, "anna", "split off")
    assert central["letThroughUntil"]


def test_a_hospital_that_is_not_held_back_has_nothing_to_let_through(command):
    result = command("hospitals", "accept", "central", "--reason", "split off")
    assert isinstance(result.exception, ConfigurationError) and "not held back" in str(result.exception)


def test_a_database_of_another_hospital_is_accepted_with_a_reason_alone(command, settings):
    result = command("hospitals", "resume", "central", "--accept-database")
    assert isinstance(result.exception, ConfigurationError) and "say why" in str(result.exception)
    result = command("hospitals", "resume", "central", "--accept-database", "--reason", "it moved", "--by", "anna")
    assert result.exit_code == 0
    with closing(Connections(settings)) as connections:
        now = state_of(connections.passport, "central")
    assert (now.takes_database, now.by, now.reason) == (True, "anna", "it moved")


@pytest.mark.parametrize("command_of", ["pause", "retire"])
def test_without_a_reason_nothing_changes(command, command_of):
    assert command("hospitals", command_of, "central").exit_code == 2
    assert listed(command)["central"]["state"] == "active"


def test_an_unknown_hospital_is_named_with_those_that_exist(command, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["passport-pipeline", "hospitals", "pause", "west", "--reason", "x"])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert "'west'" in told and "central, east" in told and "Traceback" not in told


def test_a_sync_of_all_leaves_inactive_hospitals_out_with_a_line_and_ends_well(command):
    for key in ("central", "east"):
        command("hospitals", "pause", key, "--reason", "the server moves", "--by", "anna")
    result = command("sync", "--json")
    assert result.exit_code == 0
    for one in json.loads(result.stdout)["hospitals"]:
        assert one["leftOut"].startswith("paused since") and one["failures"] == []
    for line, key in zip(result.stderr.strip().splitlines(), ("central", "east"), strict=True):
        assert line.startswith(f"{key} is left out: paused since") and "the server moves" in line


def test_a_sync_of_an_inactive_hospital_by_name_fails_with_the_way_back(command):
    command("hospitals", "retire", "central", "--reason", "closed", "--by", "anna")
    result = command("sync", "--hospital", "central", "--json")
    assert result.exit_code == 3
    (failure,) = json.loads(result.stdout)["hospitals"][0]["failures"]
    assert "retired since" in failure and "by anna (closed)" in failure and "hospitals resume central" in failure
    with dagster_instance() as instance:
        assert instance.get_dynamic_partitions("hospital") == []
