"""The sensors for hospitals.yaml and for the rows of hospitals.

What belongs here: the sensors, and a full survey's request. What does not: which windows have to be run
(detection.hospital), what a run does (assets).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.detection.hospital import HospitalCheck, check_hospitals
from passport_pipeline.detection.side_by_side import LastTurns
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.jobs import hospital_references, window_records
from passport_pipeline.orchestration.partitions import hospitals
from passport_pipeline.orchestration.sensors.run_requests import (
    enabled,
    end_of_tick,
    queued_windows,
    warn_of_others,
    window_requests,
)
from passport_pipeline.passport.hospitals.state import RETIRED, hospital_states


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def registered_hospitals(
    context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
) -> dg.SensorResult | dg.SkipReason:
    """Makes every hospital of hospitals.yaml a partition, so that its windows can be run, and takes the partition of a
    retired one away. Starts no run.

    A hospital that is no longer in the file stays a partition, with the history of its runs, until it is retired.
    """
    tick = connections.tick()
    states = hospital_states(tick.passport, tick.hospitals)
    partitions = set(context.instance.get_dynamic_partitions(str(hospitals.name)))
    retired = [key for key in sorted(partitions) if key in states and states[key].state == RETIRED]
    new = [key for key in tick.hospitals if key not in partitions and states[key].state != RETIRED]
    if not new and not retired:
        return dg.SkipReason(f"all {len(tick.hospitals)} hospitals of hospitals.yaml are partitions, or retired")
    return dg.SensorResult(
        dynamic_partitions_requests=[
            *([hospitals.build_add_request(new)] if new else ()),
            *([hospitals.build_delete_request(retired)] if retired else ()),
        ]
    )


@dg.sensor(
    jobs=[window_records, hospital_references],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
@failing_clearly
def source_changes(
    context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
) -> dg.SensorResult | dg.SkipReason:
    """Surveys the tail of every enabled and active hospital, all side by side, and requests the windows with days that
    are not up to date. Where nothing was committed since the last check, it costs the hospital two short statements.
    One that is slow or does not answer delays no other: it comes after those that answer, and less and less often.

    A window that still differs is requested again in the next hour, so a run that failed is not the last. One that
    waits in the queue, that a run holds, or that was held back for plausibility in this hour, is not requested. A full
    survey that is overdue is requested, too: a hospital that does not answer at night is surveyed when it does.
    """
    until, tick = end_of_tick(), connections.tick()
    chosen = enabled(tick, context.instance)
    found = check_hospitals(tick, chosen, LastTurns.read(context.cursor), until)
    warn_of_others(context, "surveyed", found.checks)
    if found.resting:
        context.log.info(
            f"not due, because they did not answer: {found.resting} of the hospitals; see `hospitals list`"
        )
    results = found.checks.results
    _warn_of_clocks(context, results, tick.settings.clock_skew)
    queued = queued_windows(context.instance)
    requests = [
        request
        for key in sorted(results)
        for request in (*_survey_requests(key, results[key]), *window_requests(key, results[key].diffs or (), queued))
    ]
    apart = f"; {len(chosen) - found.active} are paused, stopped or retired" if len(chosen) > found.active else ""
    nothing = dg.SkipReason(f"nothing differs in {len(results)} of {found.active} hospitals{apart}")
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else nothing,
        cursor=found.cursor.model_dump_json(),
    )


def _warn_of_clocks(context: dg.SensorEvaluationContext, checks: Mapping[str, HospitalCheck], allowed: int) -> None:
    for key, check in checks.items():
        skew = check.result.clock_skew
        if abs(skew) > allowed:
            ahead = "ahead of" if skew > 0 else "behind"
            context.log.warning(f"{key}: the hospital's clock is {abs(skew):.0f} s {ahead} ours; set both by NTP")


def _survey_requests(key: str, check: HospitalCheck) -> Iterator[dg.RunRequest]:
    """A full survey, where one has to come first or is overdue."""
    if check.diffs is None or check.overdue:
        after = check.overdue or check.result.state.survey_after
        since = f"{after:%Y-%m-%dT%H%M%S.%f}" if after else "new"
        run_key = f"{key}/survey/{since}/{datetime.now(UTC):%Y-%m-%dT%H}"
        yield dg.RunRequest(run_key=run_key, job_name=hospital_references.name, partition_key=key)
