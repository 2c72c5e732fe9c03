"""The sensor for what changes beside the rows: lookups, identifiers, the passport's patients, rules.

What belongs here: the sensor. What does not: which windows have to be run for it (detection.dependencies), what a run
does (assets).
"""

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.detection.dependencies import Cursor, check_all_dependencies
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.jobs import window_records
from passport_pipeline.orchestration.sensors.run_requests import (
    end_of_tick,
    queued_windows,
    taking_part,
    warn_of_others,
    window_requests,
)


@dg.sensor(job=window_records, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def changed_inputs(context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]) -> dg.SensorResult:
    """Requests the windows whose records would be made differently now, though no row changed: a concept, provider or
    location was renamed or retired, a patient was registered, corrected or deleted in the passport, an identifier was
    typed later, a rule changed. Reads only what is stored of the hospitals, and only where something changed.
    """
    until, tick = end_of_tick(), connections.tick()
    chosen, queued = taking_part(tick, context.instance), queued_windows(context.instance)
    found = check_all_dependencies(tick, chosen, Cursor.read(context.cursor), queued, until)
    if found.all_because:
        context.log.info(f"all hospitals are compared, because {found.all_because}")
    warn_of_others(context, "compared", found.checks)
    results = found.checks.results
    requests = [each for key in sorted(results) for each in window_requests(key, results[key].diffs)]
    nothing = dg.SkipReason(f"nothing is to be made anew in {len(results)} of {len(chosen)} hospitals")
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else nothing,
        cursor=found.cursor.model_dump_json(),
    )
