"""Bringing hospitals up to date in one go, as `sync` and `parked replay` do.

What belongs here: which of the windows are run, in which order, and the result of each hospital. What does not:
which windows are outstanding (detection), running (in_process, workers), how progress is shown (cli).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import PipelineError
from passport_pipeline.core.windows import Window
from passport_pipeline.detection.outstanding import months_of, outstanding, unfinished_months
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.passport.accounts import ensure_hospital
from passport_pipeline.passport.days.state import record_sync
from passport_pipeline.passport.hospitals.held_back import record_let_through
from passport_pipeline.passport.hospitals.state import state_of
from passport_pipeline.passport.patients.record_lists import Days, mark_faulty_of_hospital, misplaced
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline.runner.workers import RunWorkers
from passport_pipeline.windows.hospital_plausibility import known_now

OnWindow = Callable[[Window, int, int], None]


def sync(
    in_process: InProcess,
    chosen: Sequence[Hospital],
    first: str | None,
    last: str | None,
    *,
    full: bool = False,
    accept: bool = False,
    leave_out_inactive: bool = False,
    on_window: OnWindow = lambda window, rows, of: None,
) -> list[HospitalRun]:
    """Bring every window of these hospitals that holds anything up to date; a hospital that fails does not stop the
    others. Windows that are up to date already are not run, unless Dagster has never materialized them. Before that
    patients' lists are compared with the records: days of records with which they are wrong are not up to date.

    `full` and `accept` are those of `InProcess.window`; with `full` every window is run. A hospital that takes no part
    fails, unless such ones are to be left out.
    `on_window(window, live rows done, live rows in all of this hospital)` is called after each window.
    """
    runs = []
    materialized = in_process.materialized()
    wrong: Days | None = None
    with RunWorkers(in_process) as workers:
        for hospital in chosen:
            run = HospitalRun(hospital.key)
            runs.append(run)
            try:
                begun = in_process.connections.passport.now()
            except PipelineError as error:
                run.refuse(error)
                continue
            if leave_out_inactive:
                state = state_of(in_process.connections.passport, hospital.key)
                run.left_out = None if state.active else state.description
            if run.left_out or not in_process.references(hospital, run):
                continue
            try:
                wrong = misplaced(in_process.connections.passport) if wrong is None else wrong
                mark_faulty_of_hospital(in_process.connections.passport, hospital.key, wrong)
                months = months_of(in_process.connections, hospital, first, last)
                wanted = _wanted(in_process.connections, hospital, months, materialized, begun, full=full)
            except PipelineError as error:
                run.refuse(error)
                continue
            run.up_to_date = len(months) - len(wanted)
            _run_months(workers, hospital, months, wanted, run, on_window, full=full, accept=accept)
            if accept and not run.failures and not first and not last:
                known = known_now(hospital.key, in_process.connections.batches)
                record_let_through(in_process.connections.passport, hospital.key, known)
    return runs


def _wanted(
    connections: Connections,
    hospital: Hospital,
    months: Collection[str],
    materialized: Collection[str],
    at: datetime,
    *,
    full: bool,
) -> set[str]:
    """Those of the months that are to be run; where none is, the hospital counts as synchronised `at` this time."""
    if full or not months:
        return set(months)
    wanted = outstanding(connections, hospital, months, at)
    wanted |= {month for month in months if partition_key_of(Window(hospital.key, month)) not in materialized}
    if not wanted:
        account = ensure_hospital(connections.passport, hospital, connections.settings)
        record_sync(connections.passport, account, at)
    return wanted


def run_windows(
    in_process: InProcess,
    windows: Mapping[Window, int],
    *,
    on_window: OnWindow = lambda window, rows, of: None,
) -> list[HospitalRun]:
    """Run just these windows, each with the rows by which progress is counted; a hospital that fails does not stop the
    others. `on_window` is called as in `sync`. Raises ConfigurationError for a hospital that is not registered.
    """
    chosen = [in_process.connections.hospital(key) for key in sorted({window.hospital for window in windows})]
    in_process.register(chosen)
    runs = []
    with RunWorkers(in_process) as workers:
        for hospital in chosen:
            months = {window.month: rows for window, rows in sorted(windows.items()) if window.hospital == hospital.key}
            run = HospitalRun(hospital.key)
            runs.append(run)
            if in_process.answers(hospital, run):
                _run_months(workers, hospital, months, months, run, on_window)
    return runs


def _run_months(  # noqa: PLR0917 - whose, which, and where it is noted
    workers: RunWorkers,
    hospital: Hospital,
    months: Mapping[str, int],
    wanted: Collection[str],
    run: HospitalRun,
    on_window: OnWindow,
    *,
    full: bool = False,
    accept: bool = False,
) -> None:
    """Run those of the months (with their rows) that are wanted; the others are up to date, and come first."""
    total = sum(months.values())
    for month in sorted(months.keys() - wanted):
        run.windows += 1
        run.live += months[month]
        on_window(Window(hospital.key, month), months[month], total)
    rows = {Window(hospital.key, month): months[month] for month in sorted(wanted)}
    succeeded: set[str] = set()
    for window, done in workers.run(rows, full=full, accept=accept):
        run.add(done)
        if done.windows:
            succeeded.add(window.month)
            run.live += rows[window]
        on_window(window, rows[window], total)
    if not succeeded:
        return
    # A record that moved between two windows that were run at once has left a dirty marker on one of them.
    try:
        unfinished = succeeded & unfinished_months(workers.in_process.connections.passport, hospital.key)
    except PipelineError as error:
        run.refuse(error)
        return
    for _, again in workers.run({Window(hospital.key, month): 0 for month in sorted(unfinished)}, accept=accept):
        again.windows = 0
        run.add(again)
