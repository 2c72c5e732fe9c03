"""Which day and time a reader sees for a date.

What belongs here: how a browser reads the dates of a record. What does not: which of them a page shows (history,
other_pages).
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

HOME = ZoneInfo("Africa/Kigali")
"""Where a reader is, if nobody says otherwise."""


def as_read(value: object, reader: tzinfo = HOME) -> datetime | None:
    """A date by the reader's wall clock, without zone; None where it is absent or no date.

    Text with a time and no zone is the reader's own time; a day alone is midnight UTC; a BSON date is an instant (UTC
    where it is naive). The contract leaves open which other texts are dates; besides ISO, only 11/28/2026 is one here.
    """
    if isinstance(value, datetime):
        return _moved(value if value.tzinfo else value.replace(tzinfo=UTC), reader)
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return _american(value)
    if read.tzinfo:
        return _moved(read, reader)
    return read if "T" in value or ":" in value else _moved(read.replace(tzinfo=UTC), reader)


def _moved(instant: datetime, reader: tzinfo) -> datetime | None:
    """None for an instant whose local time no calendar has: before year 1 or after 9999."""
    try:
        return instant.astimezone(reader).replace(tzinfo=None)
    except OverflowError:
        return None


def _american(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%m/%d/%Y")  # noqa: DTZ007 - the reader's own midnight
    except ValueError:
        return None
