"""The tables that commands print.

What belongs here: rich tables of counts. What does not: any value of a patient's, but for the demo's page of a
generated patient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table

from passport_pipeline.cli.consoles import PlainConsole, coloured, output
from passport_pipeline.core.terminal import shown

if TYPE_CHECKING:
    from passport_pipeline.config.hospitals import Hospital
    from passport_pipeline.passport.days.state import HospitalStatus
    from passport_pipeline.passport.hospitals.state import HeldBack, HospitalState
    from passport_pipeline.sources.findings import Preflight
    from passport_pipeline.verification.hospital import HospitalVerification
    from passport_sample.pages import Card
    from passport_sample.pages.standing import Shown

MARKS = {name: coloured(name, colour) for name, colour in (("ok", "green"), ("warning", "yellow"), ("fault", "red"))}
DAYS_SHOWN = 20
CARDS_SHOWN, LINES_SHOWN = 8, 8


def by_reason(counts: Mapping[str, int]) -> str:
    """Counts by reason, one a line, the largest first, under their sum."""
    if not counts:
        return "0"
    lines = [f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return "\n".join([str(sum(counts.values())), *lines])


def verification_table(results: Sequence[HospitalVerification], rates: Mapping[str, float] | None = None) -> None:
    """Print each hospital's outcomes, and the days that differ."""
    console = output()
    table = Table(title="Live rows and what became of them")
    for name in ("hospital", "live", "loaded", "attached", "parked", "skipped", "outside", "days that differ"):
        table.add_column(name, justify="left" if name == "hospital" else "right", overflow="fold")
    if rates is not None:
        table.add_column("obs/s", justify="right")
    for result in results:
        row = [
            result.key,
            str(result.live),
            str(result.loaded),
            str(result.attached),
            by_reason(result.parked),
            by_reason(result.skipped),
            str(result.outside),
            str(len(result.differences)),
        ]
        if rates is not None:
            row.append(f"{rates.get(result.key, 0):,.0f}")
        table.add_row(*row)
    console.print(table)
    for result in results:
        if result.error:
            console.print(coloured(result.key, "red"), f": {result.error}", sep="", highlight=False)
        if result.differences:
            _differences_table(console, result)
        if result.withdrawn:
            counts = ", ".join(f"{rows} {reason}" for reason, rows in sorted(result.withdrawn.items()))
            console.print(f"{result.key}: rows that are neither voided nor loaded: {counts}", soft_wrap=True)
        if result.lists:
            missing, extra, wrong = (counts.total() for counts in result.lists.counts)
            console.print(
                f"{result.key}: patients' lists lack {missing} records and name {extra} that do not belong there"
                + (f"; the allergies of {wrong} patients are not those of its rows" if wrong else ""),
                soft_wrap=True,
            )
        if result.accounts:
            console.print(f"{result.key}: records of {len(result.accounts)} days name accounts that are gone")
        for month, full in result.healing():
            command = f"passport-pipeline sync --hospital {result.key} --from {month} --to {month}"
            console.print(f"{result.key} {month}: run `{command}{' --full' if full else ''}`", soft_wrap=True)
        if result.unsettled:
            days = ", ".join(map(str, result.unsettled[:DAYS_SHOWN]))
            console.print(
                f"{result.key}: {len(result.unsettled)} days were being changed just then; verify them again later "
                f"({days}{', ...' if len(result.unsettled) > DAYS_SHOWN else ''})",
                soft_wrap=True,
            )


def _differences_table(console: PlainConsole, result: HospitalVerification) -> None:
    from passport_pipeline.verification.row_diff import ROW_STATES

    table = Table(title=f"Days of {result.key} that differ")
    for name in ("day", "live there", "accounted for", *ROW_STATES, "obs ids"):
        table.add_column(name, justify="left" if name in ("day", "obs ids") else "right", overflow="fold")
    for one in result.differences[:DAYS_SHOWN]:
        rows = one.rows.by_state() if one.rows else {}
        counts = (str(rows[name].count) if rows else "-" for name in ROW_STATES)
        table.add_row(str(one.day), str(one.source.live), str(one.passport.live), *counts, one.description)
    console.print(table)
    if len(result.differences) > DAYS_SHOWN:
        console.print(f"{result.key}: and {len(result.differences) - DAYS_SHOWN} more days")


def status_table(statuses: Sequence[HospitalStatus]) -> None:
    """Print what the passport holds of each hospital."""
    table = Table(title="The passport, by hospital")
    counts = ("windows", "last day", "loaded", "attached", "parked", "skipped", "conflicts")
    for name in ("hospital", *counts, "last sync (UTC)", "lag p50, p95"):
        table.add_column(name, justify="left" if name == "hospital" else "right", overflow="fold")
    for one in statuses:
        table.add_row(
            one.key,
            str(one.windows),
            one.last_day.isoformat() if one.last_day else "-",
            str(one.totals.loaded),
            str(one.totals.attached),
            by_reason(one.totals.parked) + (f"\n({one.exhausted} exhausted)" if one.exhausted else ""),
            by_reason(one.totals.skipped),
            str(one.conflicts),
            f"{one.last_sync:%Y-%m-%d %H:%M:%S}" if one.last_sync else "never",
            f"{one.lag.p50:,.0f} s, {one.lag.p95:,.0f} s" if one.lag else "-",
        )
    console = output()
    console.print(table)
    _unanswered(console, statuses)
    held_back_lines((one.key, one.held_back) for one in statuses)


