"""A dictionary that changes under the records, on a real hospital: nothing is rewritten without an operator's word."""

from contextlib import closing

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.hospitals.state import state_of
from passport_pipeline.windows.held_concepts import accept_changes, held_concepts, records_concerned
from passport_pipeline_tests.windows.conftest import CASES
from passport_pipeline_tests.windows.running import load_hospitals

FILE = "25-units-changed-or-concept-reused.sql"
PATIENTS = ("1000000007919", "1000000015838")
SPELLINGS = (
    "UPDATE concept_numeric SET units = 'mg/dl' WHERE concept_id = 5003",
    "UPDATE concept_name SET name = 'Malaria, clinical' WHERE concept_id = 5002",
    "INSERT INTO concept_name (concept_id, name, locale, concept_name_type, date_created, uuid) "
    "VALUES (5002, 'Paludisme', 'fr', 'FULLY_SPECIFIED', NOW(), UUID())",
)
WITHOUT_THE_COMMON_DICTIONARY = (
    "DELETE FROM concept; DELETE FROM concept_name; DELETE FROM concept_reference_map; "
    "DELETE FROM concept_reference_term; DELETE FROM concept_reference_source; DELETE FROM concept_datatype; "
    "DELETE FROM concept_class; DELETE FROM global_property WHERE property IN ('concept.true', 'concept.false');"
)
NEW_ROWS = (
    "INSERT INTO obs (person_id, concept_id, obs_datetime, date_created, creator, voided, status, encounter_id, "
    "value_numeric, uuid) VALUES (3, 5003, '2024-03-05 09:30:00', NOW() + INTERVAL 1 DAY, 1, 0, 'FINAL', 1, 5, UUID())",
    "INSERT INTO obs (person_id, concept_id, obs_datetime, date_created, creator, voided, status, encounter_id, "
    "value_coded, uuid) VALUES "
    "(4, 5001, '2024-03-05 09:30:00', NOW() + INTERVAL 1 DAY, 1, 0, 'FINAL', 2, 5002, UUID())",
)


class Hospital:
    """The case's hospital, loaded once, and what patients read."""

    def __init__(self, case, servers):
        script = CASES / FILE
        before, _, self.changes = (script.read_text() if script.exists() else "").partition("-- after the first sync:")
        first = {
            "concept_datatype": 14,
            "concept_class": 17,
            "concept_reference_source": 1,
            "concept_reference_term": 1,
        }
        self.connections = case(FILE, *PATIENTS, first=first, before=WITHOUT_THE_COMMON_DICTIONARY, text=before)
        self.engine = sa.create_engine(servers.mariadb_root_url(self.connections.hospital("case").url().database))

    def run(self, *statements):
        with self.engine.begin() as connection:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
            for statement in statements:
                for one in filter(str.strip, statement.split(";\n")):
                    connection.exec_driver_sql(one.strip().rstrip(";"))
        load_hospitals(self.connections)

    @property
    def shown(self):
        records = self.connections.passport["medicalrecords"].find({"type": {"$in": ["condition", "test"]}})
        return sorted(
            (record["data"]["name"], record["data"].get("result", ""), record["data"].get("testStatus", ""))
            for record in records
        )

    @property
    def parked(self):
        return sorted(row["reason"] for row in self.connections.passport["parkedrows"].find())

    @property
    def held(self):
        return held_concepts("case", self.connections.batches)


BEFORE = [
    ("Glucose", "90 mg/dL (normal 70-110)", "Normal"),
    ("Malaria", "", ""),
    ("Malaria", "", ""),
]
AFTER = [
    ("Glucose", "90 mmol/L (normal 3.9-6.1)", "Critical"),
    ("HIV disease", "", ""),
    ("HIV disease", "", ""),
]


@pytest.fixture
def hospital(case, servers):
    made = Hospital(case, servers)
    with closing(made.connections):
        assert made.shown == BEFORE
        yield made
    made.engine.dispose()


def test_no_record_is_rewritten_until_an_operator_accepts_the_change(hospital):
    hospital.run(hospital.changes)
    assert hospital.shown == BEFORE
    changes = hospital.held.changes
    assert changes[["concept_id", "what"]].values.tolist() == [[5002, "name"], [5003, "units"]]
    connections = hospital.connections
    concerned = records_concerned(connections.hospital("case"), connections.batches, connections.passport, [5002, 5003])
    assert concerned.values.tolist() == [[5002, 2, 1], [5003, 1, 1]]
    hospital.run()
    assert hospital.shown == BEFORE and hospital.held.since is not None
    accept_changes("case", connections.batches, hospital.held)
    assert hospital.held is None
    hospital.run()
    assert hospital.shown == AFTER and hospital.held is None


