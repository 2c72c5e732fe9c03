"""Sensors: what is looked at again and again, and what is asked of Dagster then.

What belongs here: when to look, and requests. What does not: what differs (automation.changes), what a run does
(assets).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from passport_pipeline.config.hospitals import Hospital, first_month_of
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import SourceBusy, SourceUnreachable
from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.detection.hospital import Seen, look_at
from passport_pipeline.detection.side_by_side import LastTurns, Looks, Turns, side_by_side
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.jobs import hospital_references, window_records
from passport_pipeline.orchestration.partitions import hospitals, partition_key_of
from passport_pipeline.orchestration.sensors.run_requests import asked_for, enabled, end_of_tick, warn_of_others
from passport_pipeline.passport.hospitals.state import RETIRED, hospital_states, record_checks
from passport_pipeline.passport.hospitals.unanswered import not_due, record_unanswered

AT_ONCE = 64
"""Hospitals that are looked at side by side: each look waits for its hospital's answers most of the time, the more so
where the hospital is far away. Should they fall silent all at once, 250 are given up within a tick."""


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def registered_hospitals(
    context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
) -> dg.SensorResult | dg.SkipReason:
    """Makes every hospital of hospitals.yaml a partition, so that its windows can be run, and takes the partition of a
    retired one away. Starts no run.

    A hospital that is no longer in the file stays a partition, with the history of its runs, until it is retired.
    """
    connections = connections.reread()
    try:
        states = hospital_states(connections.passport, connections.hospitals)
    finally:
        connections.close()
    there = set(context.instance.get_dynamic_partitions(str(hospitals.name)))
    retired = [key for key in sorted(there) if key in states and states[key].state == RETIRED]
    new = [key for key in connections.hospitals if key not in there and states[key].state != RETIRED]
    if not new and not retired:
        return dg.SkipReason(f"all {len(connections.hospitals)} hospitals of hospitals.yaml are partitions, or retired")
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
    are not in line. Where nothing was committed since the last look, it costs the hospital two short statements. One
    that is slow or does not answer delays no other: it comes after those that answer, and less and less often.

    A window that still differs is requested again in the next hour, so a run that failed is not the last. One that
    waits in the queue, that a run is at, or that the guard has held back in this hour, is not requested. A full survey
    that is overdue is requested, too: a hospital that does not answer at night is surveyed when it does.
    """
    until = end_of_tick()
    connections, last = connections.reread(), LastTurns.read(context.cursor)
    chosen = enabled(connections, context.instance)
    try:
        states = hospital_states(connections.passport, chosen)
        active = {key: states[key] for key in chosen if states[key].active}
        later = not_due(connections.passport) & active.keys()
        turns = Turns.of(active, later, last)
        months = {key: (first_month_of(chosen[key], connections.settings), last_month()) for key in active}
        looks = side_by_side(
            turns,
            lambda key: look_at(connections, chosen[key], states[key], months[key]),
            until=until,
            at_once=AT_ONCE,
        )
        record_checks(connections.passport, (one.look for one in looks.found.values()))
        record_unanswered(connections.passport, *_in_vain(looks))
    finally:
        connections.close()
    warn_of_others(context, "surveyed", looks)
    if later:
        context.log.info(f"not due, because they did not answer: {len(later)} of the hospitals; see `hospitals list`")
    _warn_of_clocks(context, looks.found, connections.settings.clock_skew)
    queued = asked_for(context.instance)
    seen = [(key, looks.found[key]) for key in (*turns.answering, *turns.others) if key in looks.found]
    requests = [one for key, found in seen for one in _requests(chosen[key], found, queued)]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(_nothing(len(seen), len(active), len(chosen))),
        cursor=turns.last(looks, last).model_dump_json(),
    )


def _in_vain(looks: Looks[Seen]) -> tuple[dict[str, str], list[str]]:
    """The hospitals that did not answer, each with what its look said; and those that are still being looked at. One
    that refuses, or is not set up right, does answer.
    """
    silent, late = {}, list(looks.late)
    for key, error in looks.failed.items():
        if isinstance(error, SourceBusy):
            late.append(key)
        elif isinstance(error, SourceUnreachable):
            silent[key] = str(error).removeprefix(f"{key}: ")
    return silent, late


def _nothing(seen: int, active: int, enabled: int) -> str:
    apart = f"; {enabled - active} are paused, stopped or retired" if enabled > active else ""
    return f"nothing differs in {seen} of {active} hospitals{apart}"


def _warn_of_clocks(context: dg.SensorEvaluationContext, seen: Mapping[str, Seen], skew_allowed: int) -> None:
    for key, one in seen.items():
        skew = one.look.clock_skew
        if abs(skew) > skew_allowed:
            ahead = "ahead of" if skew > 0 else "behind"
            context.log.warning(f"{key}: the hospital's clock is {abs(skew):.0f} s {ahead} ours; set both by NTP")


def _requests(hospital: Hospital, seen: Seen, queued: set[str]) -> Iterator[dg.RunRequest]:
    hour = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    if seen.windows is None or seen.overdue:
        after = seen.overdue or seen.look.state.survey_after
        since = f"{after:%Y-%m-%dT%H%M%S.%f}" if after else "new"
        run_key = f"{hospital.key}/survey/{since}/{hour}"
        yield dg.RunRequest(run_key=run_key, job_name=hospital_references.name, partition_key=hospital.key)
    for change in seen.windows or ():
        partition_key = partition_key_of(Window(hospital.key, change.month))
        if partition_key not in queued:
            run_key = f"{hospital.key}/{change.month}/{change.name}/{hour}"
            yield dg.RunRequest(run_key=run_key, job_name=window_records.name, partition_key=partition_key)
