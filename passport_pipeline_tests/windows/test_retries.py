"""Parked rows that are due are tried again, although the days of their window do not differ."""

import logging
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from passport_pipeline.passport.mongo import contract
from passport_pipeline.passport.mongo.collections import PARKED, RECORDS
from passport_pipeline.passport.mongo.contract import COLLECTIONS
from passport_pipeline_tests.windows.test_load import add, run_window
from passport_sample.seed_example import OBS_ID, seed_example, seed_passport


def refusing(obs_id):
    """The contract with a fault: it refuses the record of this observation."""
    records = next(collection for collection in COLLECTIONS if collection.name == RECORDS)
    schema = deepcopy(records.schema)
    schema["properties"]["source"]["properties"]["rowId"] = {"not": {"enum": [obs_id]}}
    return (*(collection for collection in COLLECTIONS if collection.name != RECORDS), replace(records, schema=schema))


@pytest.fixture
def faulty(monkeypatch):
    """The passport's validator has a fault until this is undone."""
    with monkeypatch.context() as patched:
        patched.setattr(contract, "COLLECTIONS", refusing(OBS_ID))
        yield patched


@pytest.fixture
def operator(operating_on):
    with operating_on([seed_example()], seed_passport(), retry_cap=2) as operator:
        yield operator


def let_time_pass(operator):
    """Every parked row with a time for its next attempt becomes due."""
    due = {"$set": {"nextAttempt": datetime(2025, 11, 30, tzinfo=UTC)}}
    assert operator.database[PARKED].update_many({"nextAttempt": {"$exists": True}}, due).modified_count


def stored(operator):
    return operator.passport("medicalrecords", "parkedrows", "patients", "auditlogs", "sourcedays")


def test_one_refused_document_of_a_thousand_is_parked_and_loaded_once_when_it_is_due_and_accepted(operator, faulty):
    add(operator, rows=999, a_second=100)
    loaded = run_window(operator.settings)
    assert (loaded.outcomes["loaded"], loaded.outcomes["parked"]) == (999, 1)
    assert run_window(operator.settings).days_loaded == 0
    (parked,) = operator.database[PARKED].find()
    assert (parked["rowId"], parked["reason"], parked["fields"]) == (
        OBS_ID,
        "invalid_document",
        ["source.rowId"],
    )
    faulty.undo()
    assert run_window(operator.settings).days_loaded == 0
    let_time_pass(operator)
    loaded = run_window(operator.settings)
    assert (loaded.days_loaded, loaded.written["inserted"], loaded.outcomes["parked"]) == (1, 1, 0)
    assert operator.database[PARKED].count_documents({}) == 0
    assert operator.database.medicalrecords.count_documents({"source.rowId": OBS_ID}) == 1
    assert operator.database.auditlogs.count_documents({}) == 1000 + 2  # and two visits
    assert operator.verify()["hospital-1"].ok
    before = stored(operator)
    assert run_window(operator.settings).days_loaded == 0
    assert stored(operator) == before


def test_a_row_that_fails_its_last_attempt_is_logged_once_and_not_tried_again(operator, faulty, caplog):
    run_window(operator.settings)
    let_time_pass(operator)
    with caplog.at_level(logging.WARNING, "passport_pipeline.windows.load"):
        assert run_window(operator.settings).exhausted == {"invalid_document": 1}
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "passport_pipeline.windows.load"]
    assert "invalid_document: 1" in warning
    assert str(OBS_ID) not in warning
    before = stored(operator)
    assert before["parkedrows"][0]["state"] == "exhausted"
    assert run_window(operator.settings).days_loaded == 0
    assert run_window(operator.settings, full=True).exhausted == {}
    assert stored(operator) == before
