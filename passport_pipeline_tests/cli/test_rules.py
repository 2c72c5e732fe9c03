"""`rules preview`, `explain` and `unmapped` over raw batches alone: no server is there in these tests."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline_tests.rules_review.stored_hospital import COUGH, HB_LIKE, SECRET, UUIDS, store

OVERLAY = f"""\
concepts:
  - concept: {UUIDS[COUGH]}
    type: condition
    why: a chronic disease here
    decided_by: A. Uwase
    decided_at: 2026-01-31
"""


@pytest.fixture
def command(monkeypatch, tmp_path):
    """command("preview", ...) -> its result for the hospital central, which has no overlay unless the file is there."""
    hospitals = tmp_path / "hospitals.yaml"
    hospitals.write_text(
        "hospitals:\n  - {key: central, name: Central Hospital, url_env: X_URL, timezone: Africa/Kigali}\n"
    )
    store(tmp_path / "batches")
    monkeypatch.setenv("PASSPORT_HOSPITALS_FILE", str(hospitals))
    monkeypatch.setenv("PASSPORT_BATCHES", str(tmp_path / "batches"))

    def run(*arguments):
        return CliRunner().invoke(app, ["rules", *arguments, "--hospital", "central"])

    return run


@pytest.fixture
def overlay(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OVERLAY)
    return path


def test_every_command_says_what_it_does_with_an_example():
    for name in ("preview", "explain", "unmapped"):
        shown = CliRunner().invoke(app, ["rules", name, "--help"])
        assert shown.exit_code == 0 and "Example" in shown.stdout


def test_a_preview_shows_types_concepts_and_days(command, overlay):
    shown = command("preview", "--overlay", str(overlay))
    assert shown.exit_code == 0
    for text in ("3 of 12 rows", "visit", "condition", "Cough for long", "2 of 2 days, in 2 windows, would be loaded"):
        assert text in shown.stdout
    assert SECRET not in shown.stdout


def test_a_preview_in_json_says_the_same(command, overlay):
    told = json.loads(command("preview", "--overlay", str(overlay), "--json").stdout)
    assert (told["ok"], told["hospital"], told["rows"], told["moved"]) == (True, "central", 12, 3)
    assert told["by_type"] == [{"from": "visit", "to": "condition", "rows": 3}]
    assert told["concepts"][0]["concept"]["name"] == "Cough for long"
    assert told["loaded_again"] == {"days": 2, "windows": 2, "of_days": 2}


def test_without_a_file_a_preview_shows_what_the_hospitals_own_overlays_move(command, overlay, tmp_path):
    assert "none of 12 rows would become anything else" in command("preview").stdout
    hospitals = tmp_path / "hospitals.yaml"
    hospitals.write_text(hospitals.read_text().replace("}", ", overlays: [own.yaml]}"))
    assert "3 of 12 rows" in command("preview").stdout
    overlay.write_text(OVERLAY.replace("condition", "test"))
    shown = json.loads(command("preview", "--json").stdout)
    assert shown["by_type"] == [{"from": "visit", "to": "test", "rows": 3}]


def test_a_faulty_overlay_is_refused_with_its_lines(command, overlay):
    overlay.write_text(OVERLAY.replace("condition", "disease"))
    refused = command("preview", "--overlay", str(overlay))
    assert isinstance(refused.exception, ConfigurationError) and "line 3: `type`" in str(refused.exception)
    both = command("preview", "--overlay", str(overlay), "--rules", ".")
    assert "not both" in str(both.exception)
    missing = command("preview", "--overlay", "lacking.yaml")
    assert "lacking.yaml does not exist" in str(missing.exception)


def test_a_concept_and_a_row_are_explained_without_a_value(command):
    concept = command("explain", "CIEL:1284")
    for text in ("Problem", "4 rows", "the coded diagnosis", "mapped to CIEL:1284", "in the group Partner", "no_value"):
        assert text in concept.stdout
    row = json.loads(command("explain", "2", "--json").stdout)
    assert [(reason["value_type"], reason["point"], reason["rows"]) for reason in row["reasons"]] == [("text", 6, 1)]
    assert SECRET not in json.dumps(row)
    assert "no stored row has it as its question" in command("explain", "Malaria").stdout
    assert "has the row 77" in str(command("explain", "77").exception)


def test_unmapped_questions_are_listed_with_suggestions_and_as_entries_to_complete(command):
    shown = command("unmapped", "--limit", "2").stdout
    for text in (
        "the rules know 40.0% of 10 rows",
        "Cough for long",
        "Blood haemoglobin",
        "test: called",
        "and 2 more",
    ):
        assert text in shown
    entries = yaml.safe_load(command("unmapped", "--yaml").stdout)["concepts"]
    assert [entry["concept"] for entry in entries][:2] == [UUIDS[COUGH], UUIDS[HB_LIKE]]
    assert {*entries[0].values()} == {UUIDS[COUGH], None}
    told = json.loads(command("unmapped", "--json").stdout)
    assert (told["by_default"], len(told["concepts"])) == (6, 4)


def test_an_unknown_hospital_is_a_json_document_too(command):
    refused = CliRunner().invoke(app, ["rules", "unmapped", "--hospital", "nowhere", "--json"])
    assert json.loads(refused.stdout)["ok"] is False
