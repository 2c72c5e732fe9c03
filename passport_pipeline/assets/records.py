"""Records: what the patients see."""

import dagster as dg

from passport_pipeline.assets.failures import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.assets.observations import WindowConfig, obs_batch
from passport_pipeline.assets.patients import patient_matches
from passport_pipeline.assets.tables import lag_metadata
from passport_pipeline.partitions import window_of, windows
from passport_pipeline.passport.leases import lease
from passport_pipeline.resources import Connections
from passport_pipeline.windows.load import load_window


@dg.asset(
    partitions_def=windows,
    deps=[obs_batch, patient_matches],
    group_name="records",
    kinds={"pandas", "mongodb"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
)
@failing_clearly
def medical_records(
    context: dg.AssetExecutionContext, config: WindowConfig, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """The window's medical records in the passport, brought into line with the raw batches: new ones inserted,
    changed ones updated, those no longer live retracted, the rest left alone. What cannot be loaded is parked.
    """
    window, settings = window_of(context.partition_key), connections.settings
    with lease(connections.passport, *window, context.run.run_id, settings.lease_seconds) as token:
        loaded = load_window(
            settings,
            connections.hospital(window.hospital),
            connections.batches,
            connections.passport,
            window.month,
            run_id=context.run.run_id,
            token=token,
            full=config.full,
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": loaded.records,
            "days": loaded.days,
            "days_loaded": loaded.days_loaded,
            **loaded.written,
            **loaded.outcomes,
            **lag_metadata(loaded.lags),
        }
    )
