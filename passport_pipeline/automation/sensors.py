"""Sensors: what is looked at again and again, and what is asked of Dagster then.

What belongs here: when to look, and requests. What does not: what differs (automation.changes), what a run does
(assets).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from passport_pipeline.assets.failures import failing_clearly
from passport_pipeline.automation.changes import Change, changes, rotated, side_by_side
from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.jobs import hospital_references, window_records
from passport_pipeline.openmrs.source import Source
from passport_pipeline.openmrs.survey import tail_survey
from passport_pipeline.partitions import Window, first_month_of, hospitals, last_month, partition_key_of
from passport_pipeline.passport.database import Passport
from passport_pipeline.passport.days import recorded
from passport_pipeline.resources import Connections
from passport_pipeline.windows.references import stored_survey

# A tick may take a minute before Dagster ends it.
SECONDS_OF_A_TICK = 40


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def registered_hospitals(
    context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
) -> dg.SensorResult | dg.SkipReason:
    """Makes every hospital of hospitals.yaml a partition, so that its windows can be run. Starts no run."""
    registered = list(connections.reread().hospitals)
    there = set(context.instance.get_dynamic_partitions(str(hospitals.name)))
    new = [key for key in registered if key not in there]
    if not new:
        return dg.SkipReason(f"all {len(registered)} hospitals of hospitals.yaml are partitions")
    return dg.SensorResult(dynamic_partitions_requests=[hospitals.build_add_request(new)])


@dg.sensor(
    jobs=[window_records, hospital_references],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
@failing_clearly
def source_changes(
    context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
) -> dg.SensorResult | dg.SkipReason:
    """Surveys the tail of every enabled hospital, all side by side, and requests the windows whose days differ from
    what the passport recorded. A hospital that is slow or does not answer delays no other.

    A window that still differs is requested again in the next hour, so a run that failed is not the last.
    """
    connections = connections.reread()
    passport = connections.passport
    partitions = set(context.instance.get_dynamic_partitions(str(hospitals.name)))
    enabled = {key: one for key, one in connections.hospitals.items() if one.enabled and key in partitions}
    turn = rotated(list(enabled), context.cursor)
    try:
        found, failed, late = side_by_side(
            turn, lambda key: _changes(connections, passport, enabled[key]), seconds=SECONDS_OF_A_TICK
        )
    finally:
        connections.close()
    for key, error in failed.items():
        context.log.warning(f"{key} was not surveyed: {type(error).__name__}; see `hospitals check --hospital {key}`")
    for key in late:
        context.log.warning(f"{key} was not surveyed within {SECONDS_OF_A_TICK} s")
    requests = [request for key in turn if key in found for request in _requests(key, found[key])]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(f"nothing differs in {len(found)} of {len(enabled)} hospitals"),
        cursor=next((key for key in reversed(turn) if key in found), context.cursor),
    )


def _changes(connections: Connections, passport: Passport, hospital: Hospital) -> list[Change] | None:
    """The hospital's windows that differ; None where it was never surveyed."""
    stored = stored_survey(hospital.key, connections.batches)
    if stored is None:
        return None
    with Source.open(hospital, connections.settings) as source:
        survey = tail_survey(source, stored)
    here = {day: record.digest for day, record in recorded(passport, hospital.key).items()}
    return changes(survey.digests(), here, (first_month_of(hospital), last_month()))


def _requests(key: str, found: list[Change] | None) -> Iterator[dg.RunRequest]:
    hour = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    if found is None:
        yield dg.RunRequest(run_key=f"{key}/survey/{hour}", job_name=hospital_references.name, partition_key=key)
    for change in found or ():
        yield dg.RunRequest(
            run_key=f"{key}/{change.month}/{change.digest}/{hour}",
            job_name=window_records.name,
            partition_key=partition_key_of(Window(key, change.month)),
        )
