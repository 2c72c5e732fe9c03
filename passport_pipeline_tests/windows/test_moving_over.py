"""A passport that version 0.1.0 wrote is brought to today's shape out of its raw batches alone.

version_0_1_0/ holds what tag v0.1.0 left of a generated hospital: its MongoDB database, its raw batches and lookups. A
doctor has added a note to a diagnosis, and there is an open conflict over a test.
"""

import gzip
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from bson import json_util

from passport_pipeline.connections.run import Connections
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.verification.window import days_of_window
from passport_pipeline.windows.compare import compare_window
from passport_pipeline.windows.load import load_window
from passport_pipeline.windows.plausibility import check_plausibility
from passport_pipeline_tests.people_read import pages_of

FILES = Path(__file__).with_name("version_0_1_0")
KEY, MONTH = "central", "2025-07"
NOTE, EDIT = "Come back in a week", "As the doctor says"
HOSPITALS = f"""
hospitals:
- key: {KEY}
  locales: [en]
  name: Central Sample Hospital
  national_id_types: [b9d1c1a0-6f0e-4d0c-9a51-000000000001]
  timezone: Africa/Kigali
  url_env: TEST_GONE_URL
"""


@pytest.fixture
def connections(settings, mongo, monkeypatch, tmp_path):
    """What 0.1.0 left, and a hospital that cannot be reached."""
    monkeypatch.setenv("TEST_GONE_URL", "mysql+pymysql://reader@127.0.0.1:1/gone")
    settings.hospitals_file.write_text(HOSPITALS)
    with tarfile.open(FILES / "batches.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    database = mongo[settings.mongo_database]
    dump = gzip.decompress((FILES / "passport.json.gz").read_bytes()).decode()
    for name, documents in json_util.loads(dump).items():
        if documents:
            database[name].insert_many(documents)
    with closing(Connections(settings)) as made:
        yield made


def move_over(connections, run_id="run"):
    """What the asset medical_records does, for the one window."""
    settings, batches, passport = connections.settings, connections.batches, connections.passport
    with lease(passport, KEY, MONTH, run_id, settings.lease_seconds) as token:
        comparison = compare_window(connections.hospital(KEY), batches, passport, MONTH)
        assert check_plausibility(settings, batches, passport, comparison).message is None
        return load_window(settings, batches, passport, comparison, run_id=run_id, token=token)


def records_of(connections):
    return list(connections.passport["medicalrecords"].find({}))


def test_every_record_has_todays_shape_and_every_row_one_outcome(connections):
    before = len(records_of(connections))
    move_over(connections)
    in_conflict = {conflict["record"] for conflict in connections.passport["conflicts"].find({"state": "open"})}
    records = [record for record in records_of(connections) if record["_id"] not in in_conflict]
    assert {record["source"]["stream"] for record in records} == {"observations", "encounters"}
    assert not any("obsUuid" in record["source"] for record in records)
    visits = [record for record in records if record["type"] == "visit"]
    assert visits
    assert {record["source"]["stream"] for record in visits} == {"encounters"}
    assert len(records) != before
    assert all(record["createdAt"] == record["openmrsData"]["dateCreated"] for record in records)
    days = days_of_window(connections.batches, connections.passport, KEY, MONTH)
    assert days
    assert all(day.agrees and day.accounted_for for day in days)


def test_a_second_run_writes_nothing(connections):
    move_over(connections)
    loaded = move_over(connections, "again")
    assert loaded.days_loaded == 0
    comparison = compare_window(connections.hospital(KEY), connections.batches, connections.passport, MONTH)
    assert comparison.stale == []


def test_what_a_doctor_wrote_stays_and_the_conflict_stays_open(connections):
    database = connections.passport
    edited = database["medicalrecords"].find_one({"data.notes": NOTE})["_id"]
    disputed = database["medicalrecords"].find_one({"data.result": EDIT})["_id"]
    move_over(connections)
    record = database["medicalrecords"].find_one({"_id": edited})
    assert (record["data"]["notes"], record["source"]["stream"]) == (NOTE, "observations")
    assert record["data"]["diagnosis"]
    record = database["medicalrecords"].find_one({"_id": disputed})
    assert record["data"]["result"] == EDIT
    (conflict,) = database["conflicts"].find({"record": disputed, "state": "open"})
    assert conflict["rowUuid"] == conflict["ours"]["source"]["rowUuid"]


def test_patients_read_their_diagnoses_with_doctor_and_hospital(connections):
    database = connections.passport["medicalrecords"].database
    before = [*pages_of(database).cards()]
    move_over(connections)
    after = [*pages_of(database).cards()]
    assert {card.doctor for card in before} == {"Dr. Unknown"}
    assert len([card for card in after if card.doctor != "Dr. Unknown"]) > len(after) / 2
    assert {card.hospital for card in after} == {"Central Sample Hospital"}