def test_new_rows_with_a_concept_that_is_held_back_are_parked_until_it_is_decided(hospital):
    hospital.run(hospital.changes, *NEW_ROWS)
    assert hospital.shown == BEFORE
    assert hospital.parked == ["held_concept", "held_concept"]
    accept_changes("case", hospital.connections.batches, hospital.held, {5003})
    hospital.run()
    assert [result for name, result, _ in hospital.shown if name == "Glucose"] == [
        "5 mmol/L (normal 3.9-6.1)",
        "90 mmol/L (normal 3.9-6.1)",
    ]
    assert hospital.parked == ["held_concept"] and hospital.held.changes["concept_id"].tolist() == [5002]


def test_a_dictionary_that_is_corrected_releases_the_concept_and_its_rows(hospital):
    hospital.run("UPDATE concept_name SET name = 'HIV disease' WHERE concept_id = 5002", *NEW_ROWS)
    assert hospital.parked == ["held_concept"]
    hospital.run("UPDATE concept_name SET name = 'Malaria' WHERE concept_id = 5002")
    assert hospital.held is None and hospital.parked == []
    assert [name for name, _, _ in hospital.shown] == ["Glucose", "Glucose", "Malaria", "Malaria", "Malaria"]


def test_spellings_synonyms_and_translations_are_taken_over_at_once(hospital):
    hospital.run(*SPELLINGS)
    assert hospital.held is None
    assert [(name, result) for name, result, _ in hospital.shown] == [
        ("Glucose", "90 mg/dl (normal 70-110)"),
        ("Malaria, clinical", ""),
        ("Malaria, clinical", ""),
    ]


def test_a_concept_that_only_voided_rows_have_is_not_held_back(hospital):
    hospital.run("UPDATE obs SET voided = 1 WHERE concept_id = 5003")
    hospital.run("UPDATE concept_numeric SET units = 'mmol/L' WHERE concept_id = 5003")
    assert hospital.held is None


def test_what_was_not_previewed_is_not_accepted(hospital):
    hospital.run(hospital.changes)
    previewed = hospital.held
    with pytest.raises(ConfigurationError, match="no change of concept 5001 is held back"):
        accept_changes("case", hospital.connections.batches, previewed, {5001})
    hospital.run("UPDATE concept_numeric SET units = 'g/L' WHERE concept_id = 5003")
    with pytest.raises(ConfigurationError, match="has changed meanwhile"):
        accept_changes("case", hospital.connections.batches, previewed)
    assert hospital.shown == BEFORE


def test_an_operator_sees_what_is_held_back_and_accepts_it_by_a_command(hospital, monkeypatch):
    settings = hospital.connections.settings
    names = {"HOSPITALS_FILE": "hospitals_file", "MONGO_DATABASE": "mongo_database", "BATCHES": "batches"}
    for variable, name in names.items():
        monkeypatch.setenv(f"PASSPORT_{variable}", str(getattr(settings, name)))
    monkeypatch.setenv("PASSPORT_MONGO_URI", settings.mongo_uri.get_secret_value())
    monkeypatch.setenv("COLUMNS", "200")
    hospital.run(hospital.changes)

    def said(*arguments, code=0):
        result = CliRunner().invoke(app, [*arguments])
        assert result.exit_code == code, result.output
        return result.output

    line = "Malaria (name: Malaria -> HIV disease), Glucose (units: mg/dL -> mmol/L)"
    assert line in said("status") and line in said("hospitals", "list")
    assert "mmol/L" in said("status", "--json")
    accepting = ("hospitals", "accept", "case", "--dictionary")
    preview = said(*accepting, "--dry-run")
    assert "HIV disease" in preview and "rows of records" in preview and "1000000007919" not in preview
    assert hospital.held is not None
    refused = CliRunner().invoke(app, [*accepting, "--by", "anna"])
    assert refused.exit_code != 0 and hospital.held is not None
    said(*accepting, "--reason", "a new analyser", "--by", "anna")
    assert hospital.held is None and line not in said("status")
    state = state_of(hospital.connections.passport, "case")
    assert (state.by, state.active) == ("anna", True)
    assert state.reason == "changes of the dictionary let through (concepts 5002, 5003): a new analyser"
    hospital.run()
    assert hospital.shown == AFTER
