"""`leases`: which run is at which window, and releasing what no run will give back.

What belongs here: arguments and tables of these commands. What does not: what a lease is (passport.leases), what
releasing does (passport.releasing).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from passport_pipeline.cli.options import ByOption, HospitalOption, JsonOption, failing_in_json, month, print_json
from passport_pipeline.core.terminal import say, shown

if TYPE_CHECKING:
    from passport_pipeline.passport.days.lease_release import Held, Release

RELEASES_SHOWN = 20

leases_app = typer.Typer(help="Which run is at which window: one at a time holds its lease.", no_args_is_help=True)


@leases_app.command("list", epilog="Example: passport-pipeline leases list --hospital central")
@failing_in_json
def list_leases(hospital: HospitalOption = None, as_json: JsonOption = False) -> None:
    """List the windows that a run holds: which run, since when, and until when if it shows no more sign of life; and
    the latest leases that somebody released, with who and why.

    A lease is renewed while its run lives and runs out within PASSPORT_LEASE_SECONDS when it dies. One that ends much
    later was given while MongoDB's clock was ahead: `leases release` frees the window.
    """
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.days.lease_release import held_leases, releases

    with closing(Connections()) as connections:
        keys = hospital or ()
        held, released = held_leases(connections.passport, keys), releases(connections.passport, keys)
    if as_json:
        told = {"leases": [one.to_json() for one in held], "released": [one.to_json() for one in released]}
        print_json({"ok": True, **told})
    else:
        _print(held, released[:RELEASES_SHOWN])


@leases_app.command(
    epilog="Example: passport-pipeline leases release central --month 2025-11 --reason 'the clock was a year ahead'"
)
def release(
    key: Annotated[str, typer.Argument(help="The hospital's key.", metavar="KEY", show_default=False)],
    window: Annotated[
        str, typer.Option("--month", help="The window, YYYY-MM.", callback=month, metavar="MONTH", show_default=False)
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the lease.", show_default=False)],
    by: ByOption,
) -> None:
    """Take a window from the run that holds it, so that other runs may have it. For a run that is gone: one that still
    lives changes nothing more, and fails.
    """
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.days import lease_release

    with closing(Connections()) as connections:
        done = lease_release.release(connections.passport, key, window, reason, by)
    say(
        f"{key} {window} is free: the lease of run {done.lease.holder}, which ended at "
        f"{done.lease.expires:%Y-%m-%d %H:%M} UTC, was released by {shown(done.by)} ({shown(done.reason)})"
    )


def _print(held: Sequence[Held], released: Sequence[Release]) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output
    from passport_pipeline.cli.tables import minute

    if not held:
        say("No run is at any window")
    else:
        table = Table(title="Windows that a run is at (times in UTC)")
        for name in ("hospital", "month", "run", "since", "until, unless renewed"):
            table.add_column(name, overflow="fold")
        for one in held:
            table.add_row(one.hospital, one.month, one.holder, minute(one.since), minute(one.expires))
        output().print(table)
    if released:
        table = Table(title="Released by hand (times in UTC)")
        for name in ("hospital", "month", "run", "released", "by", "reason"):
            table.add_column(name, overflow="fold")
        for entry in released:
            lease = entry.lease
            table.add_row(lease.hospital, lease.month, lease.holder, minute(entry.at), entry.by, entry.reason)
        output().print(table)
