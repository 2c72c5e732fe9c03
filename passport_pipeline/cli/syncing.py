"""`sync` with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passport_pipeline.automation.in_process import HospitalRun
    from passport_pipeline.hospitals.registry import Hospital
    from passport_pipeline.partitions import Window
    from passport_pipeline.resources import Connections


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
    from passport_pipeline.automation.instance import dagster_instance

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
