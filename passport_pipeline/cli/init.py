"""`init`: the contract put in place in the passport's MongoDB, and taken out again.

What belongs here: asking, and the table. What does not: what is done (passport.mongo.contract).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from passport_pipeline.cli.options import print_json
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.core.terminal import say

if TYPE_CHECKING:
    from passport_pipeline.passport.mongo.contract import Change

QUESTION = (
    "Collections that the application shares get their own rules back, and lose the indexes that the pipeline made. "
    "No document is touched. Any run, sensor or command of the pipeline puts everything in place again; restart the "
    "application, so that it makes the indexes that it needs. Go on?"
)


def initialise(*, undo: bool, yes: bool, as_json: bool) -> None:
    """Put the contract in place, or with `undo` take it out of what the application shares; print what was done.

    `undo` asks first, unless `yes` is given. Raises ConfigurationError where --json rules a question out, typer.Abort
    where the answer is no, PassportError.
    """
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.mongo.database import Passport

    settings = Connections().settings
    if undo and not yes:
        if as_json:
            raise ConfigurationError("init --undo --json cannot ask; add --yes to confirm")
        typer.confirm(f"{settings.mongo_database}: {QUESTION}", abort=True)
    with Passport.connect(settings) as passport:
        changes = passport.undo() if undo else passport.ensure(count_invalid=True)
    if as_json:
        print_json({"ok": True, "collections": [change.to_json() for change in changes]})
    else:
        _print(changes, undo=undo)


def _print(changes: Iterable[Change], *, undo: bool) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output

    table = Table(title="What was put back" if undo else "What was put in place")
    for name in ("collection", "rules", "indexes removed" if undo else "indexes made"):
        table.add_column(name, overflow="fold")
    if not undo:
        table.add_column("documents that do not fit", justify="right")
    listed = [change for change in changes if change or change.invalid]
    for change in listed:
        row = (change.collection, change.rules or "unchanged", "\n".join(change.indexes) or "-")
        table.add_row(*row, *(() if undo else (change.invalid_count,)))
    if listed:
        output().print(table)
    else:
        say(f"Nothing is to be {'put back' if undo else 'changed: everything is in place'}")
