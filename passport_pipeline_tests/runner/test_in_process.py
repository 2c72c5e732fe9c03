"""Whole hospitals through Dagster into the passport, against what is known of them by construction."""

import re
from contextlib import closing

import dagster as dg
import pandas as pd
import pytest
from bson import ObjectId

from passport_pipeline.cli.tables import verification_table
from passport_pipeline.identity.matching import REASONS
from passport_pipeline.passport.days.losses import MOST_DELETED
from passport_sample.hospital import PASSWORD_CANARY
from passport_sample.mutations import Mutations


@pytest.fixture(scope="module")
def synced(operator):
    runs = operator.sync()
    assert [failure for run in runs for failure in run.failures] == []
    return operator


def outcomes_in(operator, key):
    """What the passport's documents say of each row: obs_id -> (outcome, reason or type)."""
    found = {}
    for record in operator.database.medicalrecords.find({"source.hospital": key}):
        for row in record["source"]["rows"]:
            found[row["rowId"]] = ("lead", record["type"]) if row["role"] == "lead" else ("attached", None)
    for parked in operator.database.parkedrows.find({"hospital": key}):
        for row in parked["rows"]:
            assert row["rowId"] not in found
            found[row["rowId"]] = ("parked", parked["reason"])
    return found


def wanted_of(operator, sample):
    oracle = operator.oracle(sample)
    told = oracle[oracle["outcome"].isin(["lead", "attached", "parked"])]
    detail = told["type"].where(told["outcome"] == "lead", told["reason"].where(told["outcome"] == "parked"))
    return {
        obs_id: (outcome, None if pd.isna(what) else what)
        for obs_id, outcome, what in zip(told["obs_id"], told["outcome"], detail, strict=True)
    }


def assert_as_the_oracle(operator):
    for sample in operator.samples:
        key = sample.spec.key
        assert outcomes_in(operator, key) == wanted_of(operator, sample)
        oracle = operator.oracle(sample)
        leads = oracle[oracle["outcome"] == "lead"].set_index("obs_id")
        patients = operator.people.patient_of()
        led = {"source.hospital": key, "source.stream": "observations"}
        records = {r["source"]["rowId"]: r for r in operator.database.medicalrecords.find(led)}
        assert {i: r["patientId"] for i, r in records.items()} == leads["national_id"].map(patients).to_dict()
        names = {str(user["_id"]): user["name"] for user in operator.database.users.find()}
        assert {i: names[r["createdBy"]] for i, r in records.items()} == leads["clinician"].fillna(
            sample.spec.name
        ).to_dict()
    arrays = {
        "condition": "medicalHistory",
        "medication": "medications",
        "test": "testResults",
        "visit": "hospitalVisits",
    }
    for patient in operator.database.patients.find():
        for kind, array in arrays.items():
            of_kind = operator.database.medicalrecords.find(
                {"patientId": str(patient["_id"]), "type": kind}, {"_id": 1}
            )
            assert sorted(patient[array]) == sorted(record["_id"] for record in of_kind)


def test_every_live_row_becomes_what_the_oracle_knows(synced):
    assert_as_the_oracle(synced)


def test_how_many_national_ids_are_usable_is_shown_and_why_others_are_not(synced):
    for sample in synced.samples:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("patient_identifiers"), asset_partitions=[sample.spec.key])
        (shown,) = synced.instance.fetch_materializations(wanted, limit=1).records
        metadata = {name: value.value for name, value in shown.asset_materialization.metadata.items()}
        counts = {name: metadata[name] for name in ("usable", *REASONS) if name in metadata}
        assert sum(counts.values()) == metadata["dagster/partition_row_count"]
        assert 0 < counts["usable"] <= len({one for one in sample.identities.values() if one})
        assert counts.keys() > {"usable"}


def test_verify_accounts_for_every_row_and_agrees_on_every_day(synced):
    for key, result in synced.verify().items():
        assert result.ok, key
        oracle = synced.oracle(next(s for s in synced.samples if s.spec.key == key))
        counts = oracle["outcome"].value_counts()
        assert result.loaded == counts["lead"]
        assert result.attached == counts["attached"]
        assert result.parked == oracle[oracle["outcome"] == "parked"]["reason"].value_counts().to_dict()
        assert result.skipped == oracle[oracle["outcome"] == "skipped"]["reason"].value_counts().to_dict()
        assert result.outside == counts.get("outside", 0)


def test_one_patients_records_of_both_hospitals_are_in_one_passport(synced):
    hospitals = synced.database.medicalrecords.aggregate(
        [{"$group": {"_id": "$patientId", "hospitals": {"$addToSet": "$source.hospital"}}}]
    )
    assert max(len(patient["hospitals"]) for patient in hospitals) == 2


def test_equal_provider_ids_of_two_hospitals_are_two_doctors(synced):
    doctors = list(synced.database.doctors.find())
    assert len({doctor["hospital"] for doctor in doctors}) == 2
    assert len({doctor["licenseNumber"] for doctor in doctors}) == len(doctors)
    uuids = [doctor["openmrsProviderUuid"] for doctor in doctors]
    assert len(set(uuids)) < len(uuids)


