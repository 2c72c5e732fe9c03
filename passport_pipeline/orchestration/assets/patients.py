"""Patients: who in a window is who in the passport."""

from functools import partial

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.batches import obs_batch
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.lookups import patient_identifiers
from passport_pipeline.orchestration.assets.metadata_tables import columns_of, counts_table
from passport_pipeline.orchestration.partitions import window_of, windows
from passport_pipeline.passport.days.leases import confirm, lease
from passport_pipeline.windows.match import match_window


@dg.asset(
    partitions_def=windows,
    deps=[obs_batch, patient_identifiers],
    group_name="patients",
    kinds={"pandas", "mongodb"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
)
@failing_clearly
def patient_matches(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """Every person of the window with the passport patient of the same national ID, or the reason why there is
    none. Two patients with one ID, or two IDs of one person, are never guessed.
    """
    window, passport = window_of(context.partition_key), connections.passport
    with (
        lease(passport, *window, context.run.run_id, connections.settings.lease_seconds) as token,
        connections.admitted(window.hospital) as source,
    ):
        still_ours = partial(confirm, passport, *window, token)
        matches = match_window(source, connections.batches, passport, window.month, still_ours)
    reasons = {str(reason): int(n) for reason, n in matches["reason"].value_counts().items()}
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(matches),
            "dagster/column_schema": columns_of(matches.dtypes),
            "matched": int(matches["patient_id"].notna().sum()),
            "unmatched": counts_table("reason", reasons),
        }
    )
