"""Which hospitals are stale: one check of all of them, evaluated without a run.

What belongs here: the check and the sensor that evaluates it. What does not: when a hospital is stale
(passport.hospitals.staleness).
"""

from datetime import timedelta

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.assets.metadata_tables import staleness_metadata
from passport_pipeline.orchestration.assets.records import medical_records
from passport_pipeline.passport.hospitals.staleness import Staleness, staleness
from passport_pipeline.passport.hospitals.state import hospital_states


@dg.asset_check(asset=medical_records)
@failing_clearly
def hospitals_are_fresh(
    context: dg.AssetCheckExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.AssetCheckResult:
    """Every enabled hospital that takes part was surveyed, and is not behind, for longer than PASSPORT_STALE_AFTER
    minutes, and none is held back as a whole. Those that are paused, stopped or retired are listed apart.
    """
    result = _staleness(connections)
    return dg.AssetCheckResult(passed=not result.stale, metadata=staleness_metadata(result))


@dg.sensor(minimum_interval_seconds=300, default_status=dg.DefaultSensorStatus.RUNNING)
@failing_clearly
def freshness(context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]) -> dg.SensorResult:
    """Evaluates `hospitals_are_fresh` every five minutes. Starts no run: none could warn that none is started."""
    result = _staleness(connections)
    for key, why in sorted(result.stale.items()):
        context.log.warning(f"{key} is stale: {why}")
    evaluation = dg.AssetCheckEvaluation(
        asset_key=medical_records.key,
        check_name=hospitals_are_fresh.check_key.name,
        passed=not result.stale,
        metadata=staleness_metadata(result),
    )
    return dg.SensorResult(asset_events=[evaluation])


def _staleness(connections: Connections) -> Staleness:
    tick = connections.tick()
    enabled = [key for key, hospital in tick.hospitals.items() if hospital.enabled]
    states, now = hospital_states(tick.passport, enabled), tick.passport.now()
    allowed = timedelta(minutes=tick.settings.stale_after)
    return staleness((states[key] for key in enabled), now, allowed)
