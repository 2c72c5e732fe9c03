"""A run, or a command, in a process of its own, which lists the fault points that it passes, or dies at one.

What belongs here: what such a process does. What does not: starting it (processes).
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from passport_pipeline.cli import main
from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import Window
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline.runner.signals import Stopped, stopping
from passport_testing.faults import points


@dataclass(frozen=True)
class Doom:
    """Where the process ends: at the `number`-th time that it passes a point, by a signal that it sends itself."""

    name: str
    stage: str = points.AFTER
    number: int = 1
    by: signal.Signals = signal.SIGKILL


def run_window(
    reference: InstanceRef, settings: Settings, window: Window, doom: Doom | None = None, listed: Path | None = None
) -> None:
    """Run a window once; prints why it failed, and ends with its exit code. Without a doom the points are listed in a
    file, in order.
    """
    seen: list[str] = []
    see = _dying(doom) if doom else _listing(seen)
    connections, run = Connections(settings), HospitalRun(window.hospital)
    try:
        with (
            stopping() as stop,
            dg.DagsterInstance.from_ref(reference) as instance,
            points.watching(settings.batches, see),
        ):
            InProcess(connections, instance, stop).window(window, run)
    except Stopped as stopped:
        os._exit(stopped.exit_code)
    if listed:
        listed.write_text(json.dumps(seen))
    sys.stdout.write("".join(f"{failure}\n" for failure in run.failures))
    sys.stdout.flush()
    os._exit(run.exit_code)


def command(arguments: Sequence[str], batches: str, doom: Doom | None = None) -> None:
    """The command line with these arguments, in this environment."""
    sys.argv = ["passport-pipeline", *arguments]
    with points.watching(batches, _dying(doom) if doom else _listing([])):
        main()


def _dying(doom: Doom) -> points.See:
    return points.at(doom.name, doom.stage, doom.number, lambda: os.kill(os.getpid(), doom.by))


def _listing(seen: list[str]) -> points.See:
    def see(name: str, stage: str) -> None:
        if stage == points.BEFORE:
            seen.append(name)

    return see