def test_a_second_run_writes_nothing_not_even_a_full_one(synced):
    before = synced.passport()
    assert [run.written for run in synced.sync()] == [0, 0]
    assert [run.written for run in synced.sync(full=True)] == [0, 0]
    assert synced.passport() == before


def test_without_any_pipeline_state_the_next_run_gives_the_same_passport(synced):
    before = synced.passport()
    synced.database.sourcedays.drop()
    synced.connections().batches.fs.rm(synced.settings.batches, recursive=True)
    assert [run.written for run in synced.sync()] == [0, 0]
    assert synced.passport() == before
    assert all(result.ok for result in synced.verify().values())


def test_no_patients_data_and_no_password_is_in_what_dagster_keeps(synced, tmp_path_factory):
    kept = b"".join(
        path.read_bytes()
        for path in synced.settings.hospitals_file.parent.rglob("*")
        if path.is_file() and "batches" not in path.parts
    )
    assert b"medical_records" in kept
    assert PASSWORD_CANARY.encode() not in kept
    for patient in synced.people.patients:
        assert patient["nationalId"].encode() not in kept
    for user in synced.people.users:
        assert user["name"].encode() not in kept
    batches = b"".join(p.read_bytes() for p in synced.settings.hospitals_file.parent.rglob("*.parquet"))
    assert PASSWORD_CANARY.encode() not in batches


def test_a_hospital_that_does_not_answer_stops_no_other(synced, monkeypatch):
    monkeypatch.setenv("TEST_CENTRAL_URL", "mysql+pymysql://reader:word@127.0.0.1:1/openmrs")
    central, other = synced.sync()
    assert central.exit_code == 3
    assert "central" in central.failures[0]
    assert "word" not in central.failures[0]
    assert other.failures == []
    assert other.windows


def lost(database, record):
    """So many at once that nobody deleted them one by one."""
    of_type = {"source.hospital": record["source"]["hospital"], "type": record["type"]}
    ids = [one["_id"] for one in database.medicalrecords.find(of_type, {"_id": 1}, limit=MOST_DELETED + 5)]
    assert len(ids) > MOST_DELETED
    database.medicalrecords.delete_many({"_id": {"$in": ids}})


def other_checksum(database, record):
    crc = record["source"]["rows"][0]["crc"]
    database.medicalrecords.update_one({"_id": record["_id"]}, {"$set": {"source.rows.0.crc": crc ^ 12345}})


def other_hospital(database, record):
    database.medicalrecords.update_one({"_id": record["_id"]}, {"$set": {"source.hospital": "elsewhere"}})


def made_up(database, record):
    source = record["source"] | {"rowUuid": "made-up", "day": "2019-02-03", "window": "2019-02"}
    database.medicalrecords.insert_one(record | {"_id": ObjectId(), "source": source})


def parked_row_lost(database, record):
    database.parkedrows.delete_one({"hospital": record["source"]["hospital"]})


def marked(database, record):
    day = f"{record['source']['hospital']}/{record['source']['day']}"
    other_checksum(database, record)
    database.sourcedays.update_one({"_id": day}, {"$set": {"writers.somebody": 1}})


@pytest.mark.parametrize(
    ("tamper", "full"),
    [
        (lost, True),
        (other_checksum, True),
        (other_hospital, True),
        (made_up, True),
        (parked_row_lost, True),
        (marked, False),
    ],
)
def test_the_command_that_verify_names_mends_what_was_done_to_the_passport(synced, capsys, tamper, full):
    tamper(synced.database, synced.database.medicalrecords.find_one({"source.hospital": "central", "type": "test"}))
    verified = synced.verify()
    assert not verified["central"].ok
    verification_table(list(verified.values()))
    named = re.findall(r"sync --hospital (\S+) --from (\S+) --to (\S+?)( --full)?`", capsys.readouterr().out)
    assert {bool(option) for *_, option in named} == {full}
    for key, first, last, option in named:
        synced.sync(key, full=bool(option), first=first, last=last)
    assert synced.verify()["central"].ok
    assert_as_the_oracle(synced)


HAPPENINGS = ("insert", "late_row", "edit", "void", "unvoid", "purge", "merge", "unmerge", "void_patient")
IN_PLACE = ("change_person", "change_datetime", "change_value", "rename_concept", "rename_provider", "rename_location")


@pytest.fixture(scope="module")
def happenings(synced):
    sample = synced.samples[0]
    with closing(Mutations(synced.admin, synced.databases[sample.spec.key], sample, seed=11)) as mutations:
        yield mutations


@pytest.mark.parametrize("happening", [*HAPPENINGS, *IN_PLACE])
def test_whatever_happens_at_a_hospital_the_next_sync_brings_the_passport_into_line(synced, happenings, happening):
    getattr(happenings, happening)()
    assert [run.failures for run in synced.sync("central")] == [[]]
    assert_as_the_oracle(synced)
    assert synced.verify()["central"].ok
