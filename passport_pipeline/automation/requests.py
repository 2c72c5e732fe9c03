"""What every sensor that requests windows has to know of Dagster: who takes part, and what is asked for already.

What belongs here: questions to the Dagster instance. What does not: which windows are requested, and why (the sensors).
"""

from __future__ import annotations

import dagster as dg

from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.jobs import window_records
from passport_pipeline.partitions import hospitals
from passport_pipeline.passport.hospital_states import hospital_states
from passport_pipeline.resources import Connections


def taking_part(connections: Connections, instance: dg.DagsterInstance) -> dict[str, Hospital]:
    """The hospitals, by key, that are enabled and active, and partitions. Raises ConfigurationError, PassportError."""
    partitions = set(instance.get_dynamic_partitions(str(hospitals.name)))
    states = hospital_states(connections.passport, connections.hospitals)
    return {
        key: hospital
        for key, hospital in connections.hospitals.items()
        if hospital.enabled and key in partitions and states[key].active
    }


def waiting(instance: dg.DagsterInstance) -> set[str]:
    """The partition keys whose window waits in the queue: what a run finds when its turn comes is soon enough."""
    queued = dg.RunsFilter(job_name=window_records.name, statuses=[dg.DagsterRunStatus.QUEUED])
    return {run.tags.get("dagster/partition", "") for run in instance.get_runs(filters=queued)}
