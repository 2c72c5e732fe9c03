"""Observations: the raw batches of a window."""

from functools import partial

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.lookups import concept_lookup, location_lookup, provider_lookup
from passport_pipeline.orchestration.assets.metadata_tables import columns_of
from passport_pipeline.orchestration.assets.survey import hospital_survey
from passport_pipeline.orchestration.partitions import window_of, windows
from passport_pipeline.passport.days.leases import confirm, lease
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.survey import store_tables


class WindowConfig(dg.Config):
    """How a window is run."""

    full: bool = False
    """Read and load every day of the window, also those whose digest has not changed."""


@dg.asset(
    partitions_def=windows,
    deps=[hospital_survey, concept_lookup, provider_lookup, location_lookup],
    group_name="observations",
    kinds={"mysql", "parquet"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
)
@failing_clearly
def obs_batch(
    context: dg.AssetExecutionContext, config: WindowConfig, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """The window's live observations as the hospital has them: one Parquet file a day, read again only where the
    day's digest differs, digest and rows from one read-only snapshot.
    """
    window, settings, passport = window_of(context.partition_key), connections.settings, connections.passport
    with (
        lease(passport, *window, context.run.run_id, settings.lease_seconds) as token,
        connections.admitted(window.hospital) as source,
    ):
        store_tables(source, connections.batches)
        extracted = extract_window(
            source,
            connections.batches,
            window.month,
            batch_rows=settings.batch_rows,
            full=config.full,
            confirm=partial(confirm, passport, *window, token),
            now=passport.now,
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": extracted.live,
            "dagster/column_schema": columns_of(next(iter(source.system.streams.values())).columns),
            "days": extracted.days,
            "days_read": extracted.days_read,
            "rows_read": extracted.rows_read,
            "days_removed": extracted.days_removed,
        }
    )
