"""Schedules: what is done whether or not anything is known to have changed.

What belongs here: cron expressions and requests. What does not: what a run does (assets).
"""

from collections.abc import Iterator

import dagster as dg

from passport_pipeline.jobs import hospital_references
from passport_pipeline.resources import Connections


@dg.schedule(
    job=hospital_references,
    cron_schedule="0 1 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_survey(
    context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
) -> Iterator[dg.RunRequest]:
    """Surveys every enabled hospital in full at night and reads its lookups: so un-voids, purges, changes in place
    and late rows are found, which leave no trace at the tail. `source_changes` then requests the windows.
    """
    night = f"{context.scheduled_execution_time:%Y-%m-%d}"
    for hospital in connections.reread().hospitals.values():
        if hospital.enabled:
            yield dg.RunRequest(run_key=f"{hospital.key}/{night}", partition_key=hospital.key)
