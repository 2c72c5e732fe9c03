"""The survey of a hospital."""

import dagster as dg

from passport_pipeline.config.hospitals import first_month_of
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.metadata_tables import months_table
from passport_pipeline.orchestration.partitions import hospitals
from passport_pipeline.windows.hospital_plausibility import review_hospital
from passport_pipeline.windows.survey import survey_hospital


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
    with connections.admitted(context.partition_key) as source:
        survey, look = survey_hospital(source, connections.batches, connections.passport)
    review_hospital(connections.settings, connections.batches, connections.passport, source.hospital)
    if abs(look.clock_skew) > connections.settings.clock_skew:
        context.log.warning(f"the hospital's clock is {look.clock_skew:+.0f} s from ours; set both by NTP")
    outside = survey.outside(first_month_of(source.hospital, connections.settings), last_month())
    if outside:
        context.log.warning(
            f"{outside} live rows lie outside every window (created before the first month, or dated in the future); "
            "set first_month in hospitals.yaml, or have the hospital's clock checked"
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": survey.rows,
            "live_rows": survey.live,
            "rows_outside_every_window": outside,
            "clock_skew_seconds": round(look.clock_skew, 1),
            "months": months_table(survey),
        }
    )
