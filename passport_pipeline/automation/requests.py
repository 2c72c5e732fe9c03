"""What every sensor that requests windows has to know of Dagster: who takes part, and what is asked for already.

What belongs here: questions to the Dagster instance. What does not: which windows are requested, and why (the sensors).
"""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.jobs import window_records
from passport_pipeline.partitions import hospitals
from passport_pipeline.passport.hospital_states import hospital_states
from passport_pipeline.resources import Connections
from passport_pipeline.windows.guarding import HELD_BACK_TAG


def taking_part(connections: Connections, instance: dg.DagsterInstance) -> dict[str, Hospital]:
    """The hospitals, by key, that are enabled and active, and partitions. Raises ConfigurationError, PassportError."""
    partitions = set(instance.get_dynamic_partitions(str(hospitals.name)))
    states = hospital_states(connections.passport, connections.hospitals)
    return {
        key: hospital
        for key, hospital in connections.hospitals.items()
        if hospital.enabled and key in partitions and states[key].active
    }


def asked_for(instance: dg.DagsterInstance) -> set[str]:
    """The partition keys whose window waits in the queue, where what a run finds when its turn comes is soon enough,
    or was held back by the guard in this hour: whatever comes in meanwhile, it is asked for in the next.
    """
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    queued = dg.RunsFilter(job_name=window_records.name, statuses=[dg.DagsterRunStatus.QUEUED])
    held_back = dg.RunsFilter(job_name=window_records.name, tags={HELD_BACK_TAG: "true"}, created_after=hour)
    runs = [run for wanted in (queued, held_back) for run in instance.get_runs(filters=wanted)]
    return {run.tags.get("dagster/partition", "") for run in runs}
