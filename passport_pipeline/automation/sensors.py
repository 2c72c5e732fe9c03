"""Sensors: what is looked at again and again.

What belongs here: when to look, and what to ask Dagster for. What does not: what a run does (assets).
"""

import dagster as dg

from passport_pipeline.assets.failures import failing_clearly
from passport_pipeline.hospitals.registry import load_hospitals
from passport_pipeline.partitions import hospitals
from passport_pipeline.resources import Connections


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def registered_hospitals(
    context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
) -> dg.SensorResult | dg.SkipReason:
    """Makes every hospital of hospitals.yaml a partition, so that its windows can be run. Starts no run."""
    registered = [hospital.key for hospital in load_hospitals(connections.settings.hospitals_file)]
    there = set(context.instance.get_dynamic_partitions(str(hospitals.name)))
    new = [key for key in registered if key not in there]
    if not new:
        return dg.SkipReason(f"all {len(registered)} hospitals of hospitals.yaml are partitions")
    return dg.SensorResult(dynamic_partitions_requests=[hospitals.build_add_request(new)])
