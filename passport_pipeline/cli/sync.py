"""Runs with a progress bar, as `sync` and `parked replay` show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from passport_pipeline.core.terminal import complain, shown

if TYPE_CHECKING:
    from passport_pipeline.config.hospitals import Hospital
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.core.windows import Window
    from passport_pipeline.runner.in_process import HospitalRun, InProcess

    OnWindow = Callable[[Window, int, int], None]


def sync_with_progress(
    connections: Connections,
    chosen: Sequence[Hospital],
    first: str | None = None,
    last: str | None = None,
    *,
    full: bool = False,
    accept: bool = False,
    leave_out_inactive: bool = False,
    quiet: bool = False,
) -> list[HospitalRun]:
    """Bring the windows of these hospitals up to date with a progress bar on stderr, in the Dagster instance of
    DAGSTER_HOME, and say on stderr how many were so already.

    Raises ConfigurationError where Dagster cannot work in DAGSTER_HOME.
    """
    from passport_pipeline.runner.sync import sync

    def run(in_process: InProcess, on_window: OnWindow) -> list[HospitalRun]:
        options = {"full": full, "accept": accept, "leave_out_inactive": leave_out_inactive}
        return sync(in_process, chosen, first, last, **options, on_window=on_window)

    runs = with_progress(connections, [hospital.key for hospital in chosen], run, quiet=quiet)
    if not quiet:
        _print_up_to_date(runs)
    return runs


def with_progress(
    connections: Connections,
    keys: Iterable[str],
    run: Callable[[InProcess, OnWindow], list[HospitalRun]],
    *,
    quiet: bool = False,
) -> list[HospitalRun]:
    """What `run` gives, with a progress bar on stderr for each hospital; failures are printed there, too.

    SIGTERM and Ctrl-C end it at once, as Stopped. Raises ConfigurationError, before `run` is called, where Dagster
    cannot work in DAGSTER_HOME.
    """
    from rich.progress import MofNCompleteColumn

    from passport_pipeline.cli.consoles import bars as new_bars
    from passport_pipeline.cli.consoles import coloured, errors
    from passport_pipeline.runner.in_process import InProcess
    from passport_pipeline.runner.instance import dagster_instance
    from passport_pipeline.runner.signals import stopping

    with (
        closing(connections),
        stopping() as stop,
        dagster_instance() as instance,
        new_bars(MofNCompleteColumn(), quiet=quiet) as progress,
    ):
        bars = {key: progress.add_task(key, total=None) for key in keys}

        def on_window(window: Window, rows: int, of: int) -> None:
            progress.update(
                bars[window.hospital], advance=rows, total=of, description=f"{window.hospital} {window.month}"
            )

        runs = run(InProcess(connections, instance, stop), on_window)
    for hospital_run in runs:
        if hospital_run.left_out:
            complain(f"{hospital_run.hospital} is left out: {shown(hospital_run.left_out)}")
        for failure in hospital_run.failures:
            errors().print(coloured("failed", "red"), failure, soft_wrap=True, highlight=False)
    return runs


def _print_up_to_date(runs: Iterable[HospitalRun]) -> None:
    for run in runs:
        if run.up_to_date:
            complain(f"{run.hospital}: {run.windows} windows are up to date, {run.up_to_date} of them were already")
