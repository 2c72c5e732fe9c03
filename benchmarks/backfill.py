"""A backfill of a whole hospital, from MariaDB to acknowledged in MongoDB, in a process of its own.

    python -m benchmarks.backfill dagster    as `passport-pipeline sync` does it: runs of Dagster's jobs, in
                                             PASSPORT_PROCESSES processes where there is enough to do
    python -m benchmarks.backfill domain     the same steps, leases and checks, called without Dagster in one process

The process works on what the PASSPORT_* variables name, and reports on its standard output what it has done, in lines
of JSON. Its seconds are those of the survey, the lookups and all windows; imports and opening Dagster's storage are not
in them. Its peak memory is its own and that of every process that it starts, at the same time; a page that several of
them share counts once.

What belongs here: running and measuring it. What does not: setting up (place), what it is compared with (floor,
replaced).
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks.place import Pipeline
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.connections.run import Connections
from passport_pipeline.detection.outstanding import months_of
from passport_pipeline.passport.days.leases import confirm, lease
from passport_pipeline.runner.in_process import InProcess
from passport_pipeline.runner.instance import dagster_instance
from passport_pipeline.runner.sync import sync
from passport_pipeline.verification.window import days_of_window
from passport_pipeline.windows.compare import compare_window
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.load import load_window
from passport_pipeline.windows.lookups import renew_lookups, renew_national_ids
from passport_pipeline.windows.match import match_window
from passport_pipeline.windows.plausibility import check_plausibility
from passport_pipeline.windows.survey import survey_hospital
from passport_sample import processes

HOW = ("dagster", "domain")
EVERY = 0.5
"""Seconds between two looks at the processes' memory, which take some milliseconds each."""

OnRows = Callable[[int, int], None]


@dataclass(frozen=True)
class Backfilled:
    """What a backfill took: live rows, wall-clock seconds, windows, the most memory in bytes, and seconds of processor
    time of the process (and those that it began) and of the two servers.
    """

    live: int
    seconds: float
    cpu_seconds: float
    windows: int
    peak_bytes: int
    mariadb_cpu_seconds: float = 0.0
    mongodb_cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Live rows a second."""
        return self.live / self.seconds


def backfill(
    pipeline: Pipeline, how: str, progress: OnRows = lambda done, of: None, *, profile: Path | None = None
) -> Backfilled:
    """Run a backfill (one of HOW) in a process of its own; `progress` is told live rows done and in all.

    `profile` is a file for cProfile's numbers, which make it slower. Raises RuntimeError where it fails.
    """
    command = [sys.executable, "-m", "benchmarks.backfill", how, *(["--profile", str(profile)] if profile else [])]
    environment = os.environ | pipeline.environment
    done: dict[str, Any] = {}
    before = _worked(pipeline)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            with _watched(child.pid) as seen:
                for line in child.stdout or ():
                    message = json.loads(line)
                    if "rows" in message:
                        progress(message["rows"], message["of"])
                    else:
                        done = message
        except BaseException:  # whoever stops this does not want to wait until it is done
            child.kill()
            raise
    if child.returncode or not done:
        raise RuntimeError(f"the backfill ({how}) failed; what it said is above")
    result = Backfilled(**done)
    mariadb, mongodb = (after - first for first, after in zip(before, _worked(pipeline), strict=True))
    peak = max(result.peak_bytes, seen())
    return replace(result, peak_bytes=peak, mariadb_cpu_seconds=mariadb, mongodb_cpu_seconds=mongodb)


def _worked(pipeline: Pipeline) -> tuple[float, float]:
    """Seconds of processor time of MariaDB and MongoDB so far."""

    def seconds(folder: str) -> float:
        times = [process.cpu_times() for process in processes.running(pipeline.place.servers.home / folder)]
        return sum(each.user + each.system for each in times)

    return seconds("mariadb"), seconds("mongodb")


@contextmanager
def _watched(pid: int) -> Iterator[Callable[[], int]]:
    """Measure the memory of a process and those that it starts; the result tells the most of them together."""
    ended, most = threading.Event(), 0

    def measure() -> None:
        nonlocal most
        process = psutil.Process(pid)
        while not ended.wait(EVERY):
            try:
                family = (process, *process.children(recursive=True))
                most = max(most, sum(member.memory_full_info().pss for member in family))
            except psutil.Error:  # one of them has ended in between
                continue

    watcher = threading.Thread(target=measure, daemon=True)
    watcher.start()
    try:
        yield lambda: most
    finally:
        ended.set()
        watcher.join()


def _through_dagster(connections: Connections, on_rows: OnRows) -> Backfilled:
    done = 0

    def on_window(_: object, rows: int, of: int) -> None:
        nonlocal done
        done += rows
        on_rows(done, of)

    chosen = list(connections.hospitals.values())
    with dagster_instance() as instance:
        in_process = InProcess(connections, instance)
        started, cpu = time.perf_counter(), _at_work()
        runs = sync(in_process, chosen, None, None, on_window=on_window)
        seconds, cpu = time.perf_counter() - started, _at_work() - cpu
    failures = [failure for run in runs for failure in run.failures]
    if failures:
        raise RuntimeError("; ".join(failures))
    windows = sum(run.windows for run in runs)
    return Backfilled(sum(run.live for run in runs), seconds, cpu, windows, _peak_bytes())


def _at_work() -> float:
    """Seconds of processor time of this process, and of those that it began and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _by_domain(connections: Connections, on_rows: OnRows) -> Backfilled:
    live, windows = 0, 0
    started, cpu = time.perf_counter(), time.process_time()
    for hospital in connections.hospitals.values():
        months = bring_in(connections, hospital, on_rows)
        live, windows = live + sum(months.values()), windows + len(months)
    return Backfilled(live, time.perf_counter() - started, time.process_time() - cpu, windows, _peak_bytes())


