"""What goes wrong in the soak, drawn from its seed.

What belongs here: which fault, and when. What does not: how a fault is made (passport_testing.faults).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.hospitals import Writer
from benchmarks.worker import Worker
from passport_testing.faults import outages
from passport_testing.faults.processes import Child
from passport_testing.operator import Operator, backfill


class Mishaps:
    """One fault after another, whenever `inject_due` is called and it is time; `happened` counts them by name.

    They happen in the thread that calls, since a server that is started again ends with the thread that started it.
    """

    def __init__(
        self, operator: Operator, home: Path, worker: Worker, writers: Sequence[Writer], *, seed: int, every: float
    ) -> None:
        self.happened: Counter[str] = Counter()
        self._operator, self._home, self._worker, self._writers = operator, home, worker, writers
        self._random = random.Random(f"{seed}/mishaps")
        self._every = every
        self._next = time.monotonic() + every
        self._kinds: list[Callable[[], None]] = []
        self._backfill: Child | None = None

    def stop(self) -> None:
        """End what is under way."""
        if self._backfill:
            self._backfill.kill()

    def inject_due(self) -> None:
        """Inject a fault if it is time: each kind once before any comes again."""
        if time.monotonic() < self._next:
            return
        if not self._kinds:
            self._kinds = [
                self.worker_killed, self.worker_terminated, self.connections_killed, self.mariadb_restarted,
                self.primary_stepped_down, self.disk_full, self.backfill_killed, self.worker_killed,
            ]  # fmt: skip
            self._random.shuffle(self._kinds)
        kind = self._kinds.pop()
        kind()
        self.happened[kind.__name__] += 1
        self._worker.revive()
        self._next = time.monotonic() + self._every * self._random.uniform(0.5, 1.5)

    def worker_killed(self) -> None:
        """kill -9 at any moment."""
        self._worker.kill()

    def worker_terminated(self) -> None:
        """SIGTERM, as a deployment stops it."""
        self._worker.terminate()

    def connections_killed(self) -> None:
        """The hospitals' servers end the pipeline's connections, three times in a second, so that some are at work."""
        for _ in range(3):
            outages.kill_connections(self._operator.admin)
            time.sleep(0.3)

    def mariadb_restarted(self) -> None:
        """All hospitals' servers go down and come up again; nobody can write meanwhile."""
        with ExitStack() as paused:
            for writer in self._writers:
                paused.enter_context(writer.paused())
            outages.restart_mariadb(self._home)

    def primary_stepped_down(self) -> None:
        """The passport has no primary for a second or two."""
        outages.step_down(self._operator.client)

    def disk_full(self) -> None:
        """The worker's disk is full for some seconds."""
        with outages.full_disk(self._worker.pid):
            time.sleep(self._random.uniform(1, 4))

    def backfill_killed(self) -> None:
        """An operator's backfill of everything runs beside the worker, and is killed by the next one at the latest."""
        if self._backfill:
            self._backfill.kill()
        reference, settings = self._operator.instance.get_ref(), self._operator.settings
        self._backfill = Child(backfill, reference, settings, said=self._home / "backfill.txt")
