"""`parked list` and `parked replay`, as an operator or a program meets them."""

import json
import sys

import pytest

from passport_pipeline.cli import main
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, change_state
from passport_pipeline.passport.mongo.collections import PARKED
from passport_sample.loading import load_passport
from passport_sample.seed_example import OBS_ID, seed_example, seed_passport


@pytest.fixture(scope="module")
def operator(operating_on):
    """A hospital whose only patient the passport does not know."""
    with operating_on([seed_example()], seed_passport()) as operator:
        operator.database.patients.delete_many({})
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture
def parked(operator, monkeypatch, tmp_path, capsys):
    """parked("list", ...) -> exit code, what was printed, and what went to stderr."""
    environment = {
        "PASSPORT_HOSPITALS_FILE": operator.settings.hospitals_file,
        "PASSPORT_MONGO_URI": operator.settings.mongo_uri.get_secret_value(),
        "PASSPORT_MONGO_DATABASE": operator.settings.mongo_database,
        "PASSPORT_BATCHES": operator.settings.batches,
        "DAGSTER_HOME": tmp_path,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["passport-pipeline", "parked", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def test_what_is_parked_is_shown_by_hospital_window_and_reason(parked):
    code, table, _ = parked("list")
    assert code == 0
    for told in ("hospital-1", "2025-11", "unknown_patient", "identity"):
        assert told in table
    code, shown, _ = parked("list", "--json", "--hospital", "hospital-1", "--reason", "unknown_patient")
    listed = json.loads(shown)
    assert (code, listed["ok"], listed["records"]) == (0, True, 1)
    (group,) = listed["groups"]
    assert (group["window"], group["waitsFor"], group["rows"], group["attempts"]) == ("2025-11", "identity", 1, [1, 1])


def test_rows_are_shown_one_by_one(parked, operator):
    found = operator.database[PARKED].find_one()
    code, table, _ = parked("list", "--rows")
    assert code == 0
    assert str(found["_id"]) in table
    (row,) = json.loads(parked("list", "--rows", "--json", "--window", "2025-11")[1])["rows"]
    assert (row["id"], row["rowUuid"], row["day"]) == (str(found["_id"]), found["rowUuid"], "2025-11-06")


@pytest.mark.parametrize(
    "filters", [["--reason", "invalid_value"], ["--window", "2024-01"], ["--state", "exhausted"]], ids=" ".join
)
@pytest.mark.parametrize("command", [["list"], ["list", "--rows"], ["replay"], ["replay", "--dry-run"]], ids=" ".join)
def test_filters_that_fit_nothing_say_so(parked, command, filters):
    code, shown, _ = parked(*command, *filters)
    assert (code, shown) == (0, "no parked row matches (0 rows)\n")
    assert json.loads(parked(*command, *filters, "--json")[1])["records"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--reason", "no_such"], "invalid_document"),
        (["list", "--window", "2025-13"], "YYYY-MM"),
        (["list", "--state", "done"], "exhausted"),
        (["list", "--hospital", "east"], "hospital-1"),
        (["list", "--limit", "0"], "limit"),
        (["replay"], "--all"),
        (["replay", "--all", "--reason", "unknown_patient"], "--all"),
        (["replay", "--hospital", "east"], "hospital-1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_value_is_one_message_and_exit_code_2(parked, operator, arguments, says):
    before = operator.passport("parkedrows")
    code, _, message = parked(*arguments)
    assert code == 2
    assert says in message
    assert "Traceback" not in message
    assert operator.passport("parkedrows") == before


def test_a_dry_run_shows_what_would_be_tried_and_changes_nothing(parked, operator):
    before = operator.passport("parkedrows")
    code, table, _ = parked("replay", "--all", "--dry-run")
    assert code == 0
    assert "1 would be tried again, in 1 windows" in table
    plan = json.loads(parked("replay", "--all", "--dry-run", "--json")[1])
    assert (plan["dryRun"], plan["records"], plan["windows"]) == (True, 1, 1)
    assert operator.passport("parkedrows") == before


def test_a_replay_of_a_paused_hospital_tries_nothing_and_says_why(parked, operator):
    connections = operator.connections()

    def change(state):
        change_state(connections.passport, connections.hospitals, "hospital-1", state, "a test", "tester")

    change(PAUSED)
    code, shown, message = parked("replay", "--all")
    change(ACTIVE)
    connections.close()
    assert (code, shown) == (0, "no parked row matches (0 rows)\n")
    assert "paused" in message
    assert "1 are left out" in message


def test_a_hospital_that_does_not_answer_leaves_its_rows_due(parked, operator, monkeypatch):
    monkeypatch.setenv("TEST_HOSPITAL_1_URL", "mysql+pymysql://reader:secret-word@127.0.0.1:1/openmrs")
    code, shown, message = parked("replay", "--all", "--json")
    assert code == 3
    assert (json.loads(shown)["ok"], json.loads(shown)["cleared"]) == (False, 0)
    assert "stays due" in message
    assert "secret-word" not in shown + message
    assert "nextAttempt" in operator.database[PARKED].find_one()


def test_a_replay_tells_what_is_parked_again_and_then_what_was_cleared(parked, operator):
    code, shown, _ = parked(
        "replay", "--reason", "unknown_patient", "--hospital", "hospital-1", "--by", "anna", "--json"
    )
    told = json.loads(shown)
    assert (code, told["ok"], told["cleared"], told["parkedAgain"]) == (0, True, 0, {"unknown_patient": 1})
    row = operator.database[PARKED].find_one()
    assert row["stateHistory"][-1]["by"] == "anna"
    load_passport(operator.database, seed_passport())
    code, shown, _ = parked("replay", "--id", str(row["_id"]))
    assert code == 0
    assert "1 of 1 parked rows cleared" in shown
    assert operator.database[PARKED].count_documents({}) == 0
    led = {"source.stream": "observations", "source.rowId": OBS_ID}
    assert operator.database.medicalrecords.count_documents(led) == 1
    assert parked("replay", "--id", str(row["_id"])) == (0, "no parked row matches (0 rows)\n", "")
