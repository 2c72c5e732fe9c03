"""The way to a terminal for lines of text: nothing that somebody else wrote can command the terminal.

Names, reasons, error texts and what is read of a hospital may hold control characters (colours, titles, links, an
erased line) and marks that turn the direction of what follows. They are shown as escapes: `\\x1b`, `\\u202e`.

What belongs here: escaping, and writing lines. What does not: tables and bars (cli.consoles), JSON (cli.options),
which escapes by itself.
"""

from __future__ import annotations

import re
import sys
import unicodedata

_UNUSUAL = re.compile(r"[^ -~]")
_LINES_KEPT = re.compile(r"[^ -~\n]")
_COMMANDS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of control and format characters, surrogates, and what parts lines and paragraphs."""
_JOINERS = "\u200c\u200d"
"""Format characters that words of Persian and of Indian languages are written with."""


def shown(text: object) -> str:
    """A value of somebody else's as one line that commands nothing. What is shown already stays as it is."""
    return _UNUSUAL.sub(_escaped, str(text))


def shown_lines(text: object) -> str:
    """Lines that commands put together: as `shown`, but they stay lines."""
    return _LINES_KEPT.sub(_escaped, str(text))


def say(text: str) -> None:
    """Write lines to standard output."""
    sys.stdout.write(f"{shown_lines(text)}\n")


def complain(text: str) -> None:
    """Write lines to standard error."""
    sys.stderr.write(f"{shown_lines(text)}\n")


def _escaped(found: re.Match[str]) -> str:
    one = found.group()
    commands = unicodedata.category(one) in _COMMANDS and one not in _JOINERS
    return one.encode("unicode_escape").decode() if commands else one
