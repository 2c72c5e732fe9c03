"""Named fault points: what a run sends to MongoDB and MariaDB, and the files that it puts in place.

    mongodb:insert:medicalrecords   mariadb:select:obs   file:replace:obs_batch   file:remove:obs_batch

Each has two stages: `before` it is sent, and `after` it was acknowledged. What belongs here: observing them. What does
not: the faults.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pymongo import monitoring

BEFORE, AFTER = "before", "after"
READS = (
    "find",
    "getMore",
    "aggregate",
    "count",
    "distinct",
    "listCollections",
    "listIndexes",
    "ping",
    "hello",
    "endSessions",
)

See = Callable[[str, str], None]


def is_write(name: str) -> bool:
    """Whether something is changed by passing this point."""
    kind, command, _ = name.split(":", 2)
    return kind == "file" or (kind == "mongodb" and command not in READS)


def at(name: str, stage: str, number: int, happen: Callable[[], None]) -> See:
    """Call something when this point is passed for the `number`-th time."""
    passed: Counter[tuple[str, str]] = Counter()

    def see(passing: str, where: str) -> None:
        passed[passing, where] += 1
        if (passing, where) == (name, stage) and passed[passing, where] == number:
            happen()

    return see


def die() -> None:
    """kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


class _Commands(monitoring.CommandListener):
    """Clients keep the listeners that there were when they were made, so there is one for good."""

    def __init__(self) -> None:
        self.see: See | None = None
        self._under_way: dict[int, str] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.see:
            about = event.command.get("collection") or event.command.get(event.command_name)
            name = f"mongodb:{event.command_name}:{about if isinstance(about, str) else ''}"
            self._under_way[event.request_id] = name
            self.see(name, BEFORE)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        name = self._under_way.pop(event.request_id, None)
        if self.see and name:
            self.see(name, AFTER)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._under_way.pop(event.request_id, None)


_COMMANDS: list[_Commands] = []


@contextmanager
def watching(batches: str, see: See) -> Iterator[None]:
    """Have `see(name, stage)` called at every fault point of this process, in the thread that passes it; MongoDB's of
    clients that are made inside. `batches` is the folder of raw batches.
    """
    if not _COMMANDS:
        _COMMANDS.append(_Commands())
        monitoring.register(_COMMANDS[0])
    statements = {"before_cursor_execute": _statement(see, BEFORE), "after_cursor_execute": _statement(see, AFTER)}
    replace, remove = os.replace, os.unlink

    def replacing(source: Any, place: Any, **keywords: Any) -> None:
        _file(see, "replace", batches, place, lambda: replace(source, place, **keywords))

    def removing(place: Any, **keywords: Any) -> None:
        _file(see, "remove", batches, place, lambda: remove(place, **keywords))

    _COMMANDS[0].see = see
    for name, listener in statements.items():
        sa.event.listen(sa.Engine, name, listener)
    os.replace, os.unlink, os.remove = replacing, removing, removing
    try:
        yield
    finally:
        _COMMANDS[0].see = None
        for name, listener in statements.items():
            sa.event.remove(sa.Engine, name, listener)
        os.replace, os.unlink, os.remove = replace, remove, remove


def _statement(see: See, stage: str) -> Callable[..., None]:
    def listener(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.dialect.name == "mysql":  # not Dagster's own
            table = re.search(r"\bFROM\s+`?(\w+)", statement)
            see(f"mariadb:{statement.split(None, 1)[0].lower()}:{table[1] if table else ''}", stage)

    return listener


def _file(see: See, command: str, batches: str, place: Any, do: Callable[[], None]) -> None:
    path = Path(os.fspath(place))
    if not path.is_relative_to(batches) or path.suffix == ".partial":
        do()
        return
    stem = re.match(r"[a-z]+(-[a-z]+)*", path.stem)
    name = f"file:{command}:{stem[0] if stem else 'obs_batch'}"
    see(name, BEFORE)
    do()
    see(name, AFTER)
