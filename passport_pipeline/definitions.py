"""What Dagster loads: every asset, check, job, sensor, schedule and resource of the pipeline."""

from __future__ import annotations

import dagster as dg

from passport_pipeline import assets, checks, jobs
from passport_pipeline.automation import freshness, inputs, retries, schedules, sensors
from passport_pipeline.connections.run import Connections


def build_definitions(*, connections: Connections | None = None) -> dg.Definitions:
    """The definitions, talking to what `connections` names (default: what the environment names)."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [assets.survey, assets.lookups, assets.observations, assets.patients, assets.records]
        ),
        asset_checks=[
            checks.every_live_row_has_an_outcome,
            checks.passport_agrees,
            freshness.hospitals_are_fresh,
        ],
        jobs=[
            jobs.hospital_references,
            jobs.hospital_verification,
            jobs.window_records,
            jobs.set_hospital_state,
            jobs.replay_parked,
            jobs.resolve_conflicts,
        ],
        sensors=[
            sensors.registered_hospitals,
            sensors.source_changes,
            inputs.changed_inputs,
            retries.parked_retries,
            freshness.freshness,
        ],
        schedules=[schedules.nightly_survey, schedules.nightly_verification],
        resources={"connections": connections or Connections()},
        executor=dg.in_process_executor,
    )


defs = build_definitions()
