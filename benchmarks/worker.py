"""The worker of the soak: a process that does what Dagster's daemon and its runs do, over and over.

What belongs here: its loop, and its handle in the soak. What does not: what a tick is (passport_testing.daemon).
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from passport_pipeline.config.settings import Settings
from passport_pipeline.runner.signals import Stopped, stopping
from passport_testing.daemon import Daemon, later
from passport_testing.faults.processes import Child

HOURS = 20
"""How many hours the soak is to the sensors, which ask in each for what failed before; after a day, every survey would
be overdue."""
HOUR = 15.0
"""Seconds that stand for such an hour, at least."""
NIGHT = 25.0
"""Seconds from one night to the next."""


def work(reference: InstanceRef, settings: Settings, log: Path, began: float, seconds: float) -> None:
    """Tick until SIGTERM; ticks and runs leave lines in `log`. `began` is the soak's first moment (time.time()),
    `seconds` how long it takes.
    """
    hour = max(HOUR, seconds / HOURS)
    with suppress(Stopped), stopping() as stop, dg.DagsterInstance.from_ref(reference) as instance:
        daemon = Daemon(settings, instance, lambda ran: _note(log, run=asdict(ran)), stop)
        nights = int((time.time() - began) / NIGHT)
        while True:
            started = time.time()
            night, nights = nights, int((started - began) / NIGHT)
            try:
                with later(int((started - began) / hour)):
                    daemon.recover()
                    if night < nights:
                        daemon.night()
                    failed = daemon.tick().failed
            except Exception as error:  # noqa: BLE001 - a full disk stops Dagster itself too; the next round goes on
                failed = {"worker": f"{type(error).__name__}: {error}"}
            _note(log, tick=failed, seconds=round(time.time() - started, 2))
            time.sleep(max(0.0, started + 1 - time.time()))


def _note(log: Path, **what: Any) -> None:
    with suppress(OSError), log.open("a") as file:  # the disk may be full, on purpose
        file.write(json.dumps(what) + "\n")


@dataclass
class Worker:
    """The process, started anew whenever it was ended."""

    reference: InstanceRef
    settings: Settings
    log: Path
    began: float
    seconds: float
    starts: int = 0
    child: Child | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it."""
        self.starts += 1
        arguments = (self.reference, self.settings, self.log, self.began, self.seconds)
        self.child = Child(work, *arguments, said=self.log.with_suffix(".txt"))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.pid if self.child else 0

    def kill(self) -> None:
        """kill -9, at any moment, and a new one."""
        self.end()
        self.start()

    def terminate(self) -> None:
        """SIGTERM, and a new one after its end."""
        if self.child:
            self.child.send(signal.SIGTERM)
            if self.child.join(20) is None:
                self.child.kill()
        self.start()

    def revive(self) -> None:
        """Start it again if it died by itself."""
        if self.child and not self.child.alive:
            self.start()

    def end(self) -> None:
        """kill -9."""
        if self.child:
            self.child.kill()

    def progress(self) -> str:
        """What it has done so far: completed ticks, runs, and failed runs."""
        lines = [*self._lines()]
        runs = [line["run"] for line in lines if "run" in line]
        failed = sum(not run["success"] for run in runs)
        return f"{len(lines) - len(runs)} ticks, {len(runs)} runs ({failed} failed)"

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self.log.exists():
            for line in self.log.read_text().splitlines():
                with suppress(ValueError):  # it died while it wrote it
                    yield json.loads(line)
