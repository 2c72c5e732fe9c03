"""Asset checks: the promises, evaluated after every run of a window, and every night for all of a hospital."""

import dagster as dg

from passport_pipeline.config.hospitals import first_month_of
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.metadata_tables import accounting_table, verification_metadata
from passport_pipeline.orchestration.assets.records import medical_records
from passport_pipeline.orchestration.assets.survey import hospital_survey
from passport_pipeline.orchestration.partitions import hospitals, window_of, windows
from passport_pipeline.verification.hospital import VerifyOptions, mark_faulty_days, verify_hospital
from passport_pipeline.verification.window import days_of_window
from passport_pipeline.windows.survey import stored_survey


@dg.asset_check(asset=medical_records, partitions_def=windows)
@failing_clearly
def every_live_row_has_an_outcome(
    context: dg.AssetCheckExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.AssetCheckResult:
    """Live source rows = loaded + attached + parked + skipped, on every day of the window; and the digest of the
    passport's documents is the digest of the day's raw batch, and they are those that the day was recorded with.
    """
    window = window_of(context.partition_key)
    days = days_of_window(connections.batches, connections.passport, window.hospital, window.month)
    wrong = [day for day in days if not day.accounted_for or not day.agrees]
    return dg.AssetCheckResult(
        passed=not wrong,
        metadata={"days": len(days), "days_wrong": len(wrong), "table": accounting_table(wrong or days)},
    )


@dg.asset_check(asset=hospital_survey, partitions_def=hospitals, retry_policy=TRANSIENT_RETRIES)
@failing_clearly
def passport_agrees(
    context: dg.AssetCheckExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.AssetCheckResult:
    """Every day's digest at the hospital, as its last full survey has it with its tail of now, is the digest of the
    passport's documents. A day that differs is compared again after a while, and then narrowed to its rows. And
    patients' lists name the hospital's records of their own, and none that was retracted.

    What it finds is requested: the days are marked as dirty, `source_changes` requests their windows, and the run of
    each compares every document of these days with the hospital, after the plausibility check.
    """
    hospital = connections.hospital(context.partition_key)
    months = (first_month_of(hospital, connections.settings), last_month())
    with connections.source(hospital.key) as source:
        result = verify_hospital(
            source,
            connections.passport,
            VerifyOptions(months, wait=connections.settings.verify_wait, lists=True),
            survey=stored_survey(hospital, connections.batches),
        )
    requested = mark_faulty_days(connections.passport, result, months)
    metadata = {**verification_metadata(result), "days_requested": requested}
    return dg.AssetCheckResult(passed=result.ok, metadata=metadata)
