"""Metadata of assets and checks: counts, tables of counts, columns of a frame. Never a row of a patient's.

What belongs here: how results are shown in the Dagster UI. What does not: computing them (the domain).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
import pandas as pd

from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.hospitals.lag import Lag
from passport_pipeline.passport.hospitals.staleness import Staleness
from passport_pipeline.passport.parked.replay import Group
from passport_pipeline.passport.patients.record_lists import ListFaults
from passport_pipeline.rules_review.unmapped import Coverage
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.verification.hospital import HospitalVerification
from passport_pipeline.verification.row_diff import ROW_STATES
from passport_pipeline.verification.window import DayCheck
from passport_pipeline.windows.held_concepts import HeldConcepts
from passport_pipeline.windows.hospital_plausibility import HospitalChange
from passport_pipeline.windows.plausibility import Plausibility

DAYS_SHOWN = 100
CONCEPTS_SHOWN = 25

CHANGES = ("concept_id", "name", "what", "before", "now")

Cell = int | str
Metadata = dict[str, int | float | dg.TableMetadataValue | dg.MarkdownMetadataValue]


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> dg.TableMetadataValue:
    """A table; columns whose cells are all numbers are numeric."""
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    numeric = [name for name in columns if all(isinstance(record[name], int) for record in records)]
    schema = dg.TableSchema([dg.TableColumn(name, "int" if name in numeric else "string") for name in columns])
    return dg.TableMetadataValue([dg.TableRecord(record) for record in records], schema)


def months_table(survey: HospitalSurvey) -> dg.TableMetadataValue:
    """Days and live rows of every month that the survey found."""
    days, live = Counter(map(month_of, survey.digests())), survey.live_by_month()
    return table(("month", "days", "live rows"), ((month, days[month], live[month]) for month in sorted(live)))


def counts_table(name: str, counts: Mapping[str, int]) -> dg.TableMetadataValue:
    """Counts by code, the largest first."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return table((name, "n"), ranked)


def held_changes_table(held: HeldConcepts) -> dg.TableMetadataValue:
    """The changes of a dictionary that are held back."""
    rows = ((str(change["concept_id"]), *(str(change[name]) for name in CHANGES[1:])) for change in held.to_json())
    return table(("concept", *CHANGES[1:]), rows)


def accounting_table(days: Iterable[DayCheck]) -> dg.TableMetadataValue:
    """The outcomes of days' live rows, and whether the digests of both ends agree."""
    names = ("day", "live", "loaded", "attached", "parked", "skipped", "digests agree")
    rows = (
        (str(day.day), day.live, day.loaded, day.attached, day.parked, day.skipped, "yes" if day.agrees else "no")
        for day in days
    )
    return table(names, rows)


def verification_metadata(result: HospitalVerification) -> Metadata:
    """What the check of a hospital shows: live rows by outcome, days that differ, these days with their rows, and the
    commands that mend them.
    """
    commands = [
        f"`passport-pipeline sync --hospital {result.key} --from {month} --to {month}{' --full' if full else ''}`"
        for month, full in result.healing()
    ]
    return {
        "live_rows": result.live,
        "loaded": result.loaded,
        "attached": result.attached,
        "parked": sum(result.parked.values()),
        "skipped": sum(result.skipped.values()),
        "rows_outside_every_window": result.outside,
        "withdrawn": sum(result.withdrawn.values()),
        "withdrawn_by_reason": counts_table("reason", result.withdrawn),
        "days_that_differ": len(result.differences),
        "days_being_changed": len(result.unsettled),
        **_list_counts(result.lists),
        "days_without_accounts": len(result.accounts),
        "differences": differences_table(result),
        "mended_by": dg.MetadataValue.md("\n\n".join(commands) or "Every day agrees."),
    }


