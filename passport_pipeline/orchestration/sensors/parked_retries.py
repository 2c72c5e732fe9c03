"""Parked rows whose next attempt is due: their windows are requested.

What belongs here: the sensor and the keys of its requests. What does not: which rows are due
(passport.parked.retry_policy), what a run does with them (windows.load).
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.jobs import window_records
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.orchestration.sensors.run_requests import queued_windows, taking_part
from passport_pipeline.passport.parked.retry_policy import due_windows


@dg.sensor(job=window_records, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def parked_retries(
    context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
) -> dg.SensorResult | dg.SkipReason:
    """Requests the windows that hold parked rows whose next attempt is due, of the hospitals that take part; reads
    no hospital. Each attempt is requested once, and again in the next hour where its run did not make it.
    """
    tick = connections.tick()
    now = tick.passport.now()
    keys = list(taking_part(tick, context.instance))
    due = due_windows(tick.passport, keys, now)
    queued = queued_windows(context.instance) if due else ()
    requests = list(retry_requests(due, now, tick.settings.first_month, queued))
    if not requests:
        return dg.SkipReason(f"no parked row of {len(keys)} hospitals is due, or its window is queued already")
    return dg.SensorResult(run_requests=requests)


def retry_requests(
    due: Mapping[tuple[str, str], datetime], now: datetime, first_month: str, queued: Collection[Window] = ()
) -> Iterator[dg.RunRequest]:
    """A request for every window (hospital, month) from the first month on that has begun and is not among those
    `queued`; its key names since when its rows are due.
    """
    for (hospital, month), since in due.items():
        window = Window(hospital, month)
        if first_month <= month <= last_month() and window not in queued:
            run_key = f"{hospital}/{month}/parked/{since:%Y-%m-%dT%H:%M:%S.%f}/{now:%Y-%m-%dT%H}"
            yield dg.RunRequest(run_key=run_key, partition_key=partition_key_of(window))
