"""A row with odd content is parked; all others of its window are loaded, and both ends agree."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.passport.parked import replay
from passport_pipeline.sources.openmrs.observations.stream import Observations
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
from passport_pipeline_tests.windows.test_load import add, change, run_window
from passport_sample.generator import DEMO, generate
from passport_sample.population import passport_patients
from passport_sample.seed_example import seed_example, seed_passport

NATIONAL_ID = "1000000007919"
ZONES = ("America/Port-au-Prince", "America/Lima", "Africa/Kigali", "Pacific/Kiritimati")
MORE = """
INSERT INTO encounter (encounter_type, patient_id, location_id, encounter_datetime, voided, date_created, uuid)
VALUES (901, 3, 1, '9999-12-31 23:59:59', 0, '2024-01-01', 'encounter-9999');
INSERT INTO obs (obs_id, person_id, concept_id, obs_datetime, date_created, creator, voided, status, encounter_id,
                 value_text, obs_group_id, uuid)
VALUES (1001, 3, 5001, '9999-12-31 23:59:59', '2024-03-05 10:00:00', 1, 0, 'FINAL', NULL, 'bad', NULL, 'obs-9999'),
       (1002, 3, 5001, '2024-03-05 09:30:00', '2024-03-05 10:00:00', 1, 0, 'FINAL', 2, 'good', NULL, 'obs-of-9999'),
       (1003, 3, 5005, '2024-03-05 09:30:00', '2024-03-05 10:00:00', 1, 0, 'FINAL', NULL, NULL, NULL, 'obs-header'),
       (1004, 3, 5001, '2024-03-05 09:30:00', '0001-01-01', 1, 0, 'FINAL', NULL, 'good', 1003, 'obs-of-year-1'),
       (1005, 3, 5001, '2024-03-05 09:30:00', '9999-12-31 23:59:59', 1, 0, 'FINAL', NULL, 'good', 1003, 'obs-late'),
       (1006, 3, 5001, '2024-03-05 09:30:00', '0001-01-01', 1, 0, 'FINAL', NULL, 'outside', NULL, 'obs-first-day'),
       (1007, 3, 5001, '2024-03-05 09:30:00', '9999-12-31', 1, 0, 'FINAL', NULL, 'outside', NULL, 'obs-last-day');
