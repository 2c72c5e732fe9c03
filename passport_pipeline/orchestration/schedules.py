"""Schedules: what is done every night or every month, whether or not anything is known to have changed.

What belongs here: cron expressions and requests. What does not: what a run does (assets).
"""

from collections.abc import Iterator

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.jobs import hospital_coverage, hospital_references, hospital_verification
from passport_pipeline.passport.hospitals.state import hospital_states


@dg.schedule(
    job=hospital_references,
    cron_schedule="0 1 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
@failing_clearly
def nightly_survey(
    context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
) -> Iterator[dg.RunRequest]:
    """Surveys every enabled and active hospital in full at night and reads its lookups: so un-voids, purges, changes in
    place and late rows are found, which leave no trace at the tail. `source_changes` then requests the windows.
    """
    yield from _every_active_hospital(context, connections)


@dg.schedule(
    job=hospital_verification,
    cron_schedule="0 5 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
@failing_clearly
def nightly_verification(
    context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
) -> Iterator[dg.RunRequest]:
    """Compares every enabled and active hospital with the passport's documents, once what `nightly_survey` found has
    been brought up to date. What still differs is in the check `passport_agrees`.
    """
    yield from _every_active_hospital(context, connections)


@dg.schedule(
    job=hospital_coverage,
    cron_schedule="0 7 1 * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
@failing_clearly
def monthly_coverage(
    context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
) -> Iterator[dg.RunRequest]:
    """Measures on the first of each month what the rules know of every enabled and active hospital's rows, so that the
    page of `unmapped_concepts` plots it, and lists the questions that a person should decide about.
    """
    yield from _every_active_hospital(context, connections)


def _every_active_hospital(context: dg.ScheduleEvaluationContext, connections: Connections) -> Iterator[dg.RunRequest]:
    tick, night = connections.tick(), f"{context.scheduled_execution_time:%Y-%m-%d}"
    states = hospital_states(tick.passport, tick.hospitals)
    for hospital in tick.hospitals.values():
        if hospital.enabled and states[hospital.key].active:
            yield dg.RunRequest(run_key=f"{hospital.key}/{night}", partition_key=hospital.key)
