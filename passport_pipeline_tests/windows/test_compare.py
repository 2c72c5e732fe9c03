"""Which days would be made differently now, and that a run makes just those anew."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.windows import Window, month_of
from passport_pipeline.detection.plan import stale_windows
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.sources.openmrs.source import OpenMrsSource
from passport_pipeline.windows import lookups
from passport_pipeline.windows.compare import Reason, dependencies_version, names_any, stored_states, window_states
from passport_pipeline.windows.fingerprint import stored_inputs
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


def days_of(connections, persons):
    """The days with rows of these persons, by month."""
    batches, found = connections.batches, {}
    for month in batches.months("central"):
        for day, file in batches.month("central", month).items():
            if set(file.references["person"].tolist()) & set(persons):
                found.setdefault(month, []).append(day)
    return found


def told(windows):
    return {window.month: len(window.days) for window in windows}


@contextmanager
def removed(passport, collection, wanted):
    """Some documents are not there for a while."""
    gone = list(passport[collection].find(wanted))
    assert gone
    passport[collection].delete_many(wanted)
    try:
        yield gone
    finally:
        passport[collection].insert_many(gone)


def person_of(connections, patient):
    held = stored_national_ids("central", connections.batches)
    return held.loc[held["national_id"] == patient["nationalId"], "person_id"]


def test_what_was_just_loaded_is_not_stale(stale):
    assert stale() == []


def test_a_patient_who_is_gone_makes_the_days_of_that_person_stale_until_he_is_back(connections, stale):
    (most,) = connections.passport["medicalrecords"].aggregate([{"$sortByCount": "$patientId"}, {"$limit": 1}])
    patient = next(one for one in connections.passport["patients"].find() if str(one["_id"]) == most["_id"])
    expected = days_of(connections, person_of(connections, patient))
    with removed(connections.passport, "patients", {"_id": patient["_id"]}):
        assert told(stale()) == {month: len(days) for month, days in expected.items()}
    assert stale() == []


def test_a_newly_registered_patient_makes_just_the_days_stale_that_a_run_then_makes_anew(synced, connections, stale):
    later = newcomers(SEED, CITIZENS)
    persons = pd.concat([person_of(connections, patient) for patient in later.patients])
    expected = days_of(connections, persons)
    synced.register(later)
    found = stale()
    assert told(found) == {month: len(days) for month, days in expected.items()} != {}
    assert stale() == found
    before = {day: record.recorded_at for day, record in recorded(connections.passport, "central").items()}
    run(connections, expected)
    after = {day: record.recorded_at for day, record in recorded(connections.passport, "central").items()}
    assert sorted(day for day in after if after[day] != before[day]) == sorted(chain(*expected.values()))
    assert stale() == []
    assert synced.compare().ok


def test_what_happens_again_after_it_was_healed_has_another_key(connections, stale):
    passport = connections.passport
    (patient,) = passport["patients"].aggregate([{"$match": {"medicalHistory": {"$ne": []}}}, {"$limit": 1}])
    only = {"_id": patient["_id"]}
    with removed(passport, "patients", only):
        first = stale()
        run(connections, told(first))
    run(connections, told(stale()))
    with removed(passport, "patients", only):
        again = stale()
    assert told(again) == told(first) != {}
    assert not {window.key for window in again} & {window.key for window in first}


def test_a_renamed_hospital_is_stale_as_a_whole(connections, stale):
    files = {month: len(connections.batches.month("central", month)) for month in connections.batches.months("central")}
    assert told(stale(name="Another name")) == files


def test_a_day_whose_raw_batch_is_gone_is_stale_and_comes_back(synced, connections, stale):
    batches = connections.batches
    month = batches.months("central")[0]
    day = next(iter(batches.month("central", month)))
    batches.stream("central", "observations").delete_day(day)
    assert told(stale()) == {month: 1}
    run(connections, [month])
    assert stale() == []
    assert synced.compare().ok


def test_a_raw_batch_that_cannot_be_read_is_stale_and_never_taken_for_empty_and_read_again(connections, stale):
    batches, hospital = connections.batches, connections.hospital("central")
    month = batches.months("central")[0]
    day = next(iter(batches.month("central", month)))
    path = Path(batches.root, "central", month, f"{day}.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    assert told(stale()) == {month: 1}
    with pytest.raises(BatchError, match=f"central {day}: .* materialise obs_batch of this window first"):
        window_states(batches, stored_inputs(hospital, batches, month), month)
    run(connections, [month])
    assert stale() == []


def test_an_unreadable_raw_batch_of_a_day_that_is_empty_now_is_cleared_away(connections):
    batches = connections.batches
    month = batches.months("central")[0]
    empty = next(
        day for day in pd.date_range(f"{month}-01", periods=28) if day.date() not in batches.days("central", month)
    )
    path = Path(batches.root, "central", month, f"{empty:%Y-%m-%d}.parquet")
    path.write_bytes(b"PAR1")
    run(connections, [month])
    assert not path.exists()


def test_a_day_that_was_read_and_never_loaded_is_stale(connections, stale):
    days = recorded(connections.passport, "central")
    one = max(day for day, record in days.items() if record.digest != Digest())
    with removed(connections.passport, "sourcedays", {"hospital": "central", "day": one.isoformat()}):
        assert told(stale()) == {month_of(one): 1}
    assert stale() == []


def _version(hospital, batches, **changes):
    return dependencies_version(hospital.model_copy(update=changes), batches)


def test_the_version_changes_with_all_that_is_stored_of_a_hospital_and_with_nothing_else(connections, stale):
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


def test_whether_a_hospital_knows_a_national_id_however_it_is_written_there(connections):
    (patient, *_) = passport_patients(SEED, CITIZENS).patients
    known = frozenset({patient["nationalId"]})
    assert names_any("central", connections.batches, known)
    assert not names_any("central", connections.batches, frozenset({"9" * 16}))
    assert not names_any("central", connections.batches, frozenset())
    assert not names_any("nowhere", connections.batches, known)


def test_an_id_that_contradicts_its_holders_data_at_the_hospital_is_not_known_to_it(connections):
    batches, name = connections.batches, lookups.NATIONAL_IDS
    frames, texts = batches.read_frames("central", name)
    held = frames[name]
    batches.write_frames("central", name, {name: held.assign(reason="shared_national_id")}, texts)
    assert not names_any("central", batches, frozenset(held["national_id"]))
    batches.write_frames("central", name, {name: held}, texts)
    assert names_any("central", batches, frozenset(held["national_id"]))


def test_national_ids_are_decided_anew_only_where_an_identifier_or_a_rule_has_changed(connections, monkeypatch):
    def read(source):
        raise LookupError

    monkeypatch.setattr(OpenMrsSource, "identifiers", read)
    with connections.source("central") as source:
        kept = lookups.renew_national_ids(source, connections.batches)
        pd.testing.assert_frame_equal(kept, stored_national_ids("central", connections.batches))
        monkeypatch.setattr(lookups, "IDENTITY_VERSION", lookups.IDENTITY_VERSION + 1)
        with pytest.raises(LookupError):
            lookups.renew_national_ids(source, connections.batches)


def test_a_renamed_concept_that_was_read_again_makes_the_days_stale_that_show_it(synced, connections, stale):
    batches = connections.batches
    counts = {}
    for month in batches.months("central"):
        for day, file in batches.month("central", month).items():
            for concept in file.references["concept"].tolist():
                counts.setdefault(concept, set()).add(day)
    shown = synced.samples[0].shown_row.keys() & counts.keys()
    rarest = min(shown, key=lambda concept: (len(counts[concept]), concept))
    with synced.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{synced.databases['central']}`")
        row = synced.samples[0].shown_row[rarest]
        connection.exec_driver_sql(f"UPDATE concept_name SET name = 'Renamed' WHERE concept_name_id = {row}")
    assert stale() == []
    read_references(connections, "central")
    expected = pd.Series([month_of(day) for day in counts[rarest]]).value_counts().to_dict()
    assert told(stale()) == expected
    run(connections, expected)
    assert stale() == []
    text = str(list(connections.passport["medicalrecords"].find({}, {"data": 1, "source.concept": 1})))
    assert "Renamed" in text
