"""What the sensor for changed inputs requests, which hospitals it checks for that, and what it remembers."""

import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.windows import Window
from passport_pipeline.detection import dependencies as module
from passport_pipeline.detection.dependencies import Cursor
from passport_pipeline.orchestration.partitions import window_of
from passport_pipeline.orchestration.sensors import changed_inputs as sensors
from passport_pipeline.orchestration.sensors import run_requests
from passport_pipeline.orchestration.sensors.changed_inputs import changed_inputs
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, change_state
from passport_pipeline.passport.mongo.collections import ARRAYS
from passport_pipeline.passport.patients.changes import PatientChanges
from passport_pipeline_tests.windows.running import load_hospitals, read_references, run_windows
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import citizens, passport_patients

SEED, CITIZENS = 3, 24
MONTHS = {"start": date(2026, 8, 1), "end": date(2026, 9, 30), "edges": False}


@pytest.fixture(scope="module")
def synced(operating_on):
    """Two hospitals that share some of their patients."""
    specs = [
        replace(DEMO[0], patients=14, visits=1.5, **MONTHS),
        replace(DEMO[2], patients=14, visits=1.5, first_citizen=10, **MONTHS),
    ]
    with operating_on([generate(spec, SEED) for spec in specs], passport_patients(SEED, CITIZENS)) as operator:
        connections = operator.connections()
        load_hospitals(connections)
        connections.close()
        operator.instance.add_dynamic_partitions("hospital", ["central", "colline"])
        yield operator


@pytest.fixture
def sensor(synced, monkeypatch):
    """The sensor after a tick at which nothing was to be done, so that a test sees its own changes alone."""
    sensor = Sensor(synced, monkeypatch)
    sensor.tick()
    sensor.compared.clear()
    return sensor


class Sensor:
    """The sensor with its cursor between ticks, and the hospitals that it compared."""

    def __init__(self, operator, monkeypatch):
        self.operator, self.cursor = operator, None
        self.compared, self.warnings = [], []
        compare = module.stored_states

        def stored_states(hospital, batches, passport):
            self.compared.append(hospital.key)
            return compare(hospital, batches, passport)

        monkeypatch.setattr(module, "stored_states", stored_states)

    def tick(self, process=None):
        """The requests of a tick, in a process of its own or in this one."""
        self.warnings.clear()
        connections = process or self.operator.connections()
        with dg.build_sensor_context(
            instance=self.operator.instance, cursor=self.cursor, resources={"connections": connections}
        ) as context:
            context.log.warning = self.warnings.append
            result = changed_inputs(context)
        if process is None:
            connections.close()
        self.cursor = result.cursor
        return list(result.run_requests or [])

    def remember(self, **changes):
        self.cursor = Cursor.read(self.cursor).model_copy(update=changes).model_dump_json()


def windows(requests):
    return {window_of(request.partition_key) for request in requests}


def run_all(operator, requests):
    connections = operator.connections()
    run_windows(connections, [window_of(request.partition_key) for request in requests])
    connections.close()


def read_anew(operator, key):
    connections = operator.connections()
    read_references(connections, key)
    connections.close()


@contextmanager
def without(operator, wanted):
    """A patient is not in the passport for a while; then without the records that were retracted."""
    (gone,) = operator.database.patients.find(wanted)
    operator.database.patients.delete_one(wanted)
    try:
        yield gone
    finally:
        retracted = set(operator.database.retractedrecords.distinct("_id"))
        lists = {name: [one for one in gone[name] if one not in retracted] for name in ARRAYS.values()}
        operator.database.patients.insert_one(gone | lists)


def months_of(operator, key, national_id):
    """The windows that hold rows of the person who has this national id."""
    sample = next(one for one in operator.samples if one.spec.key == key)
    rows = operator.oracle(sample)
    days = rows.loc[rows["national_id"].eq(national_id) & rows["day"].notna(), "day"]
    return {Window(key, month) for month in days.dt.strftime("%Y-%m")}


