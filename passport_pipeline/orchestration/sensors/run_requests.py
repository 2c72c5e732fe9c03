"""What sensors that request windows have in common: who takes part, what is asked for already, who had no turn.

What belongs here: questions to the Dagster instance, and warnings. What does not: which windows are requested, and why
(the sensors).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TypeVar

import dagster as dg

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import described
from passport_pipeline.detection.side_by_side import Looks
from passport_pipeline.orchestration.jobs import window_records
from passport_pipeline.orchestration.partitions import hospitals
from passport_pipeline.passport.hospitals.state import hospital_states
from passport_pipeline.windows.plausibility import HELD_BACK_TAG

T = TypeVar("T")

SECONDS_OF_A_TICK = 40
"""For which hospitals are looked at: a tick may take a minute before Dagster ends it."""

NAMED = 10
"""Hospitals that one warning names."""


def enabled(connections: Connections, instance: dg.DagsterInstance) -> dict[str, Hospital]:
    """The hospitals, by key, that are enabled, and partitions. Raises ConfigurationError."""
    partitions = set(instance.get_dynamic_partitions(str(hospitals.name)))
    return {key: one for key, one in connections.hospitals.items() if one.enabled and key in partitions}


def taking_part(connections: Connections, instance: dg.DagsterInstance) -> dict[str, Hospital]:
    """Those of them that are active, too. Raises ConfigurationError, PassportError."""
    chosen = enabled(connections, instance)
    states = hospital_states(connections.passport, chosen)
    return {key: hospital for key, hospital in chosen.items() if states[key].active}


def end_of_tick() -> float:
    """When a tick that begins now is over, as a time of the monotonic clock; to be asked for before all else."""
    return time.monotonic() + SECONDS_OF_A_TICK


def warn_of_others(context: dg.SensorEvaluationContext, looked_at: str, looks: Looks[T]) -> None:
    """Say which hospitals were not `looked_at` (surveyed, compared), and why."""
    for key, error in looks.failed.items():
        context.log.warning(f"{key} was not {looked_at}: {described(error)}")
    for key in looks.late:
        context.log.warning(f"{key} was not {looked_at} by the end of a tick of {SECONDS_OF_A_TICK} s, and goes on")
    if looks.waiting:
        names = ", ".join(looks.waiting[:NAMED]) + (", ..." if len(looks.waiting) > NAMED else "")
        context.log.warning(
            f"not {looked_at} for want of time: {len(looks.waiting)} of the hospitals ({names}); they come first in "
            "the next tick"
        )


def asked_for(instance: dg.DagsterInstance) -> set[str]:
    """The partition keys whose window waits in the queue, where what a run finds when its turn comes is soon enough,
    or was held back by the guard in this hour: whatever comes in meanwhile, it is asked for in the next.
    """
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    queued = dg.RunsFilter(job_name=window_records.name, statuses=[dg.DagsterRunStatus.QUEUED])
    held_back = dg.RunsFilter(job_name=window_records.name, tags={HELD_BACK_TAG: "true"}, created_after=hour)
    runs = [run for wanted in (queued, held_back) for run in instance.get_runs(filters=wanted)]
    return {run.tags.get("dagster/partition", "") for run in runs}
