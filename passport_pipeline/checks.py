"""Asset checks: the promises, evaluated after every run of a window."""

import warnings

import dagster as dg

from passport_pipeline.assets.failures import failing_clearly
from passport_pipeline.assets.records import medical_records
from passport_pipeline.partitions import window_of, windows
from passport_pipeline.resources import Connections
from passport_pipeline.verification import days_of_window

# Checks of single partitions are a preview in Dagster 1.13; during runs of multi-partitions they were found to work.
warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)


@dg.asset_check(asset=medical_records, partitions_def=windows)
@failing_clearly
def every_live_row_has_an_outcome(
    context: dg.AssetCheckExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.AssetCheckResult:
    """Live source rows = loaded + attached + parked + skipped, on every day of the window; and the digest of the
    passport's documents is the digest of the day's raw batch.
    """
    window = window_of(context.partition_key)
    days = days_of_window(connections.batches, connections.passport, window.hospital, window.month)
    wrong = [day for day in days if not day.accounted_for or not day.agrees]
    rows = [
        f"| {day.day} | {day.live} | {day.loaded} | {day.attached} | {day.parked} | {day.skipped} | "
        f"{'yes' if day.agrees else 'no'} |"
        for day in (wrong or days)
    ]
    head = [
        "| day | live | loaded | attached | parked | skipped | digests agree |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    return dg.AssetCheckResult(
        passed=not wrong,
        metadata={"days": len(days), "days_wrong": len(wrong), "table": dg.MetadataValue.md("\n".join([*head, *rows]))},
    )
