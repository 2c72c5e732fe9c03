"""`hospitals`: the registered hospitals, whether they take part, and whether they can.

What belongs here: arguments and exit codes of these commands. What does not: tables (cli.tables), what a state means
(passport.hospitals.state).
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from passport_pipeline.cli.options import (
    ByOption,
    HospitalOption,
    JsonOption,
    chosen_hospitals,
    failing_in_json,
    print_json,
)
from passport_pipeline.core.terminal import say, shown

if TYPE_CHECKING:
    from passport_pipeline.connections.run import Connections

hospitals_app = typer.Typer(help="The registered hospitals.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(help="The hospital's key.", metavar="KEY", show_default=False)]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is stored with the change.", show_default=False)]


@hospitals_app.command("list", epilog="Example: passport-pipeline hospitals list --json")
@failing_in_json
def list_hospitals(as_json: JsonOption = False) -> None:
    """List every hospital: whether it takes part, since when and why, and how it stands."""
    from passport_pipeline.cli.held_concepts import held_concepts_lines, held_json, held_of
    from passport_pipeline.cli.tables import hospitals_table
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.hospitals.state import hospital_states

    with closing(Connections()) as connections:
        states = hospital_states(connections.passport, connections.hospitals)
        held = held_of(connections.batches, states)
    if as_json:
        listed = [
            {"key": key, **_registered(connections, key), **state.to_json(), "heldConcepts": held_json(held, key)}
            for key, state in states.items()
        ]
        print_json({"hospitals": listed})
    else:
        hospitals_table(states.values(), connections.hospitals)
        held_concepts_lines(held)


@hospitals_app.command(epilog="Example: passport-pipeline hospitals pause central --reason 'the server moves'")
def pause(key: KeyArgument, reason: ReasonOption, by: ByOption) -> None:
    """Leave a hospital alone until it is resumed: no survey, no run. Its records stay."""
    _change(key, "paused", reason, by)


@hospitals_app.command(epilog="Example: passport-pipeline hospitals resume central")
def resume(
    key: KeyArgument,
    by: ByOption,
    reason: ReasonOption = "",
    accept_restored: Annotated[
        bool,
        typer.Option("--accept-restored", help="Its database was restored from a backup and is right as it is now."),
    ] = False,
    accept_database: Annotated[
        bool,
        typer.Option(
            "--accept-database",
            help="Its database is its own from now on, though it is known as another hospital's; say why. What is in "
            "the passport under the other key stays, and patients see it twice.",
        ),
    ] = False,
) -> None:
    """Let a hospital take part again, whatever its state; it is surveyed in full first, so nothing is missed."""
    if not accept_database:  # which is to be given a reason
        reason = reason or ("the database is right as it is now" if accept_restored else "resumed")
    _change(key, "active", reason, by, accept_restored=accept_restored, accept_database=accept_database)


@hospitals_app.command(epilog="Example: passport-pipeline hospitals retire central --reason 'closed'")
def retire(key: KeyArgument, reason: ReasonOption, by: ByOption) -> None:
    """Take a hospital out for good: it is no partition any more. Its records stay, and `resume` brings it back."""
    _change(key, "retired", reason, by)


@hospitals_app.command(epilog="Example: passport-pipeline hospitals accept central --reason 'a ward was split off'")
def accept(  # noqa: PLR0917 - whose, who, why, and what of it
    key: KeyArgument,
    by: ByOption,
    reason: ReasonOption = "",
    dictionary: Annotated[
        bool, typer.Option("--dictionary", help="Let changes of its dictionary through that are held back.")
    ] = False,
    concept: Annotated[
        list[int] | None,
        typer.Option("--concept", help="With --dictionary: those of this concept alone (may be repeated)."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --dictionary: show what they concern, and change nothing.")
    ] = False,
) -> None:
    """Let a hospital that is held back lose what it is about to lose, for a day: its windows are loaded as they are.

    With --dictionary, let changes of its dictionary through that are held back, for good: with the next runs all
    records with these concepts say what the dictionary says now.
    """
    if dictionary:
        from passport_pipeline.cli.held_concepts import accept_dictionary

        accept_dictionary(key, reason, by, only=concept or (), dry_run=dry_run)
        return
    if concept or dry_run:
        raise typer.BadParameter("--concept and --dry-run are for --dictionary")
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.hospitals.held_back import accept as accept_loss
    from passport_pipeline.windows.hospital_plausibility import known_now

    with closing(Connections()) as connections:
        known = known_now(key, connections.batches)
        now = accept_loss(connections.passport, connections.hospitals, key, reason, by, known)
    until = f"{now.let_through.until:%Y-%m-%d %H:%M} UTC" if now.let_through else "now"
    say(
        f"{key}: what it loses is let through until {until}; run `passport-pipeline sync --hospital {key}`, "
        "or wait for the sensors"
    )


@hospitals_app.command(epilog="Example: passport-pipeline hospitals check --hospital central")
@failing_in_json
def check(hospital: HospitalOption = None, as_json: JsonOption = False) -> None:
    """Preflight: can each hospital be read, and what will that cost it? Exit 3 where one cannot."""
    from passport_pipeline.cli.tables import preflight_table
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.sources.systems import system_of

    connections = Connections()
    reports = [
        system_of(chosen).preflight(chosen, connections.settings) for chosen in chosen_hospitals(connections, hospital)
    ]
    if as_json:
        print_json({"ok": all(report.ok for report in reports), "hospitals": [r.to_json() for r in reports]})
    else:
        preflight_table(reports)
    if not all(report.ok for report in reports):
        raise typer.Exit(3)


def _change(
    key: str, state: str, reason: str, by: str, *, accept_restored: bool = False, accept_database: bool = False
) -> None:
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.hospitals.state import change_state

    with closing(Connections()) as connections:
        accepted = {"accept_restored": accept_restored, "accept_database": accept_database}
        now = change_state(connections.passport, connections.hospitals, key, state, reason, by, **accepted)
    say(f"{key} is {shown(now.description)}")


def _registered(connections: Connections, key: str) -> dict[str, object]:
    hospital = connections.hospitals.get(key)
    return {"name": hospital.name if hospital else None, "enabled": bool(hospital and hospital.enabled)}
