"""`parked`: what could not be brought into a passport, why, and trying it again.

What belongs here: arguments, tables and exit codes of these commands. What does not: what a parked row is
(passport.parked.rows), choosing rows and making them due (passport.parked.replay).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from passport_pipeline.cli.options import (
    ByOption,
    HospitalOption,
    JsonOption,
    chosen_hospitals,
    failing_in_json,
    month,
    print_json,
)
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.core.terminal import complain, say, shown

if TYPE_CHECKING:
    from passport_pipeline.cli.sync import OnWindow
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.parked.replay import Group, Replay, Row, Selection
    from passport_pipeline.runner.in_process import HospitalRun, InProcess

NONE = "no parked row matches (0 rows)"
WIDTH_OF_A_ROW = 170

parked_app = typer.Typer(help="Rows that could not be brought into a passport.", no_args_is_help=True)

WindowOption = Annotated[
    str | None, typer.Option("--window", help="Only this month, YYYY-MM.", callback=month, metavar="MONTH")
]
ReasonOption = Annotated[
    list[str] | None, typer.Option("--reason", help="Only this reason; may be repeated.", metavar="CODE")
]
StateOption = Annotated[str | None, typer.Option("--state", help="Only `parked` or `exhausted` ones.", metavar="STATE")]


@parked_app.command(
    "list", epilog="Example: passport-pipeline parked list --hospital central --reason invalid_document"
)
@failing_in_json
def list_parked(
    *,
    hospital: HospitalOption = None,
    window: WindowOption = None,
    reason: ReasonOption = None,
    state: StateOption = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many lines.", min=1)] = 100,
    one_by_one: Annotated[bool, typer.Option("--rows", help="One line for each, not counts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is parked, by hospital, window and reason: records, attempts, when it was first and last seen."""
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.parked.replay import Selection, groups, rows

    with closing(Connections()) as connections:
        keys = [connections.hospital(key).key for key in hospital or ()]
        selection = Selection(reasons=reason or (), hospitals=keys, window=window, state=state)
        counted = groups(connections.passport, selection)
        listed = rows(connections.passport, selection, limit) if one_by_one else []
    records = _records(counted)
    if as_json:
        shown = {"rows": listed} if one_by_one else {"groups": counted[:limit]}
        lists = {name: [item.to_json() for item in items] for name, items in shown.items()}
        print_json({"ok": True, "records": records, **lists})
    elif one_by_one:
        _print_rows(listed, records)
    else:
        _print_groups(counted, limit, f"{records} parked")


