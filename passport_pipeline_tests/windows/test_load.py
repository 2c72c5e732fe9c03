"""Loading a window into the passport: with many rows, in many runs at once, and after an interrupted run."""

import secrets
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import PassportUnreachable
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.reconcile.day import DayReconciler
from passport_pipeline.windows.compare import compare_window
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.load import load_window
from passport_pipeline.windows.match import match_window
from passport_sample.seed_example import seed_example, seed_passport

MONTH = "2025-11"
LED, VISITS = {"source.stream": "observations"}, 2  # of the example, and of the backlog
BACKLOG = """
INSERT INTO obs (obs_id, person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided,
                 uuid)
SELECT 20000 + seq, 789, 102, '2025-11-07 08:00:00' + INTERVAL seq SECOND, 5, 456, 100,
       '2025-11-07 08:00:00' + INTERVAL (seq DIV {a_second}) SECOND, 0, UUID()
FROM seq_1_to_{rows}
"""


def run_window(settings, *, full=False):
    """The three steps, each under the window's lease, as the assets take them."""
    run_id = secrets.token_hex(4)
    with closing(Connections(settings)) as connections:
        passport, batches = connections.passport, connections.batches

        def window_lease():
            return lease(passport, "hospital-1", MONTH, run_id, settings.lease_seconds)

        with connections.source("hospital-1") as source:
            with window_lease():
                extract_window(source, batches, MONTH, batch_rows=settings.batch_rows, full=full)
            with window_lease():
                match_window(source, batches, passport, MONTH)
        hospital = connections.hospital("hospital-1")
        with window_lease() as token:
            comparison = compare_window(hospital, batches, passport, MONTH)
            return load_window(settings, batches, passport, comparison, run_id=run_id, token=token, full=full)


def add(operator, rows, a_second):
    change(operator, BACKLOG.format(rows=rows, a_second=a_second))


def change(operator, *statements):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases['hospital-1']}`")
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def operator(operating_on):
    with operating_on([seed_example()], seed_passport(), batch_rows=400) as operator:
        yield operator


def test_five_thousand_rows_of_one_second_are_each_loaded_once(operator):
    add(operator, rows=5000, a_second=5000)
    assert run_window(operator.settings).outcomes["loaded"] == 5001
    assert run_window(operator.settings).days_loaded == 0
    assert operator.database.medicalrecords.count_documents(LED) == 5001
    (patient,) = operator.database.patients.find({"medicalHistory": {"$ne": []}})
    assert len(patient["medicalHistory"]) == len(set(patient["medicalHistory"])) == 5001
    assert len(patient["hospitalVisits"]) == len(set(patient["hospitalVisits"])) == VISITS


def test_eight_runs_of_one_window_at_once_load_every_record_once(operator):
    add(operator, rows=1000, a_second=10)
    start = threading.Barrier(8)

    def run(_):
        start.wait()
        return run_window(operator.settings, full=True)

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(run, range(8)))) == 8
    assert operator.database.medicalrecords.count_documents(LED) == 1001
    assert operator.database.auditlogs.count_documents({}) == 1001 + VISITS
    assert operator.database.doctors.count_documents({}) == 1
    assert operator.database.hospitals.count_documents({}) == 1
    (patient,) = operator.database.patients.find({"medicalHistory": {"$ne": []}})
    assert (len(patient["medicalHistory"]), len(patient["hospitalVisits"])) == (1001, VISITS)
    assert operator.verify()["hospital-1"].ok
    assert run_window(operator.settings).days_loaded == 0


ONE_DAY_ON = """
UPDATE obs SET date_created = date_created + INTERVAL IF(obs_id MOD 3 = {last}, -2, 1) DAY WHERE obs_id > 20000
"""


def test_rows_that_move_between_days_written_at_the_same_time_are_up_to_date_after_one_run(operator):
    add(operator, rows=900, a_second=10)
    change(operator, "UPDATE obs SET date_created = date_created + INTERVAL obs_id MOD 3 DAY WHERE obs_id > 20000")
    assert run_window(operator.settings).outcomes["loaded"] == 901
    for last in (2, 1):
        change(operator, ONE_DAY_ON.format(last=last))
        assert run_window(operator.settings).days_loaded == 3
        assert run_window(operator.settings).days_loaded == 0
        assert operator.database.medicalrecords.count_documents(LED) == 901
        assert operator.verify()["hospital-1"].ok


def test_no_day_is_written_after_a_run_that_failed_and_the_next_run_loads_them_all(operator, monkeypatch):
    add(operator, rows=900, a_second=10)
    change(operator, "UPDATE obs SET date_created = date_created + INTERVAL obs_id MOD 9 DAY WHERE obs_id > 20000")
    close = DayReconciler.close

    def failing(self, *arguments):
        if self._day.day == 8:
            raise PassportUnreachable("the third of ten days")
        return close(self, *arguments)

    with monkeypatch.context() as broken:
        broken.setattr(DayReconciler, "close", failing)
        with pytest.raises(PassportUnreachable, match="the third"):
            run_window(operator.settings)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("writer")]
    assert run_window(operator.settings).days_loaded > 0
    assert operator.database.medicalrecords.count_documents(LED) == 901
    assert operator.verify()["hospital-1"].ok


# Not getrusage: its peak is at least that of the process which started this one.
PEAK = """
import re
from pathlib import Path
from passport_pipeline.config.settings import Settings
from passport_pipeline_tests.windows.test_load import run_window
loaded = run_window(Settings.read()).outcomes["loaded"]
print(loaded, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


IN_ENCOUNTERS = (
    "SET FOREIGN_KEY_CHECKS = 0",
    "INSERT INTO encounter (encounter_id, encounter_type, patient_id, encounter_datetime, creator, date_created, "
    "voided, uuid) SELECT obs_id DIV 4, 1, 789, '2025-11-07 08:00:00', 100, '2025-11-07 08:00:00', 0, UUID() "
    "FROM obs WHERE obs_id > 20000 GROUP BY obs_id DIV 4",
    "UPDATE obs SET encounter_id = obs_id DIV 4 WHERE obs_id > 20000",
)


def test_three_times_the_rows_of_one_day_need_hardly_more_memory(operating_on, monkeypatch):
    peaks = {}
    for rows in (20_000, 60_000):
        with operating_on([seed_example()], seed_passport(), batch_rows=500) as operator:
            # Whose passport they are in does not matter here; a patient's own array of so many would.
            operator.database.patients.delete_many({})
            add(operator, rows=rows, a_second=100)
            change(operator, *IN_ENCOUNTERS)  # whatever is of one encounter, or of none and one person, is read at once
            for name, value in operator.environment().items():
                monkeypatch.setenv(name, value)
            ended = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
            loaded, peaks[rows] = map(int, ended.stdout.split())
            assert loaded == 0
            assert operator.database.parkedrows.count_documents({}) == rows + 1
            assert operator.verify()["hospital-1"].ok
    # Three times the rows, and many times what is in memory at once; only the set of the day's ids grows.
    assert peaks[60_000] < peaks[20_000] * 1.3
