"""`conflicts` as an operator or a program meets it."""

import json
import re
import secrets
import sys
from datetime import date

import pytest

from passport_pipeline.cli import main
from passport_pipeline.config.settings import Settings
from passport_pipeline.connections import run as resources
from passport_pipeline.connections.run import Connections
from passport_pipeline.passport.accounts import ensure_hospital
from passport_pipeline.passport.mongo.collections import CONFLICTS
from passport_pipeline_tests.passport.factory import HOSPITAL, World, record

YAML = "hospitals:\n  - {key: central, name: Central Hospital, url_env: C_URL, timezone: Africa/Kigali}\n"
SAID = ("Malaria", "severe", "Measles", "blood smear")


@pytest.fixture(scope="module")
def connections(servers, mongo, tmp_path_factory):
    path = tmp_path_factory.mktemp("conflicts") / "hospitals.yaml"
    path.write_text(YAML)
    database = f"passport_test_{secrets.token_hex(6)}"
    opened = Connections(Settings(hospitals_file=path, mongo_uri=servers.mongo_uri, mongo_database=database))
    yield opened
    opened.close()
    mongo.drop_database(database)


@pytest.fixture(scope="module")
def world(connections):
    return World(connections.passport, ensure_hospital(connections.passport, HOSPITAL, connections.settings))


@pytest.fixture
def dispute(world):
    """Conflicts of these numbers, each on a day of its own; gives their ids as they are listed."""
    days = {}

    def open_all(*numbers):
        for number in numbers:
            days[number] = date(2025, 11, number)
            first = record(number, world.patients[0], day=days[number])
            world.run([first], day=days[number])
            world.edit(first, details="Malaria, severe", procedure="blood smear")
            changed = record(number, world.patients[0], day=days[number], data={"details": "Measles"}, crc=number + 7)
            world.run([changed], day=days[number])
        found = world.passport[CONFLICTS].find({"state": "open"}).sort("day", 1)
        return [f"{one['_id']}@{one['revision']}" for one in found]

    yield open_all
    for collection in ("medicalrecords", CONFLICTS, "sourcedays", "auditlogs", "retractedrecords"):
        world.passport[collection].delete_many({})