@parked_app.command(
    epilog="Example: passport-pipeline parked replay --reason unknown_patient --hospital central --dry-run"
)
@failing_in_json
def replay(
    *,
    by: ByOption,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="This parked row, or observation's uuid; may be repeated.")
    ] = None,
    reason: ReasonOption = None,
    hospital: HospitalOption = None,
    window: WindowOption = None,
    state: StateOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All parked rows.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be tried.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try parked rows again now, whatever they wait for, exhausted ones too: runs their windows in this process.

    What loads is parked no longer.
    """
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.parked.replay import Selection, groups

    selection = Selection(ids or (), reason or (), hospital or (), window, state)
    if bool(selection) == everything:
        raise ConfigurationError(
            "say which parked rows: --id, --reason, --hospital, --window, --state, or --all without any of these"
        )
    with closing(Connections()) as connections:
        narrowed = _that_can_run(connections, selection)
        parked = groups(connections.passport, narrowed) if narrowed else []
        left_out = _records(groups(connections.passport, selection)) - _records(parked)
        if dry_run or narrowed is None or not parked:
            _show_plan(parked, left_out, as_json=as_json)
            return
        done, runs = _run_again(connections, narrowed, by, parked, quiet=as_json)
        _show_outcome(connections, done, runs, left_out, as_json=as_json)


def _that_can_run(connections: Connections, selection: Selection) -> Selection | None:
    """The selection without hospitals that take no part and months that are no partitions; None if nothing is left."""
    from dataclasses import replace as replaced

    from passport_pipeline.core.windows import last_month
    from passport_pipeline.passport.hospitals.state import hospital_states

    chosen = chosen_hospitals(connections, list(selection.hospitals))
    states = hospital_states(connections.passport, (hospital.key for hospital in chosen))
    for state in (states[hospital.key] for hospital in chosen if not states[hospital.key].active):
        complain(f"{state.key} is left out: {shown(state.description)}")
    keys = [hospital.key for hospital in chosen if states[hospital.key].active]
    months = (connections.settings.first_month, last_month())
    return replaced(selection, hospitals=keys, months=months) if keys else None


def _run_again(
    connections: Connections, selection: Selection, by: str, parked: Sequence[Group], *, quiet: bool
) -> tuple[Replay, list[HospitalRun]]:
    from passport_pipeline.cli.sync import with_progress
    from passport_pipeline.core.windows import Window
    from passport_pipeline.passport.parked.replay import mark_due
    from passport_pipeline.runner.sync import run_windows

    marked: list[Replay] = []

    def run(in_process: InProcess, on_window: OnWindow) -> list[HospitalRun]:
        marked.append(mark_due(connections.passport, selection, by, connections.passport.now()))
        rows: Counter[Window] = Counter()
        for group in marked[0].before:
            rows[Window(group.hospital, group.window)] += group.rows
        return run_windows(in_process, rows, on_window=on_window)

    runs = with_progress(connections, sorted({group.hospital for group in parked}), run, quiet=quiet)
    return marked[0], runs


def _show_plan(parked: Sequence[Group], left_out: int, *, as_json: bool) -> None:
    windows = len({(group.hospital, group.window) for group in parked})
    if as_json:
        plan = {"records": _records(parked), "windows": windows, "leftOut": left_out}
        print_json({"ok": True, "dryRun": True, **plan, "groups": [group.to_json() for group in parked]})
        return
    _print_groups(parked, len(parked), f"{_records(parked)} would be tried again, in {windows} windows")
    _print_left_out(left_out)


def _show_outcome(
    connections: Connections, done: Replay, runs: Sequence[HospitalRun], left_out: int, *, as_json: bool
) -> None:
    from passport_pipeline.passport.parked.replay import still_parked

    again = still_parked(connections.passport, done)
    before, after = _by_reason(done.before), _by_reason(again)
    cleared = done.records - _records(again)
    failed = [run for run in runs if run.failures]
    if as_json:
        print_json(
            {
                "ok": not failed,
                "dryRun": False,
                "records": done.records,
                "windows": len(done.windows),
                "leftOut": left_out,
                "cleared": cleared,
                "before": before,
                "parkedAgain": after,
                "failures": [failure for run in failed for failure in run.failures],
            }
        )
    else:
        _print_outcome(before, after)
        say(f"{cleared} of {done.records} parked rows cleared")
        _print_left_out(left_out)
    if failed:
        complain("what failed stays due: it is tried again by the next run of its window")
        raise typer.Exit(failed[0].exit_code or 1)


def _records(parked: Sequence[Group]) -> int:
    return sum(group.records for group in parked)


def _by_reason(parked: Sequence[Group]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for group in parked:
        counts[group.reason] += group.records
    return counts


def _print_left_out(left_out: int) -> None:
    if left_out:
        complain(
            f"{left_out} are left out: their hospital is not enabled or takes no part, or there is no window of their "
            "month"
        )


def _print_groups(parked: Sequence[Group], limit: int, title: str) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output
    from passport_pipeline.cli.tables import minute

    if not parked:
        say(NONE)
        return
    table = Table(title=f"{title} (times in UTC)")
    for name in ("hospital", "window", "reason", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("records", "rows", "attempts", "first seen", "last seen", "waits for"):
        table.add_column(name, justify="right", overflow="fold")
    for group in parked[:limit]:
        fewest, most = group.attempts
        table.add_row(
            *(group.hospital, group.window, group.reason, group.state, str(group.records), str(group.rows)),
            str(most) if fewest == most else f"{fewest}-{most}",
            *(minute(group.first_seen), minute(group.last_seen), _waits_for(group)),
        )
    output().print(table)
    if len(parked) > limit:
        say(f"and {len(parked) - limit} more lines; see --limit")


def _print_rows(listed: Sequence[Row], records: int) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output

    if not listed:
        say(NONE)
        return
    table = Table(title=f"{len(listed)} of {records} parked (times in UTC)", box=None)
    for name in ("id", "observation", "hospital", "day", "reason", "attempts", "waits for", "state"):
        table.add_column(name, no_wrap=True)
    for row in listed:
        cells = (row.id, row.row_uuid, row.hospital, row.day, row.reason, str(row.attempts))
        table.add_row(*cells, _waits_for(row), row.state)
    console = output()
    console.width = max(console.width, WIDTH_OF_A_ROW)  # ids are there to be copied: one line each
    console.print(table)


def _waits_for(parked: Group | Row) -> str:
    """Until when, or for what, it waits; exhausted rows for an operator."""
    from passport_pipeline.cli.tables import minute
    from passport_pipeline.passport.parked.retry_policy import EXHAUSTED, WAITS_FOR

    if parked.state == EXHAUSTED:
        return "an operator"
    return minute(parked.next_attempt) if parked.next_attempt else WAITS_FOR.get(parked.reason, "-")


def _print_outcome(before: Counter[str], after: Counter[str]) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output

    table = Table(title="Parked records that were tried again")
    for name in ("reason", "before", "parked again"):
        table.add_column(name, justify="left" if name == "reason" else "right")
    for reason in sorted(before | after):
        table.add_row(reason, str(before[reason]), str(after[reason]))
    output().print(table)
