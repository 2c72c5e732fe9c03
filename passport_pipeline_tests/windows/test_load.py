"""A window's days into the passport: many rows, many runs at once, and what one run leaves to the next."""

import secrets
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from passport_pipeline.passport.leases import lease
from passport_pipeline.resources import Connections
from passport_pipeline.sample.seed_example import seed_example, seed_passport
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.load import load_window
from passport_pipeline.windows.match import match_window

MONTH = "2025-11"
BACKLOG = """
INSERT INTO obs (obs_id, person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided,
                 uuid)
SELECT 20000 + seq, 789, 102, '2025-11-07 08:00:00' + INTERVAL seq SECOND, 5, 456, 100,
       '2025-11-07 08:00:00' + INTERVAL (seq DIV {a_second}) SECOND, 0, UUID()
FROM seq_1_to_{rows}
"""


def run_window(settings, *, full=False):
    """The three steps, each under the window's lease, as the assets take them."""
    connections, run_id = Connections(settings), secrets.token_hex(4)
    passport, batches = connections.passport, connections.batches

    def turn():
        return lease(passport, "hospital-1", MONTH, run_id, settings.lease_seconds)

    with connections.source("hospital-1") as source:
        with turn():
            extract_window(source, batches, MONTH, full=full)
        with turn():
            match_window(source, batches, passport, MONTH)
    hospital = connections.hospital("hospital-1")
    with turn() as token:
        loaded = load_window(settings, hospital, batches, passport, MONTH, run_id=run_id, token=token, full=full)
    connections.close()
    return loaded


def add(operator, rows, a_second):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases['hospital-1']}`")
        connection.execute(sa.text(BACKLOG.format(rows=rows, a_second=a_second)))


@pytest.fixture
def operator(operating_on):
    with operating_on([seed_example()], seed_passport(), batch_rows=2000) as operator:
        yield operator


def test_five_thousand_rows_of_one_second_are_all_loaded_once(operator):
    add(operator, rows=5000, a_second=5000)
    assert run_window(operator.settings).outcomes["loaded"] == 5001
    assert run_window(operator.settings).days_loaded == 0
    assert operator.database.medicalrecords.count_documents({}) == 5001
    (patient,) = operator.database.patients.find({"medicalHistory": {"$ne": []}})
    assert len(patient["medicalHistory"]) == len(set(patient["medicalHistory"])) == 5001


def test_eight_runs_of_one_window_at_once_leave_one_copy_of_everything(operator):
    add(operator, rows=3000, a_second=10)
    start = threading.Barrier(8)

    def run(_):
        start.wait()
        return run_window(operator.settings, full=True)

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(run, range(8)))) == 8
    assert operator.database.medicalrecords.count_documents({}) == 3001
    assert operator.database.auditlogs.count_documents({}) == 3001
    assert operator.database.doctors.count_documents({}) == 1
    assert operator.database.hospitals.count_documents({}) == 1
    (patient,) = operator.database.patients.find({"medicalHistory": {"$ne": []}})
    assert len(patient["medicalHistory"]) == 3001
    assert operator.verify()["hospital-1"].ok
    assert run_window(operator.settings).days_loaded == 0


PEAK = """
import resource, sys
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline_tests.windows.test_load import run_window
print(run_window(Settings.read()).outcomes["loaded"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.timeout(600)
def test_a_backlog_of_200_000_rows_on_one_day_runs_in_flat_memory(operating_on, monkeypatch):
    peaks = {}
    for rows in (20_000, 200_000):
        with operating_on([seed_example()], seed_passport(), batch_rows=5000) as operator:
            # Whose passport they are in does not matter here; a patient's own array of 200,000 would.
            operator.database.patients.delete_many({})
            add(operator, rows=rows, a_second=100)
            for name, value in {
                "HOSPITALS_FILE": operator.settings.hospitals_file,
                "MONGO_URI": operator.settings.mongo_uri.get_secret_value(),
                "MONGO_DATABASE": operator.settings.mongo_database,
                "BATCHES": operator.settings.batches,
                "BATCH_ROWS": operator.settings.batch_rows,
            }.items():
                monkeypatch.setenv(f"PASSPORT_{name}", str(value))
            ended = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
            loaded, peaks[rows] = map(int, ended.stdout.split())
            assert loaded == 0
            assert operator.database.parkedrows.count_documents({}) == rows + 1
            assert operator.verify()["hospital-1"].ok
    # Ten times the rows; what grows is the set of ids of the day.
    assert peaks[200_000] < peaks[20_000] * 1.25
