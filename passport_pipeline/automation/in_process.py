"""Runs of the two jobs in this process, as the command line and the tests need them.

What belongs here: registering hospitals as partitions, choosing the windows, running them one after another against
a real Dagster instance. What does not: how progress is shown (cli).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from passport_pipeline.definitions import build_definitions
from passport_pipeline.errors import PipelineError
from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.partitions import FIRST_MONTH, Window, first_month_of, hospitals, last_month, partition_key_of
from passport_pipeline.passport.days import held_months, recorded_months
from passport_pipeline.passport.hospital_states import state_of
from passport_pipeline.resources import Connections
from passport_pipeline.windows.guarding import ACCEPT_TAG
from passport_pipeline.windows.surveys import stored_survey

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class HospitalRun:
    """What was run for one hospital: windows that succeeded, live rows in them, seconds, and what failed.

    `left_out` is its state in words where it was left out because it takes no part.
    """

    hospital: str
    left_out: str | None = None
    windows: int = 0
    live: int = 0
    written: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    exit_code: int = 0

    def to_json(self) -> dict[str, object]:
        """As `passport-pipeline sync --json` prints it."""
        return {
            "key": self.hospital,
            "leftOut": self.left_out,
            "windows": self.windows,
            "live": self.live,
            "written": self.written,
            "seconds": round(self.seconds, 3),
            "failures": self.failures,
        }

    def fail(self, where: str, result: dg.ExecuteInProcessResult) -> None:
        """Note why a window was held back, or the message of every step that failed."""
        held_back = [one for one in result.get_asset_check_evaluations() if one.blocking and not one.passed]
        if held_back:
            self.exit_code = self.exit_code or 1
            self.failures += [f"{where}: {one.description}" for one in held_back]
            return
        for event in result.all_events:
            if not event.is_step_failure:
                continue
            described = event.step_failure_data.user_failure_data
            code = described.metadata.get("exit_code") if described else None
            self.exit_code = self.exit_code or (int(str(code.value)) if code else 1)
            text = described.description if described else None
            message = f"{where}: {text or 'failed; see the run in the Dagster UI'}"
            if message not in self.failures:
                self.failures.append(message)


def months_to_run(
    connections: Connections, hospital: Hospital, first: str | None, last: str | None
) -> Iterator[tuple[str, int]]:
    """The months of a hospital that hold anything at either end, within its windows and the asked range, with the
    live rows that the survey counted in each.
    """
    survey = stored_survey(hospital.key, connections.batches)
    live = {} if survey is None else survey.live_by_month()
    known = {*recorded_months(connections.passport, hospital.key), *held_months(connections.passport, hospital.key)}
    months = known | {month for month in live if month >= first_month_of(hospital)}
    for month in sorted(months):
        if (first or FIRST_MONTH) <= month <= (last or last_month()):
            yield month, live.get(month, 0)


class InProcess:
    """Runs jobs of the definitions, one after another, in this process.

    `stop` is called after each, and raises where the process was told to stop.
    """

    def __init__(
        self, connections: Connections, instance: dg.DagsterInstance, stop: Callable[[], None] = lambda: None
    ) -> None:
        self.connections = connections
        self._stop = stop
        self.instance = instance
        self.definitions = build_definitions(connections=connections)

    def register(self, chosen: Sequence[Hospital]) -> None:
        """Make the hospitals known to Dagster as partitions."""
        self.instance.add_dynamic_partitions(hospitals.name or "", [hospital.key for hospital in chosen])

    def references(self, hospital: Hospital, run: HospitalRun) -> bool:
        """Survey the hospital and read its lookups; False where that failed."""
        if not self.answers(hospital, run):
            return False
        self.register([hospital])
        return self._execute("hospital_references", hospital.key, hospital.key, run) is not None

    def answers(self, hospital: Hospital, run: HospitalRun) -> bool:
        """Whether the hospital can be read now.

        One that does not answer fails at once: whoever waits at a terminal rather tries again than watches retries.
        """
        try:
            with self.connections.admitted(hospital.key):
                return True
        except PipelineError as error:
            run.failures.append(str(error))
            run.exit_code = error.exit_code
            return False

    def window(self, window: Window, run: HospitalRun, *, full: bool = False, accept: bool = False) -> bool:
        """Run one window; False where it failed. `accept` lets it through whatever the guard (checks) finds."""
        started = time.monotonic()
        config = {"ops": {name: {"config": {"full": full}} for name in ("obs_batch", "medical_records")}}
        where = f"{window.hospital} {window.month}"
        tags = {ACCEPT_TAG: "true"} if accept else {}
        result = self._execute("window_records", partition_key_of(window), where, run, config, tags)
        run.seconds += time.monotonic() - started
        if result is None:
            return False
        run.windows += 1
        if not all(check.passed for check in result.get_asset_check_evaluations()):
            run.exit_code = run.exit_code or 1
            run.failures.append(
                f"{where}: not every live row has an outcome; see `verify --hospital {window.hospital}`"
            )
        metadata = result.asset_materializations_for_node("medical_records")[0].metadata
        run.written += sum(int(str(metadata[name].value)) for name in ("inserted", "updated", "retracted"))
        return True

    def _execute(  # noqa: PLR0917 - what is run, where it is noted, and how
        self,
        job: str,
        partition_key: str,
        where: str,
        run: HospitalRun,
        config: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult | None:
        result = self.definitions.resolve_job_def(job).execute_in_process(
            partition_key=partition_key,
            instance=self.instance,
            run_config={**QUIET, **(config or {})},
            tags=dict(tags or {}),
            raise_on_error=False,
        )
        self._stop()
        if result.success:
            return result
        run.fail(where, result)
        return None


def sync(
    in_process: InProcess,
    chosen: Sequence[Hospital],
    first: str | None,
    last: str | None,
    *,
    full: bool = False,
    accept: bool = False,
    leave_out_inactive: bool = False,
    on_window: Callable[[Window, int, int], None] = lambda window, rows, of: None,
) -> list[HospitalRun]:
    """Run every window of these hospitals that holds anything; a hospital that fails does not stop the others.

    `full` and `accept` are those of `InProcess.window`. A hospital that takes no part fails, unless such ones are to
    be left out.
    `on_window(window, live rows done, live rows in all of this hospital)` is called after each window.
    """
    runs = []
    for hospital in chosen:
        run = HospitalRun(hospital.key)
        runs.append(run)
        if leave_out_inactive:
            state = state_of(in_process.connections.passport, hospital.key)
            run.left_out = None if state.active else state.told
        if run.left_out or not in_process.references(hospital, run):
            continue
        months = list(months_to_run(in_process.connections, hospital, first, last))
        _run_months(in_process, hospital, months, run, on_window, full=full, accept=accept)
    return runs


def run_windows(
    in_process: InProcess,
    windows: Mapping[Window, int],
    *,
    on_window: Callable[[Window, int, int], None] = lambda window, rows, of: None,
) -> list[HospitalRun]:
    """Run just these windows, each with the rows by which progress is told; a hospital that fails does not stop the
    others. `on_window` is called as in `sync`. Raises ConfigurationError for a hospital that is not registered.
    """
    chosen = [in_process.connections.hospital(key) for key in sorted({window.hospital for window in windows})]
    in_process.register(chosen)
    runs = []
    for hospital in chosen:
        months = [(window.month, rows) for window, rows in sorted(windows.items()) if window.hospital == hospital.key]
        run = HospitalRun(hospital.key)
        runs.append(run)
        if in_process.answers(hospital, run):
            _run_months(in_process, hospital, months, run, on_window)
    return runs


def _run_months(
    in_process: InProcess,
    hospital: Hospital,
    months: Sequence[tuple[str, int]],
    run: HospitalRun,
    on_window: Callable[[Window, int, int], None],
    *,
    full: bool = False,
    accept: bool = False,
) -> None:
    total = sum(rows for _, rows in months)
    for month, rows in months:
        window = Window(hospital.key, month)
        if in_process.window(window, run, full=full, accept=accept):
            run.live += rows
        on_window(window, rows, total)
