"""`leases`: which run holds which window, and releasing a lease that no run will give back.

What belongs here: arguments and tables of these commands. What does not: what a lease is (passport.days.leases), what
releasing does (passport.days.lease_release).
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

leases_app = typer.Typer(help="Which run holds which window: one run at a time has its lease.", no_args_is_help=True)


@leases_app.command("list", epilog="Example: passport-pipeline leases list --hospital central")
@failing_in_json
def list_leases(hospital: HospitalOption = None, as_json: JsonOption = False) -> None:
    """List the windows that a run holds: which run, since when, and until when if it shows no more sign of life; and
    the latest leases that were released by hand, with who and why.

    A lease is renewed while its run lives and runs out within PASSPORT_LEASE_SECONDS when it dies. One that ends much
    later was given while MongoDB's clock was ahead: `leases release` frees the window.
    """
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.days.lease_release import held_leases, releases

    with closing(Connections()) as connections:
        keys = hospital or ()
        held, released = held_leases(connections.passport, keys), releases(connections.passport, keys)
    if as_json:
        leases = [lease.to_json() for lease in held]
        print_json({"ok": True, "leases": leases, "released": [entry.to_json() for entry in released]})
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
    reason: Annotated[str, typer.Option("--reason", help="Why; it is stored with the lease.", show_default=False)],
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
        say("No run holds any window")
    else:
        table = Table(title="Windows that a run holds (times in UTC)")
        for name in ("hospital", "month", "run", "since", "until, unless renewed"):
            table.add_column(name, overflow="fold")
        for lease in held:
            table.add_row(lease.hospital, lease.month, lease.holder, minute(lease.since), minute(lease.expires))
        output().print(table)
    if released:
        table = Table(title="Released by hand (times in UTC)")
        for name in ("hospital", "month", "run", "released", "by", "reason"):
            table.add_column(name, overflow="fold")
        for entry in released:
            lease = entry.lease
            table.add_row(lease.hospital, lease.month, lease.holder, minute(entry.at), entry.by, entry.reason)
        output().print(table)