def test_the_first_tick_compares_every_hospital_and_the_next_ones_none(synced, monkeypatch):
    sensor = Sensor(synced, monkeypatch)
    assert sensor.tick() == []
    assert sorted(sensor.compared) == ["central", "colline"]
    assert sensor.tick() == [] == sensor.tick()
    assert len(sensor.compared) == 2


@pytest.mark.parametrize("kind", ["rename_concept", "rename_provider", "rename_location"])
def test_what_was_renamed_is_requested_once_it_was_read_and_in_that_hospital_alone(sensor, kind):
    operator = sensor.operator
    sample = operator.samples[0]
    with closing(Mutations(operator.admin, operator.databases["central"], sample, seed=5)) as happens:
        days = getattr(happens, kind)().days
    assert sensor.tick() == [] == sensor.compared
    read_anew(operator, "central")
    requests = sensor.tick()
    assert sensor.compared == ["central"]
    assert windows(requests) == {Window("central", f"{day:%Y-%m}") for day in days}
    run_all(operator, requests)
    assert operator.compare().ok
    assert sensor.tick() == []


def test_a_run_that_failed_is_requested_again_in_the_next_hour_under_another_key(sensor, monkeypatch):
    operator = sensor.operator
    with without(operator, one_with_records(operator)):
        requests = sensor.tick()
        assert requests and sensor.tick() == []
        assert {one.tags["passport/reasons"] for one in requests} == {"dependencies"}
        monkeypatch.setattr(module, "datetime", Later)
        monkeypatch.setattr(run_requests, "datetime", Later)
        again = sensor.tick()
        assert windows(again) == windows(requests)
        assert not {one.run_key for one in again} & {one.run_key for one in requests}
        assert sensor.tick() == []