def bring_in(
    connections: Connections, hospital: Hospital, on_rows: OnRows = lambda done, of: None
) -> Mapping[str, int]:
    """Survey a hospital, read its lookups and run all its windows, without Dagster; the live rows of each month."""
    with connections.admitted(hospital.key) as source:
        survey_hospital(source, connections.batches, connections.passport)
        renew_lookups(source, connections.batches)
        renew_national_ids(source, connections.batches)
    months, done = months_of(connections, hospital, None, None), 0
    for month, rows in months.items():
        _window(connections, hospital, month)
        done += rows
        on_rows(done, sum(months.values()))
    return months


def _window(connections: Connections, hospital: Hospital, month: str) -> None:
    """The job window_records: three steps, each under the window's lease, and both checks."""
    settings, batches, passport = connections.settings, connections.batches, connections.passport
    key = hospital.key
    window_lease = partial(lease, passport, key, month, f"bench {month}", settings.lease_seconds)
    with window_lease() as token, connections.admitted(key) as source:
        ours = partial(confirm, passport, key, month, token)
        extract_window(source, batches, month, batch_rows=settings.batch_rows, confirm=ours)
    with window_lease() as token, connections.admitted(key) as source:
        match_window(source, batches, passport, month, partial(confirm, passport, key, month, token))
    with window_lease() as token:
        compared = compare_window(hospital, batches, passport, month)
        if check_plausibility(settings, batches, passport, compared).faults:
            raise RuntimeError(f"{month} was held back")
        load_window(settings, batches, passport, compared, run_id=f"bench {month}", token=token)
    if not all(day.accounted_for and day.agrees for day in days_of_window(batches, passport, key, month)):
        raise RuntimeError(f"{month}: not every live row has an outcome")


def _peak_bytes() -> int:
    """The most memory that this process ever had; not what it had before it became this program, as getrusage says."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill")
    parser.add_argument("how", choices=HOW)
    parser.add_argument("--profile", type=Path)
    arguments = parser.parse_args()
    run = _through_dagster if arguments.how == "dagster" else _by_domain
    with closing(Connections()) as connections, _profiled(arguments.profile) if arguments.profile else nullcontext():
        done = run(connections, lambda rows, of: _say(rows=rows, of=of))
    _say(**asdict(done))


@contextmanager
def _profiled(file: Path) -> Iterator[None]:
    """cProfile's numbers of what happens inside, in this thread and in those that begin and end: seconds at work, not
    those of waiting.
    """
    own, others = cProfile.Profile(time.thread_time), list[cProfile.Profile]()
    run = threading.Thread.run

    def profiled(thread: threading.Thread) -> None:
        of_thread = cProfile.Profile(time.thread_time)
        of_thread.runcall(run, thread)
        others.append(of_thread)

    threading.Thread.run = profiled  # type: ignore[method-assign]
    own.enable()
    try:
        yield
    finally:
        own.disable()
        threading.Thread.run = run  # type: ignore[method-assign]
        stats = pstats.Stats(own)
        for other in others:
            stats.add(other)
        stats.dump_stats(file)


if __name__ == "__main__":
    main()
