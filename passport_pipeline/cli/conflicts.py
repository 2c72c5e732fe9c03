"""`conflicts`: what a doctor and a hospital both changed, and deciding it.

What belongs here: arguments, tables and exit codes of these commands. What does not: what a conflict is
(passport.conflicts.conflict), which there are (queue), what deciding one does (resolve).

Only `conflicts show --values` prints values, on standard output; all else prints names of fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passport_pipeline.cli.options import ByOption, HospitalOption, JsonOption, failing_in_json, month, print_json
from passport_pipeline.core.errors import ConfigurationError, PipelineError
from passport_pipeline.core.terminal import complain, say, shown

if TYPE_CHECKING:
    from passport_pipeline.passport.conflicts.queue import Conflict
    from passport_pipeline.passport.conflicts.resolve import Outcome

conflicts_app = typer.Typer(help="Records that a doctor and a hospital both changed.", no_args_is_help=True)

WindowOption = Annotated[
    str | None, typer.Option("--window", help="Only this month, YYYY-MM.", callback=month, metavar="MONTH")
]
NONE = "0 conflicts: none matches"
STATES = ("open", "resolved", "withdrawn", "any")


@conflicts_app.command("list", epilog="Example: passport-pipeline conflicts list --hospital central")
@failing_in_json
def list_conflicts(
    hospital: HospitalOption = None,
    window: WindowOption = None,
    state: Annotated[str, typer.Option("--state", help=f"{', '.join(STATES)}.", metavar="STATE")] = "open",
    limit: Annotated[int, typer.Option("--limit", help="At most so many lines.", min=1)] = 100,
    as_json: JsonOption = False,
) -> None:
    """List conflicts: where, of which type, which fields differ, and since when. No values."""
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.conflicts.queue import listed

    if state not in STATES:
        raise ConfigurationError(f"--state is one of {', '.join(STATES)}")
    connections = Connections()
    keys = [connections.hospital(key).key for key in hospital or ()]
    conflicts = listed(connections.passport, connections.passport.now(), hospitals=keys, month=window, state=state)
    if as_json:
        shown = [conflict.to_json() for conflict in conflicts[:limit]]
        print_json({"ok": True, "count": len(conflicts), "conflicts": shown})
    else:
        _print_list(conflicts, limit)


@conflicts_app.command(epilog="Example: passport-pipeline conflicts show 690c1a2b3c4d5e6f70819203 --values")
@failing_in_json
def show(
    conflict_id: Annotated[str, typer.Argument(help="As `conflicts list` prints it.", metavar="ID")],
    values: Annotated[
        bool, typer.Option("--values", help="Also what both sides say: a patient's data, for your eyes only.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one conflict: its fields, and its history."""
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.conflicts.queue import ConflictRef, read_conflict

    ref = ConflictRef.parse(conflict_id)
    passport = Connections().passport
    conflict = read_conflict(passport, ref, passport.now())
    if conflict is None:
        raise PipelineError(f"there is no conflict {ref.id}; see `conflicts list --state any`")
    if as_json:
        print_json({"ok": True, **conflict.to_json(values=values)})
    else:
        _print_one(conflict, values=values)


