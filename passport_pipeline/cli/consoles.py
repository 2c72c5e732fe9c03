"""Consoles for tables and bars that print every text as it is.

Rich reads `[red]` and `:smile:` in any text as commands, and passes control characters on. The consoles here do
neither, for every text that is printed or in a table, so that no command has to escape any.

What belongs here: consoles, bars, coloured words. What does not: what they show (cli.tables and the commands).
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn
from rich.status import Status
from rich.text import Text

from passport_pipeline.core.terminal import shown, shown_lines

WIDTH_OF_A_FILE = 132


class PlainConsole(Console):
    """A console that shows every text as it is, with control characters escaped."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As Rich calls it for every text that is no `Text`."""
        return super().render_str(shown_lines(text), **{**options, "markup": False, "emoji": False})

    def status(self, status: Any, **options: Any) -> Status:
        """A spinner beside a text."""
        return super().status(self.render_str(status), **options)


def output() -> PlainConsole:
    """Standard output; wide enough for a table where it is no terminal."""
    console = PlainConsole()
    return console if console.is_terminal else PlainConsole(width=WIDTH_OF_A_FILE)


def errors(*, quiet: bool = False) -> PlainConsole:
    """Standard error, or nothing."""
    return PlainConsole(stderr=True, quiet=quiet)


def coloured(text: object, style: str) -> Text:
    """A word in a colour."""
    return Text(shown(text), style=style)


def bars(counting: ProgressColumn, *, quiet: bool = False, transient: bool = False) -> Progress:
    """Progress bars on standard error: what is done, the bar, how far it is, how long it has taken."""
    columns = (_Description(), BarColumn(), counting, TimeElapsedColumn())
    return Progress(*columns, console=errors(quiet=quiet), transient=transient)


class _Description(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(shown(task.description))
