"""A record system's clock against this machine's.

What belongs here: the two clocks and their difference. What does not: reading them (a record system), which difference
is too large (config.settings), the zone of the hospital (config.hospitals).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Clock:
    """Both clocks, read at the same moment.

    `local` is the server's local time, `utc` its UTC, `here` this machine's UTC; all without a zone.
    """

    local: datetime
    utc: datetime
    here: datetime
    time_zone: str
    system_time_zone: str

    @property
    def skew(self) -> float:
        """Seconds by which the server's clock is ahead of this machine's; negative where it is behind."""
        return (self.utc - self.here).total_seconds()
