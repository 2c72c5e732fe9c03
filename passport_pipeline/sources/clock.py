"""A record system's clock against this machine's.

What belongs here: the two, and how far they are apart. What does not: reading them (a record system), what is too far
off (config.settings), what the hospital's zone should be (config.hospitals).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Clock:
    """The server's clock against this machine's, both taken at once.

    `local` is the server's local time, `utc` its UTC, `here` this machine's UTC; all without a zone.
    """

    local: datetime
    utc: datetime
    here: datetime
    time_zone: str
    system_time_zone: str

    @property
    def skew(self) -> float:
        """Seconds that the server's clock is ahead of this machine's; negative where it is behind."""
        return (self.utc - self.here).total_seconds()
