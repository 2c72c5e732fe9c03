"""Runs of the two jobs in this process, as the command line and the tests need them.

What belongs here: registering hospitals as partitions, running a window against a real Dagster instance, and its
result. What does not: which windows are run (sync), and in which process (workers).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import HospitalHeldBack, PipelineError
from passport_pipeline.core.windows import Window
from passport_pipeline.orchestration.assets import medical_records
from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.orchestration.partitions import hospitals, partition_key_of
from passport_pipeline.windows.plausibility import ACCEPT_TAG

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class HospitalRun:
    """What was done for one hospital: windows that are up to date now, live rows in them, seconds, and what failed.

    `up_to_date` of the windows were so already, and were not run. `left_out` is the hospital's state in words where it
    was left out because it takes no part.
    """

    hospital: str
    left_out: str | None = None
    windows: int = 0
    up_to_date: int = 0
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
            "inLine": self.up_to_date,
            "live": self.live,
            "written": self.written,
            "seconds": round(self.seconds, 3),
            "failures": self.failures,
        }

    def add(self, other: HospitalRun) -> None:
        """Count what was done elsewhere for the same hospital."""
        self.windows += other.windows
        self.written += other.written
        self.seconds += other.seconds
        self.failures += [failure for failure in other.failures if failure not in self.failures]
        self.exit_code = self.exit_code or other.exit_code

    def refuse(self, error: PipelineError) -> None:
        """Note why the hospital was not run at all."""
        self.failures.append(str(error))
        self.exit_code = self.exit_code or error.exit_code

    def fail(self, where: str, result: dg.ExecuteInProcessResult) -> None:
        """Note the message of every step that failed."""
        for event in result.all_events:
            if not event.is_step_failure:
                continue
            described = event.step_failure_data.user_failure_data
            code = described.metadata.get("exit_code") if described else None
            self.exit_code = self.exit_code or (int(str(code.value)) if code else 1)
            text = described.description if described else None
            message = f"{where}: {text or 'failed; see the run in the Dagster UI'}"
            kind = described.metadata.get("error") if described else None
            if text and kind and kind.value == HospitalHeldBack.__name__:
                message = text  # the same for every window: listed once
            if message not in self.failures:
                self.failures.append(message)


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

        One that does not answer fails at once, without retries: an operator at a terminal can run the command again.
        """
        try:
            with self.connections.admitted(hospital.key):
                return True
        except PipelineError as error:
            run.refuse(error)
            return False

    def materialized(self) -> set[str]:
        """The partition keys of the windows that Dagster shows as materialized."""
        return set(self.instance.get_materialized_partitions(medical_records.key))

    def window(self, window: Window, run: HospitalRun, *, full: bool = False, accept: bool = False) -> bool:
        """Run one window; False where it failed. `accept` lets it through though it is implausible (assets.records)."""
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
