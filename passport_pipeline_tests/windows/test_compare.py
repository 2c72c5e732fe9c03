"""Days whose records would be different now are stale, and a run loads just these."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
from bson import ObjectId

from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.windows import Window, month_of
from passport_pipeline.detection.plan import stale_windows
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.windows import lookups
from passport_pipeline.windows.compare import (
    Reason,
    compare_window,
    dependencies_version,
    names_any,
    stored_states,
    window_states,
)
from passport_pipeline.windows.fingerprint import stored_dependencies
from passport_pipeline.windows.load import load_window
from passport_pipeline.windows.lookups import stored_national_ids
from passport_pipeline_tests.windows.running import load_hospitals, read_references, run_windows
from passport_sample.generator import DEMO, generate
from passport_sample.population import newcomers, passport_patients

SEED, CITIZENS = 3, 12
MONTHS = ("2005-01", "2030-01")


@pytest.fixture(scope="module")
def synced(operating_on):
    spec = replace(DEMO[0], patients=CITIZENS, visits=2.0, start=date(2026, 7, 1), end=date(2026, 9, 30))
    with operating_on([generate(spec, SEED)], passport_patients(SEED, CITIZENS)) as operator:
        connections = operator.connections()
        load_hospitals(connections)
        connections.close()
        yield operator


@pytest.fixture
def connections(synced):
    connections = synced.connections()
    yield connections
    connections.close()


def run(connections, months):
    run_windows(connections, [Window("central", month) for month in months])


@pytest.fixture
def stale(connections):
    """stale() -> the stale windows; stale(name="...") with the hospital set to something else."""

    def at(**settings):
        hospital = connections.hospital("central").model_copy(update=settings)
        states = stored_states(hospital, connections.batches, connections.passport)
        records = recorded(connections.passport, "central")
        return states and stale_windows(states, records, MONTHS, ignoring={Reason.UNFINISHED})

    return at


def days_of(connections, numbers, kind="person"):
    """The days with rows of these persons, or that refer to others of this kind, by month."""
    batches, days = connections.batches, {}
    for month in batches.months("central"):
        for day, file in batches.month("central", month).items():
            if set(file.references[kind].tolist()) & set(numbers):
                days.setdefault(month, []).append(day)
    return days


def day_counts(windows):
    """The number of stale days of each window."""
    return {window.month: len(window.days) for window in windows}


@contextmanager
def removed(passport, collection, query):
    """The documents that match are deleted inside of the context."""
    documents = list(passport[collection].find(query))
    assert documents
    passport[collection].delete_many(query)
    try:
        yield documents
    finally:
        passport[collection].insert_many(documents)


def person_of(connections, patient):
    holders = stored_national_ids("central", connections.batches)
    return holders.loc[holders["national_id"] == patient["nationalId"], "person_id"]


def test_a_hospital_that_was_just_loaded_has_no_stale_windows(stale):
    assert stale() == []


def test_the_days_of_a_person_are_stale_while_their_patient_is_missing(connections, stale):
    (most,) = connections.passport["medicalrecords"].aggregate([{"$sortByCount": "$patientId"}, {"$limit": 1}])
    patient = connections.passport["patients"].find_one({"_id": ObjectId(most["_id"])})
    expected = days_of(connections, person_of(connections, patient))
    with removed(connections.passport, "patients", {"_id": patient["_id"]}):
        assert day_counts(stale()) == {month: len(days) for month, days in expected.items()}
    assert stale() == []


def test_a_newly_registered_patient_makes_the_days_of_that_person_stale_and_a_run_loads_just_these(
    synced, connections, stale
):
    later = newcomers(SEED, CITIZENS)
    persons = pd.concat([person_of(connections, patient) for patient in later.patients])
    expected = days_of(connections, persons)
    synced.register(later)
    diffs = stale()
    assert day_counts(diffs) == {month: len(days) for month, days in expected.items()} != {}
    assert stale() == diffs
    before = {day: record.recorded_at for day, record in recorded(connections.passport, "central").items()}
    run(connections, expected)
    after = {day: record.recorded_at for day, record in recorded(connections.passport, "central").items()}
    assert sorted(day for day in after if after[day] != before[day]) == sorted(chain(*expected.values()))
    assert stale() == []
    assert synced.compare().ok


def test_the_same_change_after_a_run_has_another_key(connections, stale):
    passport = connections.passport
    (patient,) = passport["patients"].aggregate([{"$match": {"medicalHistory": {"$ne": []}}}, {"$limit": 1}])
    only = {"_id": patient["_id"]}
    with removed(passport, "patients", only):
        first = stale()
        run(connections, day_counts(first))
    run(connections, day_counts(stale()))
    with removed(passport, "patients", only):
        again = stale()
    assert day_counts(again) == day_counts(first) != {}
    assert not {window.key for window in again} & {window.key for window in first}


def test_an_overlay_moves_the_records_of_its_concept_and_taking_it_away_brings_them_back(synced, connections, stale):
    """Only the days with the concept are loaded, from their raw batches: the hospital is not read."""
    passport, hospital = connections.passport, connections.hospital("central")
    before = synced.passport("medicalrecords")["medicalrecords"]
    concept = next(each["source"]["concept"] for each in before if each["type"] == "test")
    number = next(each["openmrsData"]["conceptId"] for each in before if each["source"].get("concept") == concept)
    by = {"why": "a question, not a result", "decided_by": "A. Uwase", "decided_at": date(2026, 1, 31)}
    entry = OverlayEntry(concept=concept["uuid"], type="visit", **by)
    settings = hospital.settings.model_copy(update={"overlays": (Overlay("own.yaml", (entry,)),)})
    expected = days_of(connections, [number], "concept")

    def load(changed):
        loaded = {}
        for month in day_counts(stale(settings=changed.settings)):
            with lease(passport, "central", month, "run", 30) as token:
                comparison = compare_window(changed, connections.batches, passport, month)
                loaded[month] = comparison.stale
                load_window(connections.settings, connections.batches, passport, comparison, run_id="run", token=token)
        return loaded

    assert load(hospital.model_copy(update={"settings": settings})) == expected != {}
    moved = {each["_id"]: each for each in synced.passport("medicalrecords")["medicalrecords"]}
    own = [each for each in before if each["source"].get("concept") == concept]
    assert own and not {each["_id"] for each in own} & moved.keys()
    notes = "\n".join(each["data"].get("notes", "") for each in moved.values())
    assert all(f"{each['data']['name']}: " in notes for each in own)
    assert dependencies_version(hospital, connections.batches) != _version(
        hospital, connections.batches, settings=settings
    )
    assert load(hospital) == expected
    assert stale() == []
    assert synced.compare().ok


def test_every_day_of_a_renamed_hospital_is_stale(connections, stale):
    files = {month: len(connections.batches.month("central", month)) for month in connections.batches.months("central")}
    assert day_counts(stale(name="Another name")) == files


def test_a_day_whose_raw_batch_is_missing_is_stale_and_is_read_again(synced, connections, stale):
    batches = connections.batches
    month = batches.months("central")[0]
    day = next(iter(batches.month("central", month)))
    batches.stream("central", "observations").delete_day(day)
    assert day_counts(stale()) == {month: 1}
    run(connections, [month])
    assert stale() == []
    assert synced.compare().ok


def test_a_day_whose_raw_batch_is_damaged_is_stale_not_taken_for_empty_and_read_again(connections, stale):
    batches, hospital = connections.batches, connections.hospital("central")
    month = batches.months("central")[0]
    day = next(iter(batches.month("central", month)))
    path = Path(batches.root, "central", month, f"{day}.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    assert day_counts(stale()) == {month: 1}
    with pytest.raises(BatchError, match=f"central {day}: .* materialise obs_batch of this window first"):
        window_states(batches, stored_dependencies(hospital, batches, month), month)
    run(connections, [month])
    assert stale() == []


def test_a_damaged_raw_batch_of_a_day_without_rows_is_removed(connections):
    batches = connections.batches
    month = batches.months("central")[0]
    empty = next(
        day for day in pd.date_range(f"{month}-01", periods=28) if day.date() not in batches.days("central", month)
    )
    path = Path(batches.root, "central", month, f"{empty:%Y-%m-%d}.parquet")
    path.write_bytes(b"PAR1")
    run(connections, [month])
    assert not path.exists()


def test_a_day_that_was_read_but_never_loaded_is_stale(connections, stale):
    days = recorded(connections.passport, "central")
    newest = max(day for day, record in days.items() if record.digest != Digest())
    with removed(connections.passport, "sourcedays", {"hospital": "central", "day": newest.isoformat()}):
        assert day_counts(stale()) == {month_of(newest): 1}
    assert stale() == []


def _version(hospital, batches, **changes):
    return dependencies_version(hospital.model_copy(update=changes), batches)


def test_the_version_changes_with_lookups_identifiers_name_and_zone_and_with_nothing_else(connections, stale):
    batches, hospital = connections.batches, connections.hospital("central")
    before = dependencies_version(hospital, batches)
    read_references(connections, "central")
    assert dependencies_version(hospital, batches) == before
    versions = {before, *(_version(hospital, batches, **{key: "Asia/Tokyo"}) for key in ("name", "timezone"))}
    for name in ("concepts", "providers", "locations", "national-ids"):
        frames, texts = batches.read_frames("central", name)
        batches.write_frames("central", name, frames, dict.fromkeys(texts, "other"))
        versions.add(dependencies_version(hospital, batches))
        batches.write_frames("central", name, frames, texts)
    assert len(versions) == 7 and None not in versions
    assert _version(hospital, batches, key="nowhere") is None
    assert stale(key="nowhere") is None


def test_a_hospital_names_the_national_ids_of_its_persons_and_no_others(connections):
    (patient, *_) = passport_patients(SEED, CITIZENS).patients
    known = frozenset({patient["nationalId"]})
    assert names_any("central", connections.batches, known)
    assert not names_any("central", connections.batches, frozenset({"9" * 16}))
    assert not names_any("central", connections.batches, frozenset())
    assert not names_any("nowhere", connections.batches, known)


def test_a_hospital_does_not_name_a_national_id_that_is_shared_there(connections):
    batches, name = connections.batches, lookups.NATIONAL_IDS
    frames, texts = batches.read_frames("central", name)
    holders = frames[name]
    batches.write_frames("central", name, {name: holders.assign(reason="shared_national_id")}, texts)
    assert not names_any("central", batches, frozenset(holders["national_id"]))
    batches.write_frames("central", name, {name: holders}, texts)
    assert names_any("central", batches, frozenset(holders["national_id"]))


def test_national_ids_are_read_again_only_if_an_identifier_or_a_rule_has_changed(connections, monkeypatch):
    def identifiers(source):
        raise LookupError

    with connections.source("central") as source:
        monkeypatch.setattr(type(source), "identifiers", identifiers)
        holders = lookups.renew_national_ids(source, connections.batches)
        pd.testing.assert_frame_equal(holders, stored_national_ids("central", connections.batches))
        monkeypatch.setattr(lookups, "IDENTITY_VERSION", lookups.IDENTITY_VERSION + 1)
        with pytest.raises(LookupError):
            lookups.renew_national_ids(source, connections.batches)


def test_a_renamed_concept_makes_the_days_that_show_it_stale_once_the_lookups_are_renewed(synced, connections, stale):
    batches = connections.batches
    counts = {}
    for month in batches.months("central"):
        for day, file in batches.month("central", month).items():
            for concept in file.references["concept"].tolist():
                counts.setdefault(concept, set()).add(day)
    sample = synced.samples[0]
    rows = sample.obs.loc[synced.oracle(sample).query("type.notna()")["obs_id"]]
    shown = sample.shown_row.keys() & counts.keys() & {*rows["concept_id"], *rows["value_coded"].dropna()}
    rarest = min(shown, key=lambda concept: (len(counts[concept]), concept))
    with synced.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{synced.databases['central']}`")
        row = sample.shown_row[rarest]
        connection.exec_driver_sql(
            f"UPDATE concept_name SET name = CONCAT(name, ' Renamed') WHERE concept_name_id = {row}"
        )
    assert stale() == []
    read_references(connections, "central")
    expected = pd.Series([month_of(day) for day in counts[rarest]]).value_counts().to_dict()
    assert day_counts(stale()) == expected
    run(connections, expected)
    assert stale() == []
    text = str(list(connections.passport["medicalrecords"].find({}, {"data": 1, "source.concept": 1})))
    assert "Renamed" in text
