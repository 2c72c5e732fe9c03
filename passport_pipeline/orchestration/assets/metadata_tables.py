"""Tables in the metadata of assets: counts by month, columns of a frame. Never a row of a patient's."""

from collections import Counter
from collections.abc import Mapping, Sequence

import dagster as dg
import pandas as pd

from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.hospitals.lag import Lag
from passport_pipeline.passport.hospitals.staleness import Staleness
from passport_pipeline.passport.patients.record_lists import ListFaults
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.verification.hospital import HospitalVerification
from passport_pipeline.verification.row_diff import ROW_STATES
from passport_pipeline.windows.hospital_plausibility import HospitalChange
from passport_pipeline.windows.plausibility import Plausibility

DAYS_SHOWN = 100


def months_table(survey: HospitalSurvey) -> dg.MarkdownMetadataValue:
    """Days and live rows of every month that the survey found, as a Markdown table."""
    days, live = Counter(map(month_of, survey.digests())), survey.live_by_month()
    rows = [f"| {month} | {days[month]} | {live[month]} |" for month in sorted(live)]
    return dg.MetadataValue.md("\n".join(["| month | days | live rows |", "|---|---:|---:|", *rows]))


def counts_table(name: str, counts: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """Counts by code, the largest first, as a Markdown table."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return dg.MetadataValue.md("\n".join([f"| {name} | n |", "|---|---:|", *(f"| {k} | {n} |" for k, n in ranked)]))


def verification_metadata(found: HospitalVerification) -> dict[str, int | dg.MarkdownMetadataValue]:
    """What the check of a hospital shows: live rows by outcome, days that differ, and these days with their rows."""
    return {
        "live_rows": found.live,
        "loaded": found.loaded,
        "attached": found.attached,
        "parked": sum(found.parked.values()),
        "skipped": sum(found.skipped.values()),
        "rows_outside_every_window": found.outside,
        "withdrawn": sum(found.withdrawn.values()),
        "withdrawn_by_reason": counts_table("reason", found.withdrawn),
        "days_that_differ": len(found.differences),
        "days_being_changed": len(found.unsettled),
        **_list_counts(found.lists),
        "days_without_accounts": len(found.accounts),
        "differences": differences_table(found),
    }


def _list_counts(lists: ListFaults | None) -> dict[str, int]:
    """How many records patients' lists lack, and how many they should no longer name; nothing where nobody looked."""
    if lists is None:
        return {}
    return {"missing_in_lists": lists.missing.total(), "extra_in_lists": lists.extra.total()}


def differences_table(found: HospitalVerification) -> dg.MarkdownMetadataValue:
    """The days and rows that differ between a hospital and the passport, and what mends them and patients' lists, as
    Markdown.
    """
    names = "".join(f" {name} |" for name in ("live there", "accounted for", *ROW_STATES, "obs ids"))
    lines = [f"| day |{names}", f"|---|{'---:|' * (len(ROW_STATES) + 2)}---|"]
    for one in found.differences[:DAYS_SHOWN]:
        rows = one.rows.by_state() if one.rows else {}
        counts = [one.source.live, one.passport.live, *(rows[name].count if rows else "" for name in ROW_STATES)]
        told = one.told.replace("\n", "; ")
        lines.append(f"| {one.day} | {' | '.join(map(str, counts))} | {told} |")
    if len(found.differences) > DAYS_SHOWN:
        lines.append(f"\nand {len(found.differences) - DAYS_SHOWN} more days")
    commands = [
        f"\n`passport-pipeline sync --hospital {found.key} --from {month} --to {month}{' --full' if full else ''}`"
        for month, full in found.healing()
    ]
    return dg.MetadataValue.md("\n".join([*lines, *commands]) if found.healing() else "Every day agrees.")


def plausibility_metadata(found: Plausibility) -> dict[str, int | dg.MarkdownMetadataValue]:
    """What the guard of a window shows: rows before and now of the days that would be loaded, and these days."""
    rows = [f"| {one.day} | {one.before} | {one.now} | {one.vanished} |" for one in found.days]
    head = ["| day | live rows before | now | fewer |", "|---|---:|---:|---:|"]
    return {
        "live_rows_before": found.before,
        "live_rows_vanished": found.vanished,
        "rows_shown": found.shown,
        "shown_rows_taken_away": found.taken,
        "patients_concerned": found.patients,
        "shown_rows_to_be_parked": found.to_be_parked,
        "to_be_parked": counts_table("reason", found.parked),
        "days": dg.MetadataValue.md("\n".join([*head, *rows])),
    }


def hospital_metadata(found: HospitalChange) -> dict[str, int]:
    """What the guard of a hospital shows: rows of all its windows, compared only where the window takes any away."""
    return {
        "hospital_rows_before": found.before,
        "hospital_rows_vanished": found.vanished,
        "hospital_windows": found.windows,
        "hospital_windows_shrinking": found.shrinking,
    }


def columns_of(dtypes: pd.Series | Mapping[str, str]) -> dg.TableSchema:
    """Columns with their dtypes, as `frame.dtypes` has them, for `dagster/column_schema`."""
    return dg.TableSchema([dg.TableColumn(str(name), str(dtype)) for name, dtype in dtypes.items()])


def lag_metadata(lags: Sequence[float]) -> dict[str, float]:
    """How long the rows took, whose records a run has inserted, as numbers that Dagster plots; nothing of none."""
    lag = Lag.of(lags)
    return {"lag_p50_seconds": lag.p50, "lag_p95_seconds": lag.p95} if lag else {}


def staleness_metadata(found: Staleness) -> dict[str, dg.MetadataValue]:
    """How many hospitals are fresh, and a table of all others with why."""
    rows = [f"| {key} | stale | {why} |" for key, why in sorted(found.stale.items())]
    rows += [f"| {key} | apart | {told} |" for key, told in sorted(found.apart.items())]
    table = "\n".join(["| hospital | | why |", "|---|---|---|", *rows])
    counts = {"fresh": len(found.fresh), "stale": len(found.stale), "apart": len(found.apart)}
    return {name: dg.MetadataValue.int(n) for name, n in counts.items()} | {"hospitals": dg.MetadataValue.md(table)}