@pytest.fixture
def command(connections, monkeypatch, capsys):
    """Run `passport-pipeline conflicts ...` in this process: exit code, stdout, stderr."""
    monkeypatch.setattr(resources, "Connections", lambda: connections)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["passport-pipeline", "conflicts", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return ended.value.code or 0, shown.out, shown.err

    return run


def test_the_list_names_fields_and_never_values(command, dispute):
    (conflict,) = dispute(6)
    code, out, err = command("list")
    assert (code, err) == (0, "")
    for told in (conflict, "central", "2025-11-06", "condition", "details", "Conflicts: 1"):
        assert told in out
    assert not [value for value in SAID if value in out]
    code, out, _ = command("list", "--json", "--hospital", "central", "--window", "2025-11")
    listed = json.loads(out)
    assert listed["count"] == 1
    assert listed["conflicts"][0]["id"] == conflict
    assert (listed["conflicts"][0]["fields"], listed["conflicts"][0]["added"]) == (["details"], ["procedure"])
    assert not [value for value in SAID if value in out]
    assert command("list", "--window", "2025-12")[1] == "0 conflicts: none matches\n"


def test_values_are_shown_only_on_request_and_only_on_stdout(command, dispute):
    (conflict,) = dispute(6)
    for arguments in (["show", conflict], ["show", conflict, "--json"]):
        code, out, err = command(*arguments)
        assert (code, err) == (0, "")
        assert "procedure" in out
        assert not [value for value in SAID if value in out]
    for arguments in (["show", conflict, "--values"], ["show", conflict, "--values", "--json"]):
        code, out, err = command(*arguments)
        assert (code, err) == (0, "")
        assert all(value in out for value in SAID)


def test_what_a_doctor_wrote_is_no_markup(command, dispute, world):
    (conflict,) = dispute(6)
    world.passport["medicalrecords"].update_one({}, {"$set": {"data.details": "[bold]fever[/bold] [/x]"}})
    code, out, _ = command("show", conflict, "--values")
    assert code == 0
    assert "[bold]fever[/bold] [/x]" in out


def test_one_is_decided_with_a_field_of_the_other_side(command, dispute, world):
    (conflict,) = dispute(6)
    arguments = ("resolve", conflict, "--take", "theirs", "--field", "details=ours", "--by", "Jane Operator")
    code, out, err = command(*arguments, "--dry-run")
    assert (code, err) == (0, "")
    assert "1 would_resolve" in out
    assert world.passport[CONFLICTS].count_documents({"state": "open"}) == 1
    code, out, _ = command(*arguments)
    assert code == 0
    assert out == f"{conflict}: resolved: theirs, details=ours by Jane Operator\n1 resolved\n"
    stored = world.passport["medicalrecords"].find_one()
    assert (stored["data"]["details"], stored["data"]["procedure"]) == ("Measles", "blood smear")
    code, out, err = command(*arguments)
    assert (code, "is already decided in this way" in err) == (1, True)
    assert json.loads(command("list", "--state", "resolved", "--json")[1])["conflicts"][0]["id"] == conflict
    shown = command("show", conflict)[1]
    assert re.search(r"UTC resolved by Jane Operator\ndecision: theirs, details=ours\n", shown)


def test_all_of_a_hospital_and_month_are_decided_at_once(command, dispute, world):
    conflicts = dispute(6, 7, 8)
    code, out, _ = command("resolve", "--hospital", "central", "--window", "2025-11", "--take", "ours", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["counts"]) == (0, True, {"resolved": 3})
    assert [one["id"] for one in told["conflicts"]] == conflicts
    assert not [value for value in SAID if value in out]
    code, out, _ = command("resolve", "--hospital", "central", "--take", "ours")
    assert (code, out) == (0, "0 conflicts: none matches\n")


def test_one_that_changed_since_it_was_shown_stops_no_other(command, dispute, world):
    first, second = dispute(6, 7)
    world.passport["medicalrecords"].update_one(
        {"source.day": "2025-11-06"}, {"$set": {"data.details": "Malaria, cerebral"}}
    )
    code, out, err = command("resolve", first, second, "--take", "ours", "--by", "Jane")
    assert code == 1
    assert err == f"{first}: changed since it was displayed; display it again\n"
    assert f"{second}: resolved" in out
    assert "1 changed, 1 resolved" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "f" * 24], 1, f"there is no conflict {'f' * 24}"),
        (["show", "Jane Smith"], 2, "24 hex digits"),
        (["resolve", "f" * 24, "--take", "ours"], 1, "there is no such conflict"),
        (["resolve", "f" * 24], 2, "nothing is decided"),
        (["resolve", "f" * 24, "--take", "mine"], 2, "either theirs"),
        (["resolve", "f" * 24, "--field", "details"], 2, "NAME=theirs or NAME=ours"),
        (["resolve", "f" * 24, "--field", "details=mine"], 2, "either theirs"),
        (["resolve", "f" * 24, "--field", "a=ours", "--field", "a=theirs"], 2, "names a twice"),
        (["resolve", "f" * 24, "--take", "ours", "--by", " "], 2, "say who decides"),
        (["resolve", "--take", "ours"], 2, "name either conflicts"),
        (["resolve", "f" * 24, "--take", "ours", "--window", "2025-11"], 2, "name either conflicts"),
        (["resolve", "--take", "ours", "--hospital", "east"], 2, "central"),
        (["list", "--state", "closed"], 2, "--state is one of"),
    ],
)
def test_an_operators_mistake_is_one_message_and_its_exit_code(command, arguments, code, message):
    ended, _, err = command(*arguments)
    assert ended == code
    assert message in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_a_mistake_is_json_with_json(command):
    code, out, err = command("show", "f" * 24, "--json")
    assert (code, json.loads(out)["ok"]) == (1, False)
    assert len(err.strip().splitlines()) == 1


def test_status_counts_the_open_ones(connections, command, dispute, monkeypatch, capsys):
    conflicts = dispute(6, 7)
    command("resolve", conflicts[0], "--take", "ours")
    monkeypatch.setattr(resources, "Connections", lambda: Connections(connections.settings))  # it closes its own
    monkeypatch.setattr(sys, "argv", ["passport-pipeline", "status", "--json"])
    with pytest.raises(SystemExit):
        main()
    assert json.loads(capsys.readouterr().out)["hospitals"][0]["conflicts"] == 1
    monkeypatch.setattr(sys, "argv", ["passport-pipeline", "status"])
    with pytest.raises(SystemExit):
        main()
    assert "conflicts" in capsys.readouterr().out