def hospitals_table(states: Collection[HospitalState], registered: Mapping[str, Hospital]) -> None:
    """Print every hospital, whether it takes part, and how it stands."""
    table = Table(title="Hospitals (times in UTC)")
    for name in ("hospital", "name", "enabled", "state", "since", "by", "reason", "surveyed", "up to date since"):
        table.add_column(name, overflow="fold")
    listed = list(states)
    for one in listed:
        hospital = registered.get(one.key)
        up_to_date = f"behind since {minute(one.behind_since)}" if one.behind_since else minute(one.up_to_date_since)
        table.add_row(
            one.key,
            shown(hospital.name) if hospital else "not in hospitals.yaml",
            "yes" if hospital and hospital.enabled else "no",
            one.state,
            minute(one.since),
            shown(one.by or "-"),
            shown(one.reason or "-"),
            minute(one.surveyed_at),
            up_to_date,
        )
    console = output()
    console.print(table)
    _unanswered(console, listed)
    held_back_lines((one.key, one.held_back) for one in listed)


def _unanswered(console: PlainConsole, hospitals: Iterable[HospitalState | HospitalStatus]) -> None:
    """Print which hospitals do not answer, since when, and what an operator may do meanwhile."""
    silent = [(one.key, one.unanswered) for one in hospitals if one.unanswered]
    for key, unanswered in silent:
        console.print(f"{key}: {unanswered.description}", highlight=False, markup=False, soft_wrap=True)
    if silent:
        console.print("`sync` and `hospitals check` ask at once, whenever the next check is due.", soft_wrap=True)


def held_back_lines(hospitals: Iterable[tuple[str, HeldBack | None]]) -> None:
    """Say of each hospital that is held back as a whole since when and why."""
    for key, held in hospitals:
        if held:
            output().print(f"{key} is {held.description}", style="red", soft_wrap=True, highlight=False, markup=False)


def minute(at: datetime | None) -> str:
    """A time to the minute; "-" where there is none."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def preflight_table(reports: Sequence[Preflight]) -> None:
    """Print every finding of each hospital's preflight."""
    console = output()
    for report in reports:
        table = Table(title=f"Preflight of {report.hospital}", show_lines=True)
        for name in ("", "topic", "finding"):
            table.add_column(name)
        for finding in report.findings:
            table.add_row(MARKS[finding.state], finding.topic, finding.text)
        console.print(table)


def shown_table(shown_of_loaded: Mapping[str, Shown]) -> None:
    """Print how many of the loaded records stand on their patients' pages, by type."""
    table = Table(title="Shown of loaded: what stands on the patients' pages")
    for name in ("type", "loaded", "on a card", "with its date, doctor and hospital"):
        table.add_column(name, justify="left" if name == "type" else "right")
    for kind, shown_ in shown_of_loaded.items():
        table.add_row(kind, *(f"{number:,}" for number in (shown_.loaded, shown_.on_a_card, shown_.as_its_own)))
    output().print(table)


def page_table(cards: Sequence[Card]) -> None:
    """Print the newest cards of one patient's history. Of generated people only: it shows what the patient reads."""
    newest = cards[:CARDS_SHOWN]
    table = Table(
        title="One patient's passport, as the patient reads it",
        caption=f"the newest {len(newest)} of {len(cards)} cards",
        show_lines=True,
    )
    for name in ("date, hospital, doctor", "Diagnosis", "Medications", "Test results", "Notes"):
        table.add_column(name, overflow="fold")
    for card in newest:
        medications = (f"{one.name} {one.dosage}".strip() + f" ({one.prescribed_by})" for one in card.medications)
        results = (f"{one.name}: {one.result} {one.status.upper()}" for one in card.results)
        day = f"{card.day:%Y-%m-%d}" if card.day else "Invalid Date"
        table.add_row(
            _cell((day, card.hospital, card.doctor)),
            _cell((card.diagnosis,)),
            _cell(medications),
            _cell(results),
            _cell(card.notes.splitlines()),
        )
    output().print(table)


def _cell(lines: Iterable[str]) -> str:
    """Some lines, each of them shortened."""
    texts = [shown(line if len(line) <= 80 else line[:79] + "…") for line in lines]
    more = [f"… and {len(texts) - LINES_SHOWN} more"] if len(texts) > LINES_SHOWN else []
    return "\n".join(texts[:LINES_SHOWN] + more)
