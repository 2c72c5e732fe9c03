"""The survey of a hospital."""

import dagster as dg

from passport_pipeline.assets.failures import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.assets.tables import months_table
from passport_pipeline.partitions import first_month_of, hospitals, last_month
from passport_pipeline.resources import Connections
from passport_pipeline.windows.references import renew_survey


@dg.asset(
    partitions_def=hospitals,
    group_name="survey",
    kinds={"mysql"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
)
@failing_clearly
def hospital_survey(
    context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
) -> dg.MaterializeResult[None]:
    """What each day holds at the hospital: rows, live rows and a checksum, computed by its database in one pass.

    Days whose digest differs from the passport's are what a run of a window reads again.
    """
    with connections.source(context.partition_key) as source:
        survey = renew_survey(source, connections.batches)
    outside = survey.outside(first_month_of(source.hospital), last_month())
    if outside:
        context.log.warning(
            f"{outside} live rows lie outside every window (created before the first month, or dated in the future); "
            "set first_month in hospitals.yaml, or have the hospital's clock looked at"
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": int(survey.cells["rows"].sum()),
            "live_rows": int(survey.cells["live"].sum()),
            "rows_outside_every_window": outside,
            "months": months_table(survey),
        }
    )
