"""The tables that commands print.

What belongs here: rich tables of counts. What does not: any value of a patient's, but for the demo's timeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from passport_pipeline.hospitals.preflight import Preflight
    from passport_pipeline.passport.days import HospitalStatus
    from passport_pipeline.passport.timeline import Entry
    from passport_pipeline.verification import HospitalVerification

MARKS = {"ok": "[green]ok[/green]", "warning": "[yellow]warning[/yellow]", "fault": "[red]fault[/red]"}

WIDTH_OF_A_FILE = 132


def output() -> Console:
    """Standard output; wide enough for a table where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_OF_A_FILE)


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
            console.print(f"[red]{result.key}[/red]: {result.error}", highlight=False)
        for difference in result.differences[:20]:
            console.print(
                f"{result.key} {difference.day}: {difference.source.live} live rows at the hospital, "
                f"{difference.passport.live} accounted for; run `passport-pipeline sync --hospital {result.key} "
                f"--from {difference.day:%Y-%m} --to {difference.day:%Y-%m}{' --full' if difference.full else ''}`",
                soft_wrap=True,
            )
        if len(result.differences) > 20:
            console.print(f"{result.key}: and {len(result.differences) - 20} more days")


def status_table(statuses: Sequence[HospitalStatus]) -> None:
    """Print what the passport holds of each hospital."""
    table = Table(title="The passport, by hospital")
    for name in ("hospital", "windows", "last day", "loaded", "attached", "parked", "skipped", "last sync (UTC)"):
        table.add_column(name, justify="left" if name == "hospital" else "right", overflow="fold")
    for one in statuses:
        table.add_row(
            one.key,
            str(one.windows),
            one.last_day.isoformat() if one.last_day else "-",
            str(one.loaded),
            str(one.attached),
            by_reason(one.parked),
            by_reason(one.skipped),
            f"{one.last_sync:%Y-%m-%d %H:%M:%S}" if one.last_sync else "never",
        )
    output().print(table)


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


def timeline_table(entries: Sequence[Entry]) -> None:
    """Print one patient's passport. Of generated people only: it shows what doctors would see."""
    table = Table(title="One patient's passport, across hospitals")
    for name in ("when", "hospital", "type", "what", "clinician"):
        table.add_column(name, overflow="fold" if name == "what" else "ellipsis", no_wrap=name != "what")
    for entry in entries:
        text = entry.text if len(entry.text) <= 80 else entry.text[:79] + "…"
        table.add_row(entry.when[:16].replace("T", " "), entry.hospital, entry.type, text, entry.clinician)
    output().print(table)
