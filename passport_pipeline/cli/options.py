"""What several commands share: options, the hospitals that they choose, JSON.

What belongs here: that. What does not: a command (cli.commands and the modules of its groups), a table (cli.tables).
"""

from __future__ import annotations

import functools
import getpass
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from passport_pipeline.core.errors import ConfigurationError, described

if TYPE_CHECKING:
    from passport_pipeline.config.hospitals import Hospital
    from passport_pipeline.connections.run import Connections

P = ParamSpec("P")

HospitalOption = Annotated[
    list[str] | None, typer.Option("--hospital", "-H", help="Only this hospital; may be repeated.", metavar="KEY")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's account may have no name
        return "operator"


ByOption = Annotated[str, typer.Option("--by", help="Who decided it.", default_factory=_account, show_default="you")]


def needing_the_sample(command: Callable[P, None]) -> Callable[P, None]:
    """A command that needs passport_sample: without it, one message says how to install it."""

    @functools.wraps(command)
    def checked(*arguments: P.args, **options: P.kwargs) -> None:
        if find_spec("passport_sample") is None:
            raise ConfigurationError("the sample is not installed here: pip install 'passport-pipeline[demo]'")
        command(*arguments, **options)

    return checked


def month(value: str | None) -> str | None:
    """The callback of an option that takes a month, `YYYY-MM`."""
    from passport_pipeline.config.settings import month as checked

    try:
        return None if value is None else checked(value)
    except ValueError:
        raise typer.BadParameter("a month is written YYYY-MM, for example 2025-11") from None


FirstOption = Annotated[
    str | None, typer.Option("--from", help="First month, YYYY-MM.", callback=month, metavar="MONTH")
]
LastOption = Annotated[str | None, typer.Option("--to", help="Last month, YYYY-MM.", callback=month, metavar="MONTH")]


def chosen_hospitals(connections: Connections, keys: list[str] | None) -> list[Hospital]:
    """The hospitals with these keys, else all that are enabled. Raises ConfigurationError."""
    if keys:
        return [connections.hospital(key) for key in dict.fromkeys(keys)]
    enabled = [hospital for hospital in connections.hospitals.values() if hospital.enabled]
    if not enabled:
        raise ConfigurationError(f"no hospital in {connections.settings.hospitals_file} is enabled")
    return enabled


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def failing_in_json(command: Callable[P, None]) -> Callable[P, None]:
    """With --json, an error that ends the command is a JSON document too; its message goes to stderr as always."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except typer.Exit:
            raise
        except Exception as error:
            if kwargs.get("as_json"):
                print_json({"ok": False, "error": described(error), "hospitals": []})
            raise

    return wrapped