@conflicts_app.command(
    epilog="Example: passport-pipeline conflicts resolve 690c1a2b3c4d5e6f70819203@1 --take theirs --field details=ours"
)
@failing_in_json
def resolve(
    *,
    by: ByOption,
    ids: Annotated[
        list[str] | None,
        typer.Argument(help="As `conflicts list` prints them: with @ and a number, only as shown there.", metavar="ID"),
    ] = None,
    take: Annotated[
        str | None, typer.Option(help="theirs (the application's) or ours (the hospital's).", metavar="SIDE")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="For this field another side; may be repeated.", metavar="NAME=SIDE"),
    ] = None,
    hospital: HospitalOption = None,
    window: WindowOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be decided.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Decide conflicts: those that are named, or all open ones of a hospital or month. Exit 1 where one was not."""
    from secrets import token_hex

    from passport_pipeline.cli.consoles import errors
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.conflicts.decision import Decision
    from passport_pipeline.passport.conflicts.queue import choose
    from passport_pipeline.passport.conflicts.resolve import resolve_all

    decision, connections = Decision.parse(take, _fields(field or ())), Connections()
    keys = [connections.hospital(key).key for key in hospital or ()]
    now = connections.passport.now()
    chosen = choose(connections.passport, now, ids=ids or (), hospitals=keys, month=window)
    with errors(quiet=as_json).status(f"deciding {len(chosen)} conflicts"):
        outcomes = resolve_all(
            *(connections.passport, chosen, decision, by),
            settings=connections.settings,
            hospital_of=connections.hospital,
            run_id=f"cli-{token_hex(4)}",
            now=now,
            dry_run=dry_run,
        )
    _print_outcomes(outcomes, as_json=as_json)


def _fields(named: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for text in named:
        # The argument is not quoted: it may hold a value.
        name, equals, side = text.rpartition("=")
        if not (name and equals):
            raise ConfigurationError("--field is written NAME=theirs or NAME=ours, for example --field details=ours")
        if fields.setdefault(name, side) != side:
            raise ConfigurationError(f"--field names {name} twice, with different sides")
    return fields


def _print_list(conflicts: Sequence[Conflict], limit: int) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output
    from passport_pipeline.cli.tables import minute
    from passport_pipeline.passport.conflicts.queue import EDITED

    if not conflicts:
        say(NONE)
        return
    table = Table(title=f"Conflicts: {len(conflicts)} (times in UTC)")
    table.add_column("id", no_wrap=True)
    for name in ("hospital", "day", "type", "fields that differ", "since", "state"):
        table.add_column(name, overflow="fold")
    for each in conflicts[:limit]:
        differs = ", ".join(each.fields) if each.kind == EDITED else f"({each.kind})"
        cells = (str(each.ref), each.hospital, each.day, each.type, differs, minute(each.since))
        table.add_row(*cells, f"{each.state}: {each.decision}" if each.decision else each.state)
    output().print(table)
    if len(conflicts) > limit:
        say(f"and {len(conflicts) - limit} more; see --limit")


def _print_one(conflict: Conflict, *, values: bool) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output
    from passport_pipeline.cli.tables import minute

    about = f"{conflict.hospital} {conflict.day}, {conflict.type}, {conflict.kind}, {conflict.state}"
    table = Table(title=f"{conflict.ref}: {about}")
    for name in ("field", "", *(("theirs (the application's)", "ours (the hospital's)") if values else ())):
        table.add_column(name, overflow="fold")
    for name in dict.fromkeys([*conflict.theirs, *conflict.ours]):
        both = [_value(side, name) for side in (conflict.theirs, conflict.ours)] if values else []
        table.add_row(name, _where(conflict, name), *both)
    output().print(table)
    for entry in conflict.history:
        who = f" by {shown(entry['by'])}" if "by" in entry else ""
        say(f"{minute(entry['at'])} UTC {entry['state']}{who}")
    if conflict.decision:
        say(f"decision: {shown(conflict.decision)}")


def _value(side: Mapping[str, Any], name: str) -> str:
    return str(side[name]) if name in side else ""


def _where(conflict: Conflict, name: str) -> str:
    if name in conflict.added:
        return "added"
    if name not in conflict.theirs or name not in conflict.ours:
        return "only theirs" if name in conflict.theirs else "only ours"
    return "differs" if name in conflict.fields else "same"


def _print_outcomes(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    done = all(outcome.done for outcome in outcomes)
    counts = Counter(outcome.result.value for outcome in outcomes)
    if as_json:
        print_json({"ok": done, "counts": counts, "conflicts": [outcome.to_json() for outcome in outcomes]})
    else:
        for outcome in outcomes:
            (say if outcome.done else complain)(f"{outcome.conflict}: {outcome.message}")
        say(", ".join(f"{count} {result}" for result, count in sorted(counts.items())) or NONE)
    if not done:
        raise typer.Exit(1)
