"""`sync` with a progress bar, and the Dagster instance that it runs in."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from passport_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    import dagster as dg

    from passport_pipeline.automation.in_process import HospitalRun
    from passport_pipeline.hospitals.registry import Hospital
    from passport_pipeline.partitions import Window
    from passport_pipeline.resources import Connections


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of DAGSTER_HOME. One process after another opens it: several at once would each set up
    a new SQLite storage, which leaves one that nobody can open.

    Raises ConfigurationError where DAGSTER_HOME is not an existing folder, or Dagster cannot work with it.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not os.path.isdir(home) or not os.path.isabs(home):  # noqa: PTH112, PTH117
        raise ConfigurationError(
            "DAGSTER_HOME must name the absolute path of a folder for Dagster's runs; "
            'for example: mkdir -p .dagster && export DAGSTER_HOME="$PWD/.dagster"'
        )
    import dagster

    # Where DAGSTER_HOME has no dagster.yaml that says so, too: nothing about a hospital's runs goes anywhere.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        with (Path(home) / "opening.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            instance = dagster.DagsterInstance.get()
    except Exception as error:  # noqa: BLE001 - whatever it is; its text may quote dagster.yaml's passwords
        failed = type(error).__name__
    else:
        with instance:
            yield instance
        return
    raise ConfigurationError(
        f"Dagster cannot work in DAGSTER_HOME={home} ({failed}): see that the folder is this account's, that its "
        "dagster.yaml is right, and that the database which that names answers; or set DAGSTER_HOME to a new, empty "
        "folder: no more than the list of past runs is kept there"
    )


def sync_with_progress(
    connections: Connections,
    chosen: Sequence[Hospital],
    first: str | None = None,
    last: str | None = None,
    *,
    full: bool = False,
    quiet: bool = False,
) -> list[HospitalRun]:
    """Run the windows of these hospitals with a progress bar on stderr, in the Dagster instance of DAGSTER_HOME.

    Raises ConfigurationError where Dagster cannot work in DAGSTER_HOME.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from passport_pipeline.automation.in_process import InProcess, sync

    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with dagster_instance() as instance, Progress(*columns, console=console) as progress:
        bars = {hospital.key: progress.add_task(hospital.key, total=None) for hospital in chosen}

        def on_window(window: Window, rows: int, of: int) -> None:
            progress.update(
                bars[window.hospital], advance=rows, total=of, description=f"{window.hospital} {window.month}"
            )

        runs = sync(InProcess(connections, instance), chosen, first, last, full=full, on_window=on_window)
    for run in runs:
        for failure in run.failures:
            Console(stderr=True).print(f"[red]failed[/red] {failure}", soft_wrap=True, highlight=False)
    return runs
