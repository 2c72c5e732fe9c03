"""What the rules know of a hospital's rows, and the questions of which they know nothing."""

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.batches import obs_batch
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.lookups import concept_lookup
from passport_pipeline.orchestration.assets.metadata_tables import coverage_metadata
from passport_pipeline.orchestration.partitions import hospitals
from passport_pipeline.rules_review.stored import Stored
from passport_pipeline.rules_review.unmapped import coverage


@dg.asset(
    partitions_def=hospitals,
    deps=[concept_lookup, obs_batch],
    group_name="rules",
    kinds={"parquet", "pandas"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
)
@failing_clearly
def unmapped_concepts(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """The questions of which no rule knows anything, so that their rows are plain notes, the most rows first; and the
    share of rows that the rules do know, month after month. By the raw batches: no hospital is read.

    What a question means, a person decides in an overlay file: see `passport-pipeline rules unmapped`.
    """
    stored = Stored.of(connections.hospital(context.partition_key), connections.batches)
    return dg.MaterializeResult(metadata=coverage_metadata(coverage(stored)))
