import json

import pytest
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.passport.mongo.collections import PATIENTS, RECORDS, SHARED
from passport_pipeline_tests.passport.factory import patient

THEIRS = {"address": {"$ne": "Nowhere"}}


@pytest.fixture
def database(settings, mongo, monkeypatch):
    monkeypatch.setenv("PASSPORT_MONGO_URI", settings.mongo_uri.get_secret_value())
    monkeypatch.setenv("PASSPORT_MONGO_DATABASE", settings.mongo_database)
    monkeypatch.setenv("COLUMNS", "160")
    return mongo[settings.mongo_database]


def init(*options, said=None):
    return CliRunner().invoke(app, ["init", *options], input=said)


def validator(database, name):
    return next(database.list_collections(filter={"name": name}))["options"].get("validator")


def test_init_tells_what_it_changed_and_then_that_nothing_is_left_to_change(database):
    database.create_collection(PATIENTS, validator=THEIRS)
    first = init()
    assert first.exit_code == 0
    lines = {line.split("│")[1].strip(): line for line in first.output.splitlines() if line.startswith("│")}
    assert "merged with the application's" in lines[PATIENTS]
    assert "nationalId_1" in first.output
    assert "created" in lines[RECORDS]
    assert "everything is in place" in init().output


def test_documents_that_do_not_fit_are_counted_each_time(database):
    database[PATIENTS].insert_one(patient(1) | {"gender": "F"})
    for rules in ("set", None):
        told = json.loads(init("--json").output)
        assert told["ok"]
        found = next(one for one in told["collections"] if one["collection"] == PATIENTS)
        assert (found["rules"], found["documentsThatDoNotFit"]) == (rules, 1)
    shown = init().output
    assert "unchanged" in shown
    assert patient(1)["nationalId"] not in shown


def test_undo_asks_first_and_init_puts_it_in_place_again(database):
    database.create_collection(PATIENTS, validator=THEIRS)
    init()
    merged = validator(database, PATIENTS)
    refused = init("--undo", said="n\n")
    assert refused.exit_code == 1
    assert "puts everything in place again" in refused.output
    assert validator(database, PATIENTS) == merged
    assert init("--undo", said="y\n").exit_code == 0
    assert validator(database, PATIENTS) == THEIRS
    assert "Nothing is to be put back" in init("--undo", "--yes").output
    init()
    assert validator(database, PATIENTS) == merged


def test_undo_tells_programs_what_it_put_back_and_asks_them_nothing(database):
    init()
    asked = init("--undo", "--json")
    assert asked.exception.exit_code == 2
    told = json.loads(init("--undo", "--yes", "--json").output)
    assert {one["collection"] for one in told["collections"]} == set(SHARED)
    assert {one["rules"] for one in told["collections"]} == {"put back"}


def test_a_mongodb_that_does_not_answer_is_exit_code_4(database, monkeypatch):
    monkeypatch.setenv("PASSPORT_MONGO_URI", "mongodb://127.0.0.1:1/")
    monkeypatch.setattr("passport_pipeline.passport.mongo.database.SELECTION_TIMEOUT_MS", 200)
    assert init().exception.exit_code == 4
