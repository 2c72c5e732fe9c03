"""Processes that may die: forked from one that has imported everything, so that each costs a moment.

What belongs here: starting, ending and waiting for them. What does not: what they do.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
# The first process of a session decides what all of them have imported already; a run imports the rest when it needs
# it.
CONTEXT.set_forkserver_preload([
    "passport_testing.operator", "passport_pipeline_tests.passport.factory",
    "passport_testing.faults.child", "passport_pipeline.cli.commands",
    "passport_pipeline.passport.conflicts.resolve",
    "dagster._core.storage.event_log", "dagster._core.storage.runs", "dagster._core.storage.schedules",
    "dagster._core.storage.local_compute_log_manager", "dagster._core.instance.factory", "pyarrow.parquet", "pymysql",
    "sqlalchemy.dialects.mysql.pymysql", "sqlalchemy.dialects.sqlite", "rich.console",
])  # fmt: skip


class Child:
    """A process that runs `target(*arguments)` with this process's environment; it ends with this process.

    What it prints goes to the file `said`, where one is named.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any, said: Path | None = None) -> None:
        self.process = CONTEXT.Process(target=_enter, args=(dict(os.environ), said, target, arguments), daemon=True)
        self.process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid or 0

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.is_alive()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.process.join()

    def join(self, seconds: float) -> int | None:
        """Wait for its end; the exit code, negative for a signal, None where it still runs."""
        self.process.join(seconds)
        return self.process.exitcode


def _enter(
    environment: dict[str, str], said: Path | None, target: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    if said:
        with said.open("a") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)
