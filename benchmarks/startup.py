"""Starting up: the command line's help, a sync with nothing to do, and a run of a few changed rows.

What belongs here: these times. What does not: what is changed (data).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.data import SPEC
from benchmarks.place import Pipeline
from benchmarks.timing import Times, timed
from passport_pipeline.core.windows import Window
from passport_pipeline.runner.in_process import InProcess
from passport_pipeline.runner.instance import dagster_instance
from passport_pipeline.runner.sync import run_windows

COMMAND = (sys.executable, "-m", "passport_pipeline.cli")


@dataclass(frozen=True)
class StartUp:
    """Seconds of: Python itself; `passport-pipeline --help`; `passport-pipeline sync` with nothing to do, which surveys
    the hospital; `sync` of one window of which a hundred rows of one day have changed, and the same run in a process
    that is there already, from its request until it is done.
    """

    python: Times
    help: Times
    nothing: Times
    command: Times
    run: Times


def starting_up(pipeline: Pipeline, month: str, change: Callable[[], object], times: int = 3) -> StartUp:
    """Take them; `change` changes rows of the window of `month`. Raises RuntimeError where a command fails."""
    only = ("sync", "--hospital", SPEC.key, "--from", month, "--to", month)
    _, python = timed(lambda: _run(pipeline, sys.executable, "-c", "pass"), times)
    _, shown = timed(lambda: _run(pipeline, *COMMAND, "--help"), times)
    _, command = timed(lambda: _run(pipeline, *COMMAND, *only), times, before=change)
    with pipeline.connections() as connections, dagster_instance() as instance:
        in_process = InProcess(connections, instance)
        window = {Window(SPEC.key, month): 0}
        runs, run = timed(lambda: run_windows(in_process, window), times, before=change)
    if runs[0].failures or not runs[0].written:
        raise RuntimeError(f"the run of changed rows did not bring them in: {runs[0].failures}")
    _, nothing = timed(lambda: _run(pipeline, *COMMAND, "sync"), times)
    return StartUp(python, shown, nothing, command, run)


def _run(pipeline: Pipeline, *command: str) -> None:
    done = subprocess.run(command, env=os.environ | pipeline.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
