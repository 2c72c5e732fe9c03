"""Records: what the patients see, and the guard in front of them."""

import warnings
from collections.abc import Iterator

import dagster as dg

from passport_pipeline.assets.failures import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.assets.observations import WindowConfig, obs_batch
from passport_pipeline.assets.patients import patient_matches
from passport_pipeline.assets.tables import lag_metadata, plausibility_metadata
from passport_pipeline.errors import WindowHeldBack
from passport_pipeline.partitions import window_of, windows
from passport_pipeline.passport.leases import lease
from passport_pipeline.resources import Connections
from passport_pipeline.windows.guarding import ACCEPT_TAG, HELD_BACK_TAG, weigh
from passport_pipeline.windows.load import load_window
from passport_pipeline.windows.staleness import compare_window

# Checks of single partitions are a preview in Dagster 1.13; during runs of multi-partitions they were found to work.
warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)

window_is_plausible = dg.AssetCheckSpec(
    "window_is_plausible",
    asset="medical_records",
    blocking=True,
    partitions_def=windows,
    description=(
        "What the window is about to become, against what the passport has of it: where far fewer rows are at the "
        "hospital, or far more are to be parked, nothing is loaded until somebody looks, and lets it through with the "
        f"tag {ACCEPT_TAG}: true."
    ),
)


@dg.asset(
    partitions_def=windows,
    deps=[obs_batch, patient_matches],
    group_name="records",
    kinds={"pandas", "mongodb"},
    owners=["team:passport"],
    retry_policy=TRANSIENT_RETRIES,
    check_specs=[window_is_plausible],
)
@failing_clearly
def medical_records(
    context: dg.AssetExecutionContext, config: WindowConfig, connections: dg.ResourceParam[Connections]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """The window's medical records in the passport, brought into line with the raw batches: new ones inserted,
    changed ones updated, those no longer live retracted, the rest left alone. What cannot be loaded is parked.

    However the run was begun, what the window is about to become is weighed first, under the lease under which it is
    loaded: a window that would lose or park far more than usual is held back.
    """
    window, settings, run = window_of(context.partition_key), connections.settings, context.run
    hospital, batches, passport = connections.hospital(window.hospital), connections.batches, connections.passport
    with lease(passport, *window, run.run_id, settings.lease_seconds) as token:
        compared = compare_window(hospital, batches, passport, window.month)
        found, accepted = weigh(settings, batches, passport, compared), run.tags.get(ACCEPT_TAG) == "true"
        yield dg.AssetCheckResult(
            passed=accepted or not found.faults,
            description=found.message,
            metadata={**plausibility_metadata(found), "accepted": accepted},
        )
        if found.message and not accepted:
            context.instance.add_run_tags(run.run_id, {HELD_BACK_TAG: "true"})
            raise WindowHeldBack(found.message)
        loaded = load_window(settings, batches, passport, compared, run_id=run.run_id, token=token, full=config.full)
    yield dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": loaded.records,
            "days": loaded.days,
            "days_loaded": loaded.days_loaded,
            **loaded.written,
            **loaded.outcomes,
            **lag_metadata(loaded.lags),
        }
    )
