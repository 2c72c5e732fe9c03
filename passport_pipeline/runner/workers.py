"""Runs of windows side by side, in processes of their own: Dagster runs one job after another in each.

Making documents keeps one processor busy, and writing them others, so several processes do more than one. A few windows
are run by the process that asks.

What belongs here: the processes, and that none outlives the one that began it. What does not: what a run does
(in_process), which windows are run (sync).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import WorkerDied, described
from passport_pipeline.core.terminal import complain
from passport_pipeline.core.windows import Window
from passport_pipeline.runner.dagster_private import InstanceRef
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline.runner.instance import opened
from passport_pipeline.runner.signals import Stopped, let_in, put_off, stopping

ROWS_OF_A_PROCESS = 50_000
"""Rows of the windows that are to be run for which a process is worth the seconds that its start takes."""

PATIENCE = 60.0
"""Seconds that a process has to end when it is terminated; it completes what it is writing."""

SPAWN = multiprocessing.get_context("spawn")  # a fork would share the parent's connections, and its threads' locks


@dataclass(frozen=True)
class Work:
    """One window, and the options of `InProcess.window`."""

    window: Window
    full: bool
    accept: bool


class RunWorkers:
    """Runs windows in up to PASSPORT_PROCESSES processes, which are begun when they are first of use and end with the
    block. Each opens what it needs for itself.
    """

    def __init__(self, in_process: InProcess) -> None:
        self.in_process = in_process
        self._pipes: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for pipe, process in self._pipes.items():
            pipe.close()  # one that waits for work ends
            if kind is not None:
                process.terminate()
        for process in self._pipes.values():
            process.join(PATIENCE)
            process.kill()

    def run(
        self, rows: Mapping[Window, int], *, full: bool = False, accept: bool = False
    ) -> Iterator[tuple[Window, HospitalRun]]:
        """Run these windows, of so many rows each, in about their order; gives each with its result."""
        work = [Work(window, full, accept) for window in rows]
        processes = min(
            self.in_process.connections.settings.processes, len(rows), sum(rows.values()) // ROWS_OF_A_PROCESS
        )
        if processes > 1:
            yield from self._side_by_side(work, processes)
        else:
            for each in work:
                yield each.window, _done(self.in_process, each)

    def _side_by_side(self, work: Collection[Work], processes: int) -> Iterator[tuple[Window, HospitalRun]]:
        waiting, at_work = deque(work), dict[Connection, Window]()
        free = self._begun(processes)
        while waiting or at_work:
            while waiting and free:
                each, pipe = waiting.popleft(), free.pop()
                at_work[pipe] = each.window
                with suppress(OSError):  # it has died: its end of the pipe tells
                    pipe.send(each)
            if not at_work:
                yield from [(each.window, _of_dead(each.window, None)) for each in waiting]
                return
            ready = wait(list(at_work))
            for pipe in [each for each in at_work if each in ready]:
                window = at_work.pop(pipe)
                try:
                    done = pipe.recv()
                except (EOFError, OSError):
                    yield window, _of_dead(window, self._pipes.pop(pipe))
                else:
                    free.append(pipe)
                    yield window, done

    def _begun(self, processes: int) -> list[Connection]:
        """The pipes of so many processes that run."""
        reference = self.in_process.instance.get_ref()
        for _ in range(processes - len(self._pipes)):
            ours, theirs = SPAWN.Pipe()
            process = SPAWN.Process(
                target=_serve, args=(self.in_process.connections.settings, reference, theirs), daemon=True
            )
            with put_off():  # to when the process can end in order
                process.start()
            theirs.close()
            self._pipes[ours] = process
        return list(self._pipes)[:processes]


def _done(in_process: InProcess, work: Work) -> HospitalRun:
    run = HospitalRun(work.window.hospital)
    in_process.window(work.window, run, full=work.full, accept=work.accept)
    return run


def _of_dead(window: Window, process: BaseProcess | None) -> HospitalRun:
    run = HospitalRun(window.hospital)
    if process is not None:
        process.join(PATIENCE)
    ended = "" if process is None else f" (exit code {process.exitcode})"
    run.refuse(
        WorkerDied(
            f"{window.hospital} {window.month}: the process that was to run it died{ended}; run again, with "
            "PASSPORT_PROCESSES=1 where the machine is short of memory"
        )
    )
    return run


def _serve(settings: Settings, reference: InstanceRef, pipe: Connection) -> None:
    """Run the windows that are sent, until the pipe is closed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with (
            suppress(Stopped),
            stopping() as stop,
            opened(reference) as instance,
            closing(Connections(settings)) as connections,
        ):
            let_in()
            in_process = InProcess(connections, instance, stop)
            with suppress(EOFError):
                while True:
                    pipe.send(_done(in_process, pipe.recv()))
    except Exception as error:  # noqa: BLE001 - whatever it is, its text must not reach a terminal or a log
        complain(f"passport-pipeline: {described(error)}")
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
