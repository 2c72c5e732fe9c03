"""Lines of text for a terminal, with escapes, so that no text from elsewhere can control the terminal.

Names, reasons, error texts and what is read of a hospital may hold control characters (colours, titles, links, an
erased line) and marks that change the direction of what follows. They are shown as escapes: `\\x1b`, `\\u202e`.

What belongs here: escaping, and writing lines. What does not: tables and bars (cli.consoles), JSON (cli.options),
which escapes by itself.
"""

from __future__ import annotations

import re
import sys
import unicodedata

_UNUSUAL = re.compile(r"[^ -~]")
_UNUSUAL_IN_LINES = re.compile(r"[^ -~\n]")
_CONTROLS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of control and format characters, surrogates, and separators of lines and paragraphs."""
_JOINERS = "\u200c\u200d"
"""Format characters that Persian and Indian languages need."""


def shown(text: object) -> str:
    """Any value as one line without control characters. A text that was escaped already stays as it is."""
    return _UNUSUAL.sub(_escaped, str(text))


def shown_lines(text: object) -> str:
    """As `shown`, for text that a command has put together: line breaks stay."""
    return _UNUSUAL_IN_LINES.sub(_escaped, str(text))


def say(text: str) -> None:
    """Write lines to standard output."""
    sys.stdout.write(f"{shown_lines(text)}\n")


def complain(text: str) -> None:
    """Write lines to standard error."""
    sys.stderr.write(f"{shown_lines(text)}\n")


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    controls = unicodedata.category(character) in _CONTROLS and character not in _JOINERS
    return character.encode("unicode_escape").decode() if controls else character