def _list_counts(lists: ListFaults | None) -> dict[str, int]:
    """How many records patients' lists lack, how many they should no longer name, and how many patients' allergies are
    not those of the rows; nothing if not compared.
    """
    if lists is None:
        return {}
    return {
        "missing_in_lists": lists.missing.total(),
        "extra_in_lists": lists.extra.total(),
        "wrong_allergies": lists.allergies.total(),
    }


def differences_table(result: HospitalVerification) -> dg.TableMetadataValue:
    """The first days that differ between a hospital and the passport, with counts of their rows by state."""
    rows = []
    for day in result.differences[:DAYS_SHOWN]:
        states = day.rows.by_state() if day.rows else {}
        counts = [states[name].count if states else "" for name in ROW_STATES]
        rows.append((str(day.day), day.source.live, day.passport.live, *counts, day.description.replace("\n", "; ")))
    return table(("day", "live there", "accounted for", *ROW_STATES, "obs ids"), rows)


def plausibility_metadata(result: Plausibility) -> Metadata:
    """What the plausibility check of a window shows: rows before and now of the days that would be loaded, and these
    days.
    """
    rows = ((str(day.day), day.before, day.now, day.vanished) for day in result.days)
    return {
        "live_rows_before": result.before,
        "live_rows_vanished": result.vanished,
        "rows_shown": result.in_records,
        "shown_rows_taken_away": result.removed,
        "patients_concerned": result.patients,
        "shown_rows_to_be_parked": result.to_be_parked,
        "to_be_parked": counts_table("reason", result.parked),
        "days": table(("day", "live rows before", "now", "fewer"), rows),
    }


def hospital_metadata(change: HospitalChange) -> dict[str, int]:
    """What the plausibility check of a hospital shows: rows of all its windows, compared only where the window takes
    any away.
    """
    return {
        "hospital_rows_before": change.before,
        "hospital_rows_vanished": change.vanished,
        "hospital_windows": change.windows,
        "hospital_windows_shrinking": change.shrinking,
    }


def columns_of(dtypes: pd.Series | Mapping[str, str]) -> dg.TableSchema:
    """Columns with their dtypes, as `frame.dtypes` has them, for `dagster/column_schema`."""
    return dg.TableSchema([dg.TableColumn(str(name), str(dtype)) for name, dtype in dtypes.items()])


def lag_metadata(lags: Sequence[float]) -> dict[str, float]:
    """How long the rows took, whose records a run has inserted, as numbers that Dagster plots; nothing of none."""
    lag = Lag.of(lags)
    return {"lag_p50_seconds": lag.p50, "lag_p95_seconds": lag.p95} if lag else {}


def staleness_metadata(result: Staleness) -> Metadata:
    """How many hospitals are fresh, and a table of all others with why."""
    rows = [(key, "stale", why) for key, why in sorted(result.stale.items())]
    rows += [(key, "apart", state) for key, state in sorted(result.apart.items())]
    counts = {"fresh": len(result.fresh), "stale": len(result.stale), "apart": len(result.apart)}
    return {**counts, "hospitals": table(("hospital", "state", "why"), rows)}


def coverage_metadata(found: Coverage) -> Metadata:
    """What the rules know of a hospital's rows: the share, which Dagster plots, and the first questions that they do
    not know.
    """
    first = found.unmapped[:CONCEPTS_SHOWN]
    rows = ((each.concept.name or "(no name)", each.concept.uuid or "", each.rows) for each in first)
    return {
        "dagster/partition_row_count": len(found.unmapped),
        "coverage": round(found.share, 4),
        "rows": found.rows,
        "rows_by_default": found.by_default,
        "unmapped": table(("concept", "uuid", "rows"), rows),
    }


def parked_table(groups: Iterable[Group]) -> dg.TableMetadataValue:
    """Counts of parked rows by hospital, window, reason and state."""
    names = ("hospital", "window", "reason", "state", "records", "rows", "attempts")
    rows = (
        (group.hospital, group.window, group.reason, group.state, group.records, group.rows, group.attempts[1])
        for group in groups
    )
    return table(names, rows)
