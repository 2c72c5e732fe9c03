"""The jobs: for a hospital, for a window, and for what an operator does besides."""

from __future__ import annotations

import dagster as dg

from passport_pipeline.orchestration import assets
from passport_pipeline.orchestration.freshness_check import hospitals_are_fresh
from passport_pipeline.orchestration.ops.conflicts import decide_conflicts
from passport_pipeline.orchestration.ops.hospitals import change_hospital_state
from passport_pipeline.orchestration.ops.parked import mark_parked_due

# No BackfillPolicy anywhere: with `multi_run` a backfill from a job's page ran one wrong partition in every run.
hospital_references = dg.define_asset_job(
    "hospital_references",
    selection=dg.AssetSelection.assets(
        assets.hospital_survey,
        assets.concept_lookup,
        assets.provider_lookup,
        assets.location_lookup,
        assets.patient_identifiers,
    ).without_checks(),  # before its windows have run, a hospital's passport cannot agree
    description="Survey a hospital and read what its observations refer to.",
    executor_def=dg.in_process_executor,
)

# A job of nothing but checks has no partitions in Dagster 1.13, so the survey that the check compares is taken with it.
hospital_verification = dg.define_asset_job(
    "hospital_verification",
    selection=dg.AssetSelection.assets(assets.hospital_survey),
    description="Survey a hospital and compare every day of it with the passport, down to the row.",
    executor_def=dg.in_process_executor,
)

hospital_coverage = dg.define_asset_job(
    "hospital_coverage",
    selection=dg.AssetSelection.assets(assets.unmapped_concepts),
    description="Measure what the rules know of a hospital's rows, and list the questions that they do not know.",
    executor_def=dg.in_process_executor,
)

window_records = dg.define_asset_job(
    "window_records",
    selection=dg.AssetSelection.assets(assets.obs_batch, assets.patient_matches, assets.medical_records)
    - dg.AssetSelection.checks(hospitals_are_fresh),  # a sensor evaluates it
    description="Bring the passport's records of one hospital and month up to date with the hospital.",
    executor_def=dg.in_process_executor,
)


@dg.job(executor_def=dg.in_process_executor)
def set_hospital_state() -> None:
    """Pause, resume or retire a hospital, as `passport-pipeline hospitals` with these words does."""
    change_hospital_state()


@dg.job(executor_def=dg.in_process_executor)
def replay_parked() -> None:
    """Try parked rows again, as `passport-pipeline parked replay` does."""
    mark_parked_due()


@dg.job(executor_def=dg.in_process_executor)
def resolve_conflicts() -> None:
    """Decide conflicts between the application and hospitals, as `passport-pipeline conflicts resolve` does."""
    decide_conflicts()
