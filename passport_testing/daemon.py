"""Dagster's daemon without its processes: evaluates sensors and schedules, and runs what they ask for, here.

What belongs here: what the daemon itself does between a sensor and a run: cursors, run keys, partitions, runs that
died. What does not: which sensors there are; whatever `build_definitions` holds is evaluated.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.events import RunFailureReason
from dagster._core.execution.api import execute_run
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG, RUN_KEY_TAG, SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.runner.in_process import QUIET

RETRIES = 2
RETRY_TAG = "passport/retry"


@dataclass(frozen=True)
class Ran:
    """One run: the job and partition, who asked for it, how it ended."""

    job: str
    partition: str
    asked_by: str
    success: bool
    seconds: float
    failures: tuple[str, ...] = ()


@dataclass
class Tick:
    """The requests of one round of all sensors (or schedules) and their runs; which sensors failed, and why."""

    ran: list[Ran] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """What went wrong, one line each."""
        runs = [f"{run.job} {run.partition}: {'; '.join(run.failures)}" for run in self.ran if not run.success]
        return [*(f"{name}: {error}" for name, error in self.failed.items()), *runs]


@dataclass
class Settled:
    """What it took until nothing was requested any more: rounds that ran something, seconds, and all the runs."""

    rounds: int = 0
    seconds: float = 0.0
    ran: list[Ran] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, tick: Tick) -> None:
        self.rounds += bool(tick.ran)
        self.ran += tick.ran
        self.failures += tick.failures

    def windows(self) -> set[str]:
        """The windows that were run, as partition keys."""
        return {run.partition for run in self.ran if "|" in run.partition}


class NotSettledError(AssertionError):
    """Sensors kept asking for runs."""


class Daemon:
    """Every sensor and schedule of the definitions, and the runs that they ask for. Its state is in the
    Dagster instance, so another process can continue where one was killed. `on_run` is told of every run that ended;
    `stop` is called then, and raises where the process was told to stop (runner.signals).
    """

    def __init__(
        self,
        settings: Settings,
        instance: dg.DagsterInstance,
        on_run: Callable[[Ran], None] = lambda ran: None,
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings, self.instance, self._on_run, self._stop = settings, instance, on_run, stop

    def tick(self) -> Tick:
        """Evaluate every sensor that runs by default once, and run what they request, one after another."""
        tick = Tick()
        for name, sensor in self._sensors():
            try:
                self._evaluate(name, sensor)
            except Exception as error:  # noqa: BLE001 - as the daemon: the tick failed, its cursor stays
                tick.failed[name] = f"{type(error).__name__}: {getattr(error, 'description', None) or error}"
        tick.ran = self._run_all()
        return tick

    def night(self, when: datetime | None = None) -> Tick:
        """Evaluate every schedule of the nights as at that time (default: tonight, a night later each time), and run
        what they request."""
        tick = Tick()
        at = when or self._next_night()
        repository = self._definitions().get_repository_def()
        nightly = (each for each in repository.schedule_defs if str(each.cron_schedule).endswith("* * *"))
        for schedule in nightly:
            connections = Connections(self.settings)
            with dg.build_schedule_context(
                instance=self.instance,
                instance_ref=self.instance.get_ref(),
                scheduled_execution_time=at,
                repository_def=repository,
                resources={"connections": connections},
            ) as context:
                data = schedule.evaluate_tick(context)
            connections.close()
            self._request(SCHEDULE_NAME_TAG, schedule.name, data.run_requests or (), schedule.job_name)
        tick.ran = self._run_all()
        return tick

    def settle(self, *, rounds: int = 8, quiet: int = 1) -> Settled:
        """Tick until nothing is requested in so many ticks in a row that are to be `quiet`: what one tick leaves to the
        other sensor, because it saw rows change, is requested in the next. Raises NotSettledError after so many rounds
        that ran something.
        """
        settled, started, quiet_ticks = Settled(), time.monotonic(), 0
        while settled.rounds < rounds:
            tick = self.tick()
            settled.add(tick)
            settled.seconds = time.monotonic() - started
            quiet_ticks = 0 if tick.ran else quiet_ticks + 1
            if quiet_ticks == quiet:
                return settled
        raise NotSettledError(f"something was requested in each of {rounds} rounds: {tick.ran}")

    def recover(self) -> list[Ran]:
        """Runs whose process died: marked as failed and run again, as `run_retries` in dagster.yaml has it; those
        that were only queued are run. What an operator started is left alone."""
        for run in self._own(dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED):
            self.instance.report_run_failed(run)
            self._again(run)
        return self._run_all()

    def _own(self, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
        """The runs of this status that sensors and schedules requested, oldest first."""
        runs = self.instance.get_runs(dg.RunsFilter(statuses=list(statuses)), ascending=True)
        return [run for run in runs if SENSOR_NAME_TAG in run.tags or SCHEDULE_NAME_TAG in run.tags]

    def _again(self, run: dg.DagsterRun) -> None:
        tries = int(run.tags.get(RETRY_TAG, 0))
        if tries < RETRIES:
            tags = {name: value for name, value in run.tags.items() if name != RUN_FAILURE_REASON_TAG}
            self._create(run.job_name, dict(run.run_config), tags | {RETRY_TAG: str(tries + 1)})

    def _definitions(self) -> dg.Definitions:
        # A connection of its own for each, as runs and ticks are processes of their own.
        return build_definitions(connections=Connections(self.settings))

    def _sensors(self) -> Iterator[tuple[str, dg.SensorDefinition]]:
        for sensor in self._definitions().get_repository_def().sensor_defs:
            if sensor.default_status == dg.DefaultSensorStatus.RUNNING:
                yield sensor.name, sensor

    def _evaluate(self, name: str, sensor: dg.SensorDefinition) -> None:
        connections = Connections(self.settings)
        cursors, key = self.instance.daemon_cursor_storage, f"sensor/{name}"
        try:
            with dg.build_sensor_context(
                instance=self.instance,
                instance_ref=self.instance.get_ref(),
                cursor=cursors.get_cursor_values({key}).get(key),
                definitions=build_definitions(connections=connections),
                resources={"connections": connections},
                sensor_name=name,
            ) as context:
                data = sensor.evaluate_tick(context)
        finally:
            connections.close()
        for event in data.asset_events:
            self.instance.report_runless_asset_event(event)
        for request in data.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            else:
                for partition in request.partition_keys:
                    self.instance.delete_dynamic_partition(request.partitions_def_name, partition)
        target = sensor.targets[0].job_name if sensor.targets else ""
        self._request(SENSOR_NAME_TAG, name, data.run_requests or (), target)
        if data.cursor is not None:
            cursors.set_cursor_values({key: data.cursor})

    def _request(self, tag: str, name: str, requests: Iterable[dg.RunRequest], job_name: str) -> None:
        """Queue the requested runs whose run key is not spent."""
        for request in requests:
            spent = {RUN_KEY_TAG: request.run_key or "", tag: name}
            if request.run_key and self.instance.get_runs(dg.RunsFilter(tags=spent), limit=1):
                continue
            tags = dict(request.tags) | {tag: name} | ({RUN_KEY_TAG: request.run_key} if request.run_key else {})
            self._create(request.job_name or job_name, dict(request.run_config), tags)

    def _create(self, job_name: str, run_config: dict[str, object], tags: dict[str, str]) -> None:
        definitions = self._definitions()
        with partition_loading_context(dynamic_partitions_store=self.instance):
            self.instance.create_run_for_job(
                definitions.resolve_job_def(job_name), run_config={**QUIET, **run_config}, tags=tags
            )

    def _run_all(self) -> list[Ran]:
        """Run what is queued, oldest first."""
        return [self._run(run) for run in self._own(dg.DagsterRunStatus.NOT_STARTED)]

    def _run(self, run: dg.DagsterRun) -> Ran:
        started = time.monotonic()
        connections = Connections(self.settings)
        job = build_definitions(connections=connections).resolve_job_def(run.job_name)
        try:
            with partition_loading_context(dynamic_partitions_store=self.instance):
                result = execute_run(InMemoryJob(job), run, self.instance)
        finally:
            connections.close()
        ended = self.instance.get_run_by_id(run.run_id)
        if ended.tags.get(RUN_FAILURE_REASON_TAG) == RunFailureReason.UNEXPECTED_TERMINATION.value:
            self._again(ended)
        failures = []
        for event in result.all_events:
            if event.is_step_failure:
                failure = event.step_failure_data.user_failure_data
                failures.append((failure and failure.description) or str(event.step_failure_data.error))
        asked_by = run.tags.get(SENSOR_NAME_TAG) or run.tags.get(SCHEDULE_NAME_TAG) or ""
        partition = run.tags.get("dagster/partition", "")
        seconds = time.monotonic() - started
        ran = Ran(run.job_name, partition, asked_by, result.success, seconds, tuple(failures))
        self._on_run(ran)
        self._stop()
        return ran

    def _next_night(self) -> datetime:
        cursors = self.instance.daemon_cursor_storage
        nights = int(cursors.get_cursor_values({"nights"}).get("nights", 0)) + 1
        cursors.set_cursor_values({"nights": str(nights)})
        return datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) + timedelta(days=nights)


@contextmanager
def later(hours: float) -> Iterator[None]:
    """For sensors it is so many hours later: they request once more what has failed."""

    class Anytime(type):
        def __instancecheck__(cls, value):
            return isinstance(value, datetime)

    class Later(datetime, metaclass=Anytime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=hours)

    changed = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(("passport_pipeline.orchestration.", "passport_pipeline.detection."))
        and getattr(module, "datetime", None) is datetime
    ]
    for module in changed:
        module.datetime = Later
    try:
        yield
    finally:
        for module in changed:
            module.datetime = datetime
