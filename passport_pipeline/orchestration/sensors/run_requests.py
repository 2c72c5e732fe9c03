"""What sensors that request windows have in common: which hospitals, which windows are queued, requests, warnings.

What belongs here: questions to the Dagster instance, and run requests. What does not: which windows have to be run, and
why (detection).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import dagster as dg

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.connections.run import TickConnections
from passport_pipeline.core.errors import described
from passport_pipeline.core.windows import Window
from passport_pipeline.detection.plan import WindowDiff
from passport_pipeline.detection.side_by_side import Checks
from passport_pipeline.orchestration.jobs import window_records
from passport_pipeline.orchestration.partitions import hospitals, partition_key_of, window_of
from passport_pipeline.passport.hospitals.state import hospital_states
from passport_pipeline.windows.plausibility import HELD_BACK_TAG

T = TypeVar("T")

SECONDS_OF_A_TICK = 40
"""For which hospitals are checked: a tick may take a minute before Dagster ends it."""

NAMED = 10
"""Hospitals that one warning names."""

REASONS_TAG = "passport/reasons"
"""Says why a sensor requested a run."""


def enabled(connections: TickConnections, instance: dg.DagsterInstance) -> dict[str, Hospital]:
    """The hospitals, by key, that are enabled, and partitions."""
    partitions = set(instance.get_dynamic_partitions(str(hospitals.name)))
    return {key: hospital for key, hospital in connections.hospitals.items() if hospital.enabled and key in partitions}


def taking_part(connections: TickConnections, instance: dg.DagsterInstance) -> dict[str, Hospital]:
    """Those of them that are active, too. Raises PassportError."""
    chosen = enabled(connections, instance)
    states = hospital_states(connections.passport, chosen)
    return {key: hospital for key, hospital in chosen.items() if states[key].active}


def end_of_tick() -> float:
    """When a tick that begins now is over, as a time of the monotonic clock; to be asked for before all else."""
    return time.monotonic() + SECONDS_OF_A_TICK


def warn_of_others(context: dg.SensorEvaluationContext, checked: str, checks: Checks[T]) -> None:
    """Say which hospitals were not `checked` (surveyed, compared), and why."""
    for key, error in checks.failed.items():
        context.log.warning(f"{key} was not {checked}: {described(error)}")
    for key in checks.late:
        context.log.warning(f"{key} was not {checked} by the end of a tick of {SECONDS_OF_A_TICK} s, and goes on")
    if checks.waiting:
        names = ", ".join(checks.waiting[:NAMED]) + (", ..." if len(checks.waiting) > NAMED else "")
        context.log.warning(
            f"not {checked} for want of time: {len(checks.waiting)} of the hospitals ({names}); they come first in "
            "the next tick"
        )


def queued_windows(instance: dg.DagsterInstance) -> set[Window]:
    """The windows that wait in the queue, where what a run finds when its turn comes is soon enough, or that were held
    back for plausibility in this hour: whatever comes in meanwhile, they are requested in the next.
    """
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    queued = dg.RunsFilter(job_name=window_records.name, statuses=[dg.DagsterRunStatus.QUEUED])
    held_back = dg.RunsFilter(job_name=window_records.name, tags={HELD_BACK_TAG: "true"}, created_after=hour)
    runs = [run for each in (queued, held_back) for run in instance.get_runs(filters=each)]
    return {window_of(run.tags["dagster/partition"]) for run in runs if "dagster/partition" in run.tags}


def window_requests(
    hospital_key: str, diffs: Iterable[WindowDiff], queued: Collection[Window] = ()
) -> Iterator[dg.RunRequest]:
    """A run of each window that is not queued, with the reasons as a tag. Each difference is requested once an hour, so
    that a run that failed is not the last.
    """
    hour = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    for diff in diffs:
        window = Window(hospital_key, diff.month)
        if window not in queued:
            run_key = f"{hospital_key}/{diff.month}/{diff.key}/{hour}"
            yield dg.RunRequest(
                run_key,
                job_name=window_records.name,
                partition_key=partition_key_of(window),
                tags={REASONS_TAG: ", ".join(sorted(diff.reasons))},
            )
