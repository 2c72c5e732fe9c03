"""The hospital's lookups: what observations refer to."""

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.metadata_tables import columns_of, held_changes_table
from passport_pipeline.orchestration.partitions import hospitals
from passport_pipeline.sources.base import LookupKind
from passport_pipeline.windows import lookups
from passport_pipeline.windows.held_concepts import held_concepts
from passport_pipeline.windows.hospital_plausibility import review_hospital

of_a_hospital = dg.asset(
    partitions_def=hospitals,
    group_name="lookups",
    kinds={"mysql", "parquet"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
)


def lookup_asset(kind: LookupKind, description: str) -> dg.AssetsDefinition:
    """The asset of one lookup, named in the singular."""

    @failing_clearly
    def lookup(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> dg.MaterializeResult[None]:
        with connections.admitted(context.partition_key) as source:
            renewed = lookups.renew_lookup(source, connections.batches, kind)
        held = held_concepts(context.partition_key, connections.batches) if kind == "concepts" else None
        if held:
            context.log.warning(held.description)
        frames = renewed.frames()
        main = frames.pop(kind)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(renewed.content_hash()),
            metadata={
                "dagster/partition_row_count": len(main),
                "dagster/column_schema": columns_of(main.dtypes),
                **{f"{name}_rows": len(frame) for name, frame in frames.items()},
                **({"held_back": held_changes_table(held)} if held else {}),
            },
        )

    lookup.__name__, lookup.__doc__ = f"{kind.removesuffix('s')}_lookup", description
    return of_a_hospital(lookup)


concept_lookup = lookup_asset(
    "concepts",
    "The concepts that the hospital's observations use: name in the hospital's languages, class, datatype, units and "
    "ranges, mappings to other dictionaries, and drugs.",
)
provider_lookup = lookup_asset(
    "providers",
    "The clinicians: providers with their names, the accounts that typed, and the roles in an encounter.",
)
location_lookup = lookup_asset("locations", "The locations inside the hospital and the types of encounters.")


@of_a_hospital
@failing_clearly
def patient_identifiers(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """Who has which national id, of the identifier types that hospitals.yaml names, and what at the hospital itself
    contradicts it.
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