"""


@pytest.mark.parametrize("zone", ZONES)
def test_a_row_with_a_date_of_year_1_or_9999_is_parked_and_all_others_are_loaded(zone, case):
    connections = case("19-obs_datetime-year-1-or-9999.sql", NATIONAL_ID, zone=zone, more=MORE)
    passport = connections.passport
    led = passport["medicalrecords"].find({"source.stream": "observations"})
    records = {record["source"]["rowUuid"]: record for record in led}
    parked = {row["rowUuid"]: row["reason"] for row in passport["parkedrows"].find()}
    bad = {"86ddb0a9-c468-440b-b9ee-55b62cefefe6", "obs-9999"}
    assert parked == dict.fromkeys(bad, "invalid_date")
    good = {"fc01bf57-8a94-40ad-ae6a-29d20957990e", "222821ce-57dd-46d8-b4bf-de7f1200de84"}
    assert records.keys() == good | {"obs-of-9999", "obs-of-year-1", "obs-late"}
    assert all("dateCreated" not in records[uuid]["openmrsData"] for uuid in ("obs-of-year-1", "obs-late"))
    with connections.source("case") as source:
        verification = verify_hospital(source, passport, VerifyOptions((FIRST_MONTH, last_month())))
    assert (verification.ok, verification.outside) == (True, 2)


ODD_DATES = ("0001-01-01 00:00:00", "0001-01-01 23:59:59", "9999-12-31 00:00:00", "9999-12-31 23:59:59")
STORED = ("medicalrecords", "parkedrows", "patients", "auditlogs", "retractedrecords")


def test_records_whose_rows_get_odd_dates_are_parked_and_return_when_the_dates_are_corrected(operating_on):
    spec = replace(DEMO[0], patients=12, visits=1.5, end=date(2026, 1, 31), timezone="America/Lima")
    with operating_on([generate(spec, 4)], passport_patients(4, 40)) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        before = operator.database.medicalrecords.count_documents({})
        records = operator.database.medicalrecords.find({"source.stream": "observations"}).sort("_id").limit(40)
        chosen = [record["source"]["rowId"] for record in records]
        with operator.admin.begin() as connection:
            connection.exec_driver_sql(f"USE `{operator.databases[spec.key]}`")
            connection.exec_driver_sql("CREATE TABLE true_dates AS SELECT obs_id, obs_datetime FROM obs")
            for number, obs_id in enumerate(chosen):
                odd = ODD_DATES[number % len(ODD_DATES)]
                connection.exec_driver_sql(f"UPDATE obs SET obs_datetime = '{odd}' WHERE obs_id = {obs_id}")
        assert [run.failures for run in operator.sync()] == [[]]
        parked = operator.database.parkedrows.find({"rowId": {"$in": chosen}})
        assert {row["rowId"]: row["reason"] for row in parked} == dict.fromkeys(chosen, "invalid_date")
        assert operator.verify()[spec.key].ok
        with operator.admin.begin() as connection:
            connection.exec_driver_sql(f"USE `{operator.databases[spec.key]}`")
            connection.exec_driver_sql(
                "UPDATE obs JOIN true_dates USING (obs_id) SET obs.obs_datetime = true_dates.obs_datetime"
            )
        assert [run.failures for run in operator.sync()] == [[]]
        assert operator.database.medicalrecords.count_documents({}) == before
        assert operator.verify()[spec.key].ok


@pytest.fixture
def operator(operating_on):
    with operating_on([seed_example()], seed_passport(), batch_rows=100) as operator:
        yield operator


@pytest.fixture
def failing(monkeypatch):
    """No frame with row 20123 can be drafted, until this is undone."""
    draft = Observations.draft

    def broken(rows, *others):
        if 20_123 in {*rows["obs_id"]}:
            raise ZeroDivisionError
        return draft(rows, *others)

    with monkeypatch.context() as patched:
        patched.setattr(Observations, "draft", staticmethod(broken))
        yield patched


def test_a_row_that_cannot_be_drafted_is_parked_and_loaded_once_it_can_be(operator, failing):
    add(operator, rows=300, a_second=10)
    loaded = run_window(operator.settings)
    assert (loaded.outcomes["loaded"], loaded.outcomes["parked"]) == (300, 1)
    (parked,) = operator.database.parkedrows.find()
    assert (parked["rowId"], parked["reason"], parked["error"]) == (20_123, "unbuildable", "ZeroDivisionError")
    verification = operator.verify()["hospital-1"]
    assert verification.ok
    assert verification.parked == {"unbuildable": 1}
    before = operator.passport(*STORED, "sourcedays")
    assert run_window(operator.settings).days_loaded == 0
    assert operator.passport(*STORED, "sourcedays") == before
    again = run_window(operator.settings, full=True)
    assert (again.written["inserted"], again.written["updated"], again.written["retracted"]) == (0, 0, 0)
    assert operator.passport(*STORED) == {name: before[name] for name in STORED}
    failing.undo()
    connections = operator.connections()
    chosen = replay.Selection(reasons=("unbuildable",))
    assert replay.mark_due(connections.passport, chosen, "an operator", datetime.now(UTC)).records == 1
    connections.close()
    loaded = run_window(operator.settings)
    assert (loaded.written["inserted"], loaded.outcomes["parked"]) == (1, 0)
    assert operator.database.parkedrows.count_documents({}) == 0
    assert operator.database.medicalrecords.count_documents({"source.stream": "observations"}) == 301
    assert operator.verify()["hospital-1"].ok


def test_a_record_that_can_no_longer_be_drafted_is_retracted_and_returns_as_it_was(operator, failing):
    broken = Observations.draft
    failing.undo()
    add(operator, rows=200, a_second=10)
    assert run_window(operator.settings).outcomes["loaded"] == 201
    (shown,) = operator.database.medicalrecords.find({"source.rowId": 20_123})
    failing.setattr(Observations, "draft", staticmethod(broken))
    change(operator, "UPDATE obs SET value_coded = NULL, value_text = 'Asthma' WHERE obs_id = 20001")
    loaded = run_window(operator.settings)
    assert (loaded.written["retracted"], loaded.outcomes["parked"]) == (1, 1)
    assert operator.database.medicalrecords.count_documents({"source.rowId": 20_123}) == 0
    assert operator.verify()["hospital-1"].ok
    failing.undo()
    assert run_window(operator.settings, full=True).written["inserted"] == 1
    (back,) = operator.database.medicalrecords.find({"source.rowId": 20_123})
    assert (back["_id"], back["data"]) == (shown["_id"], shown["data"])
    assert operator.verify()["hospital-1"].ok