class Later(datetime):
    """An hour from now."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(hours=1)


def one_with_records(operator):
    return {"_id": operator.database.patients.find_one({"medicalHistory": {"$ne": []}})["_id"]}


def test_a_patient_who_is_registered_is_searched_where_the_national_id_is_known_and_heals_the_parked_rows(sensor):
    operator = sensor.operator
    only_here = citizens(SEED, CITIZENS)["national_id"].tolist()[:10]
    patient = next(
        one
        for one in operator.database.patients.find({"nationalId": {"$in": only_here}, "medicalHistory": {"$ne": []}})
        if months_of(operator, "central", one["nationalId"])
    )
    own = months_of(operator, "central", patient["nationalId"])
    with without(operator, {"_id": patient["_id"]}):
        run_all(operator, sensor.tick())
        assert not operator.database.medicalrecords.count_documents({"patientId": str(patient["_id"])})
        sensor.tick()
        sensor.compared.clear()
    requests = sensor.tick()
    assert sensor.compared == ["central"] and windows(requests) == own
    run_all(operator, requests)
    assert operator.database.medicalrecords.count_documents({"patientId": str(patient["_id"])})
    assert operator.compare().ok and sensor.tick() == []
    texts = [sensor.cursor, *(f"{one.run_key} {one.tags} {one.run_config}" for one in requests)]
    for secret in (patient["nationalId"], str(patient["_id"])):
        assert not any(secret in text.lower() for text in texts)


def test_a_corrected_national_id_and_a_deleted_patient_are_searched_where_there_are_records(sensor):
    operator = sensor.operator
    shared = citizens(SEED, CITIZENS)["national_id"].tolist()[10:14]
    patient = next(
        one
        for one in operator.database.patients.find({"nationalId": {"$in": shared}})
        if months_of(operator, "central", one["nationalId"]) and months_of(operator, "colline", one["nationalId"])
    )
    own = months_of(operator, "central", patient["nationalId"]) | months_of(operator, "colline", patient["nationalId"])
    only = {"_id": patient["_id"]}
    operator.database.patients.update_one(only, {"$set": {"nationalId": "9" * 16}})
    assert windows(sensor.tick()) == own and sorted(sensor.compared) == ["central", "colline"]
    operator.database.patients.update_one(only, {"$set": {"nationalId": patient["nationalId"]}})
    assert sensor.tick() == []
    with without(operator, only):
        assert windows(sensor.tick()) == own


def test_a_patient_who_was_deleted_with_all_records_may_have_had_some_anywhere(sensor):
    operator = sensor.operator
    passport = operator.database
    patient = passport.patients.find_one({"medicalHistory": {"$ne": []}})
    records = list(passport.medicalrecords.find({"patientId": str(patient["_id"])}))
    passport.medicalrecords.delete_many({"patientId": str(patient["_id"])})
    try:
        with without(operator, {"_id": patient["_id"]}):
            assert windows(sensor.tick()) == {
                Window(one["source"]["hospital"], one["source"]["window"]) for one in records
            }
            assert sorted(sensor.compared) == ["central", "colline"]
    finally:
        passport.medicalrecords.insert_many(records)


def test_an_identifier_that_is_typed_later_is_found_when_the_hospital_was_read(sensor):
    operator = sensor.operator
    sample, key = operator.samples[1], "colline"
    known = {one["nationalId"] for one in operator.database.patients.find()}
    number, national_id = next(
        (number, one)
        for number, one in sample.identities.items()
        if one in known and months_of(operator, key, one) and list(sample.identities.values()).count(one) == 1
    )
    with closing(Mutations(operator.admin, operator.databases[key], sample, seed=5)) as happens:
        typed = sample.tables["patient_identifier"]["identifier"][number]
        own = months_of(operator, key, national_id)
        for text in ("-", typed):
            with happens._ledger as ledger:
                ledger.update("patient_identifier", [number], {"identifier": text})
            assert sensor.tick() == []
            read_anew(operator, key)
            requests = sensor.tick()
            assert windows(requests) == own and set(sensor.compared) == {key}
            run_all(operator, requests)
    assert operator.compare().ok


def test_a_renamed_hospital_is_requested_as_a_whole(sensor):
    path = sensor.operator.settings.hospitals_file
    before = path.read_text()
    try:
        path.write_text(before.replace("Central Sample Hospital", "Another Hospital"))
        assert {window.hospital for window in windows(sensor.tick())} == {"central"} == set(sensor.compared)
    finally:
        path.write_text(before)


def test_a_hospital_that_is_disabled_or_paused_is_left_out_and_compared_when_it_is_back(sensor):
    operator = sensor.operator
    path = operator.settings.hospitals_file
    before = path.read_text()
    connections = operator.connections()
    keys = list(connections.hospitals)
    try:
        path.write_text(before.replace("key: central", "key: central\n  enabled: false"))
        change_state(connections.passport, keys, "colline", PAUSED, "a reason", "anna")
        with without(operator, one_with_records(operator)):
            assert sensor.tick() == [] == sensor.compared
    finally:
        path.write_text(before)
        change_state(connections.passport, keys, "colline", ACTIVE, "a reason", "anna")
        connections.close()
    sensor.tick()
    assert sorted(sensor.compared) == ["central", "colline"]


def test_a_window_that_a_run_is_at_or_that_waits_for_one_is_not_requested(sensor, monkeypatch):
    operator = sensor.operator
    connections = operator.connections()
    with without(operator, one_with_records(operator)):
        (first, *others) = sorted(window_of(one.partition_key) for one in sensor.tick())
        sensor.remember(checked={})
        with lease(connections.passport, *first, "another run", 30):
            assert windows(sensor.tick()) == set(others)
            sensor.compared.clear()
        # It is checked again in the next tick, not in the next hour.
        assert first in windows(sensor.tick()) and first.hospital in sensor.compared
        sensor.remember(checked={})
        monkeypatch.setattr(sensors, "queued_windows", lambda _: {first})
        assert windows(sensor.tick()) == set(others)
    connections.close()


def test_a_window_whose_rows_have_changed_too_is_left_to_source_changes(sensor):
    operator = sensor.operator
    with without(operator, one_with_records(operator)):
        (first, *others) = sorted(window_of(one.partition_key) for one in sensor.tick())
        states, at = operator.database.sourcehospitals, datetime.now(UTC)
        entry = {"state": ACTIVE, "at": at, "by": "a test", "reason": "a reason"}
        behind = {f"{first.month}-01": at}
        states.update_one(
            {"_id": first.hospital},
            {"$set": {"state": ACTIVE, "behind": behind}, "$setOnInsert": {"stateHistory": [entry]}},
            upsert=True,
        )
        sensor.remember(checked={})
        assert windows(sensor.tick()) == set(others)
        states.update_one({"_id": first.hospital}, {"$unset": {"behind": ""}})
        # It is checked again in the next tick, not in the next hour.
        assert first in windows(sensor.tick())


def test_without_a_change_stream_all_hospitals_are_compared_every_ten_minutes(sensor, monkeypatch):
    monkeypatch.setattr(module, "patient_changes", lambda *_: PatientChanges(None, "no change stream"))
    monkeypatch.setattr(module, "_polled", lambda _: "2026-11-21T09:10")
    for polled, expected in (("2026-11-21T09:00", ["central", "colline"]), ("2026-11-21T09:10", [])):
        sensor.remember(polled=polled)
        sensor.compared.clear()
        sensor.tick()
        assert sorted(sensor.compared) == expected


def test_a_hospital_that_cannot_be_compared_is_warned_of_delays_no_other_and_is_tried_again(sensor):
    path = Path(sensor.operator.settings.batches, "central", "_lookups", "concepts.zip")
    whole = path.read_bytes()
    try:
        path.write_bytes(b"damaged")
        for _ in range(2):
            sensor.tick()
            (warning,) = sensor.warnings
            assert "central was not compared" in warning and "concepts.zip: is damaged" in warning
            assert list(Cursor.read(sensor.cursor).checked) == ["colline"]
    finally:
        path.write_bytes(whole)
    sensor.tick()
    assert sensor.warnings == [] and sensor.compared == ["central"]


def test_those_that_had_no_turn_come_first_in_the_next_tick_and_nothing_is_lost_if_one_ends_early(sensor, monkeypatch):
    """The first hospital holds the only thread, for several ticks, while patients of both have changed."""
    operator, release = sensor.operator, threading.Event()
    compare, begun = module.stored_states, []

    def stored_states(hospital, *more):
        begun.append(hospital.key)
        if hospital.key == "central":
            release.wait(60)
        return compare(hospital, *more)

    monkeypatch.setattr(module, "AT_ONCE", 1)
    sensor.remember(last=None)
    with without(operator, one_with_records(operator)), closing(operator.connections()) as process:
        wanted = windows(sensor.tick())
        assert wanted
        sensor.remember(last=None, checked={})
        with monkeypatch.context() as patch:
            patch.setattr(module, "stored_states", stored_states)
            patch.setattr(sensors, "end_of_tick", lambda: time.monotonic() + 1)
            assert sensor.tick(process) == [] and begun == ["central"]
            late, waiting = sensor.warnings
            assert (
                "central was not compared by the end" in late
                and "not compared for want of time: 1 of the hospitals (colline)" in waiting
            )
            patch.setattr(sensors, "end_of_tick", lambda: time.monotonic() + 60)
            found = windows(sensor.tick(process))
            assert begun == ["central", "colline"]
            (warning,) = sensor.warnings
            assert "central was not compared: central: a previous check" in warning
        release.set()
        with process._cache._in_use["central/dependencies"]:  # the late check is done
            pass
        found |= windows(sensor.tick(process))
        assert found == wanted


def test_a_hospital_whose_lookups_were_never_read_is_not_compared(sensor, monkeypatch):
    monkeypatch.setattr(module, "dependencies_version", lambda hospital, _: None)
    assert sensor.tick() == [] == sensor.compared
    assert Cursor.read(sensor.cursor).checked == {}


def test_the_message_of_an_unforeseen_error_is_not_logged(sensor, monkeypatch):
    def version(hospital, _):
        raise ValueError("1199980001234567") if hospital.key == "central" else BatchError("what to do")

    monkeypatch.setattr(module, "dependencies_version", version)
    sensor.tick()
    assert "1199980001234567" not in str(sensor.warnings)
    assert "colline was not compared: what to do" in sensor.warnings
