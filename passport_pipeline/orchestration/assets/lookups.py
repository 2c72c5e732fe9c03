"""The hospital's lookups: what observations refer to."""

from collections.abc import Mapping

import dagster as dg
import pandas as pd

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.metadata_tables import columns_of
from passport_pipeline.orchestration.partitions import hospitals
from passport_pipeline.windows import lookups
from passport_pipeline.windows.hospital_plausibility import review_hospital

lookup_asset = dg.asset(
    partitions_def=hospitals,
    group_name="lookups",
    kinds={"mysql", "parquet"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
)


def _described(main: str, frames: Mapping[str, pd.DataFrame], content_hash: str) -> dg.MaterializeResult[None]:
    counts = {f"{name}_rows": len(frame) for name, frame in frames.items() if name != main}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash),
        metadata={
            "dagster/partition_row_count": len(frames[main]),
            "dagster/column_schema": columns_of(frames[main].dtypes),
            **counts,
        },
    )


@lookup_asset
@failing_clearly
def concept_lookup(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """The concepts that the hospital's observations use: name in the hospital's languages, class, datatype,
    units and ranges, mappings to other dictionaries, and drugs.
    """
    with connections.admitted(context.partition_key) as source:
        lookup = lookups.renew_lookup(source, connections.batches, "concepts")
    return _described("concepts", lookup.frames(), lookup.content_hash())


@lookup_asset
@failing_clearly
def provider_lookup(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """The clinicians: providers with their names, the accounts that typed, and the roles in an encounter."""
    with connections.admitted(context.partition_key) as source:
        lookup = lookups.renew_lookup(source, connections.batches, "providers")
    return _described("providers", lookup.frames(), lookup.content_hash())


@lookup_asset
@failing_clearly
def location_lookup(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """The locations inside the hospital and the types of encounters."""
    with connections.admitted(context.partition_key) as source:
        lookup = lookups.renew_lookup(source, connections.batches, "locations")
    return _described("locations", lookup.frames(), lookup.content_hash())


@lookup_asset
@failing_clearly
def patient_identifiers(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """Who has which national id, of the identifier types that hospitals.yaml names, and what at the hospital itself
    speaks against it.
    """
    with connections.admitted(context.partition_key) as source:
        held = lookups.renew_national_ids(source, connections.batches)
    review_hospital(connections.settings, connections.batches, connections.passport, source.hospital)
    if held.empty:
        context.log.warning("no national identifier was found: see `passport-pipeline hospitals check`")
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(held),
            "dagster/column_schema": columns_of(held.dtypes),
            "usable": int(held["reason"].isna().sum()),
            **{str(reason): int(persons) for reason, persons in held["reason"].value_counts().items()},
        }
    )
