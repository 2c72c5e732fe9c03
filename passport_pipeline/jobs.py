"""The jobs: one for what belongs to a hospital, one for a window."""

from __future__ import annotations

import dagster as dg

from passport_pipeline import assets

# No BackfillPolicy anywhere: with `multi_run` a backfill from a job's page ran one wrong partition in every run.
hospital_references = dg.define_asset_job(
    "hospital_references",
    selection=[
        assets.hospital_survey,
        assets.concept_lookup,
        assets.provider_lookup,
        assets.location_lookup,
        assets.patient_identifiers,
    ],
    description="Survey a hospital and read what its observations refer to.",
    executor_def=dg.in_process_executor,
)

window_records = dg.define_asset_job(
    "window_records",
    selection=[assets.obs_batch, assets.patient_matches, assets.medical_records],
    description="Bring the passport's records of one hospital and month into line with the hospital.",
    executor_def=dg.in_process_executor,
)
