"""Windows that are run side by side: the same in the end, and no process stays behind."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from passport_pipeline.core.windows import Window
from passport_pipeline.passport.days.dirty import MOVED, day_id
from passport_pipeline.passport.days.leases import held
from passport_pipeline.runner import workers
from passport_pipeline.runner.in_process import InProcess
from passport_pipeline.runner.sync import run_windows, sync

WAIT = 60.0


@pytest.fixture(autouse=True)
def few_rows_are_worth_a_process(monkeypatch):
    monkeypatch.setattr(workers, "ROWS_OF_A_PROCESS", 1)


@pytest.fixture
def emptied(operator):
    """The operator, whose passport holds nothing of the hospitals."""
    for name in ("medicalrecords", "parkedrows", "sourcedays", "auditlogs"):
        operator.database[name].delete_many({})
    arrays = ("medicalHistory", "medications", "testResults", "hospitalVisits")
    operator.database.patients.update_many({}, {"$set": {array: [] for array in arrays}})
    return operator


def until(holds):
    deadline = time.monotonic() + WAIT
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def workers_of(pid=None):
    """The processes that this one, or another, has begun to run windows in."""
    return [
        child
        for child in psutil.Process(pid).children()
        if any("multiprocessing.spawn" in word for word in child.cmdline())
    ]


def test_windows_that_are_run_side_by_side_leave_what_they_do_one_after_another(emptied):
    seen, pids = [], set()

    def on_window(window, rows, of):
        seen.append((window, rows, of))
        pids.update(child.pid for child in workers_of())

    connections = emptied.connections()
    in_process = InProcess(connections, emptied.instance)
    runs = sync(in_process, list(connections.hospitals.values()), None, None, on_window=on_window)
    assert [(run.failures, run.windows > 0, run.written > 0) for run in runs] == [([], True, True)] * 2
    assert len(pids) == emptied.settings.processes == 2
    assert workers_of() == []
    assert len(seen) == len({window for window, _, _ in seen}) == sum(run.windows for run in runs)
    for run in runs:
        of_it = [(rows, of) for window, rows, of in seen if window.hospital == run.hospital]
        assert {of for _, of in of_it} == {sum(rows for rows, _ in of_it)} == {run.live}
    assert {key for window, _, _ in seen for key in in_process.materialized() if window.month in key}
    connections.close()
    assert emptied.compare().ok
    assert all(found.ok for found in emptied.verify().values())


def test_few_rows_are_run_by_the_process_that_asks(operator, monkeypatch):
    monkeypatch.setattr(workers, "ROWS_OF_A_PROCESS", 1_000_000)
    monkeypatch.setattr(workers.SPAWN, "Process", None)
    assert [run.failures for run in operator.sync(full=True)] == [[], []]


def test_windows_whose_process_is_killed_fail_and_the_next_sync_runs_them(emptied):
    connections = emptied.connections()
    hospital = next(iter(connections.hospitals.values()))
    killed = []

    def on_window(*_):
        if not killed:
            killed.extend(workers_of())
            for worker in killed:
                worker.kill()

    (run,) = sync(InProcess(connections, emptied.instance), [hospital], None, None, on_window=on_window)
    connections.close()
    assert len(killed) == 2
    assert run.windows + len(run.failures) == 3
    assert run.failures
    assert all("died (exit code -9); run again" in failure for failure in run.failures)
    assert run.exit_code == 1
    assert [again.failures for again in emptied.sync()] == [[], []]
    assert emptied.compare().ok


def test_windows_are_not_waited_for_when_every_process_has_died(operator, monkeypatch):
    class Dying:
        """A process that ends before it is given anything."""

        exitcode = -9

        def __init__(self, **_):
            pass

        def start(self):
            pass

        def join(self, _):
            pass

        kill = start

    monkeypatch.setattr(workers.SPAWN, "Process", Dying)
    connections = operator.connections()
    key = next(iter(connections.hospitals))
    windows = {Window(key, f"2026-0{month}"): 10 for month in (7, 8, 9)}
    (run,) = run_windows(InProcess(connections, operator.instance), windows)
    assert run.windows == 0
    assert [("died" in failure, key in failure) for failure in run.failures] == [(True, True)] * 3
    connections.close()


def test_a_window_that_another_left_a_dirty_marker_on_meanwhile_is_run_again(operator, monkeypatch):
    assert [run.failures for run in operator.sync()] == [[], []]
    run_one, ran = InProcess.window, []

    def window(self, window, run, **options):
        done = run_one(self, window, run, **options)
        ran.append(window)
        if len(ran) == 3:
            moved_from = {"hospital": window.hospital, "window": ran[0].month}
            day = operator.database.sourcedays.find_one(moved_from)["day"]
            mark = {"$inc": {f"writers.{MOVED}": 1}}
            operator.database.sourcedays.update_one({"_id": day_id(window.hospital, day)}, mark)
        return done

    monkeypatch.setattr(workers, "ROWS_OF_A_PROCESS", 1_000_000)
    monkeypatch.setattr(InProcess, "window", window)
    key = operator.samples[0].spec.key
    (run,) = operator.sync(key, full=True)
    assert [one.month for one in ran] == ["2026-07", "2026-08", "2026-09", "2026-07"]
    assert (run.windows, run.failures) == (3, [])
    assert operator.database.sourcedays.count_documents({"writers": {"$nin": [None, {}]}}) == 0


COMMAND = """
from passport_pipeline.runner import workers
from passport_pipeline.cli import main
workers.ROWS_OF_A_PROCESS = 1
main()
"""


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_no_process_outlives_the_command(operator, tmp_path, number, exit_code):
    connections, said = operator.connections(), tmp_path / "said"
    environment = os.environ | operator.environment() | {"DAGSTER_HOME": str(tmp_path)}
    with (
        said.open("w") as file,
        subprocess.Popen([sys.executable, "-c", COMMAND, "sync", "--full"], env=environment, stderr=file) as command,
    ):
        begun = until(lambda: found if len(found := workers_of(command.pid)) == 2 else None)
        until(lambda: any(held(connections.passport, key) for key in connections.hospitals))
        command.send_signal(number)
        assert command.wait(WAIT) == exit_code, said.read_text()
        assert psutil.wait_procs(begun, timeout=WAIT)[1] == []
    assert "Traceback" not in said.read_text()
    connections.close()
    assert [run.failures for run in operator.sync()] == [[], []]
    assert operator.compare().ok
