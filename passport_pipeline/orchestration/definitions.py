"""What Dagster loads: every asset, check, job, sensor, schedule and resource of the pipeline."""

from __future__ import annotations

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration import assets, checks, freshness_check, jobs, schedules
from passport_pipeline.orchestration.sensors import changed_inputs, parked_retries, source_changes


def build_definitions(*, connections: Connections | None = None) -> dg.Definitions:
    """The definitions, talking to what `connections` names (default: what the environment names)."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [assets.survey, assets.lookups, assets.batches, assets.patients, assets.records, assets.rules]
        ),
        asset_checks=[
            checks.every_live_row_has_an_outcome,
            checks.passport_agrees,
            freshness_check.hospitals_are_fresh,
        ],
        jobs=[
            jobs.hospital_references,
            jobs.hospital_verification,
            jobs.hospital_coverage,
            jobs.window_records,
            jobs.set_hospital_state,
            jobs.replay_parked,
            jobs.resolve_conflicts,
        ],
        sensors=[
            source_changes.registered_hospitals,
            source_changes.source_changes,
            changed_inputs.changed_inputs,
            parked_retries.parked_retries,
            freshness_check.freshness,
        ],
        schedules=[schedules.nightly_survey, schedules.nightly_verification, schedules.monthly_coverage],
        resources={"connections": connections or Connections()},
        executor=dg.in_process_executor,
    )


defs = build_definitions()
