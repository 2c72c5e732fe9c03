"""Records: what the patients see, and the plausibility check in front of them."""

import warnings
from collections.abc import Iterator

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import HospitalHeldBack, WindowHeldBack
from passport_pipeline.orchestration.assets.batches import WindowConfig, obs_batch
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.orchestration.assets.metadata_tables import (
    hospital_metadata,
    lag_metadata,
    plausibility_metadata,
)
from passport_pipeline.orchestration.assets.patients import patient_matches
from passport_pipeline.orchestration.partitions import window_of, windows
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.hospitals.held_back import hold_back, record_plausible
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.windows.compare import compare_window
from passport_pipeline.windows.hospital_plausibility import HospitalChange, check_hospital_plausibility
from passport_pipeline.windows.load import Loaded, load_window
from passport_pipeline.windows.plausibility import ACCEPT_TAG, HELD_BACK_TAG, check_plausibility

# Checks of single partitions are a preview in Dagster 1.13; during runs of multi-partitions they were found to work.
warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)

window_is_plausible = dg.AssetCheckSpec(
    "window_is_plausible",
    asset="medical_records",
    blocking=True,
    partitions_def=windows,
    description=(
        "What the window and its hospital are about to become, against what the passport has of them: where far fewer "
        "rows are at the hospital, or far more are to be parked, nothing is loaded until an operator lets it through "
        f"with the tag {ACCEPT_TAG}: true."
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
    """The window's medical records in the passport, brought up to date with the raw batches: new ones inserted,
    changed ones updated, those no longer live retracted, the rest left alone. What cannot be loaded is parked.

    Plausibility is checked before every load, also for single-asset runs, under the lease under which the window is
    loaded: a window that would lose or park far more than usual is held back, and of a hospital that would, every
    window that takes anything away.
    """
    window, settings, run = window_of(context.partition_key), connections.settings, context.run
    hospital, batches, passport = connections.hospital(window.hospital), connections.batches, connections.passport
    with lease(passport, *window, run.run_id, settings.lease_seconds) as token:
        comparison = compare_window(hospital, batches, passport, window.month)
        plausibility = check_plausibility(settings, batches, passport, comparison)
        change = check_hospital_plausibility(settings, batches, passport, comparison, plausibility)
        accepted = run.tags.get(ACCEPT_TAG) == "true" or change.accepted
        change = change if accepted else _held_back(passport, change)
        message = change.message or plausibility.message
        metadata = {**plausibility_metadata(plausibility), **hospital_metadata(change), "accepted": accepted}
        yield dg.AssetCheckResult(passed=accepted or not message, description=message, metadata=metadata)
        if message and not accepted:
            context.instance.add_run_tags(run.run_id, {HELD_BACK_TAG: "true"})
            raise HospitalHeldBack(message) if change.holds else WindowHeldBack(message)
        loaded = load_window(settings, batches, passport, comparison, run_id=run.run_id, token=token, full=config.full)
        if change.plausible:
            record_plausible(passport, change.state, change.now)
    yield dg.MaterializeResult(metadata=_metadata(loaded))


def _held_back(passport: Passport, change: HospitalChange) -> HospitalChange:
    if not change.holds:
        return change
    return change.held_back(hold_back(passport, change.state.key, change.why, change.vanished, change.parking))


def _metadata(loaded: Loaded) -> dict[str, int | float]:
    return {
        "dagster/partition_row_count": loaded.records,
        "days": loaded.days,
        "days_loaded": loaded.days_loaded,
        **loaded.written,
        **loaded.outcomes,
        **lag_metadata(loaded.lags),
    }
