"""Days that are behind: since when each day of a hospital has not been up to date.

What belongs here: this measure. What does not: comparing days (detection), and when a hospital is stale for it
(hospitals.staleness).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from passport_pipeline.passport.days.state import DayRecord

# Days whose times are kept: the one that has been behind for the longest counts, so a few will do.
BEHIND_KEPT = 100


def behind(
    days: Iterable[date], here: Mapping[date, DayRecord], before: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """Since when each of these days, which are not in line `now`, has been behind: by ISO date, the oldest first.

    `here` is what the passport recorded, `before` what this said at the last look. A day into which rows keep coming
    is never in line at a look, so its time begins anew whenever a run has recorded it.
    """
    since: dict[str, datetime] = {}
    for day in days:
        begun = before.get(day.isoformat(), now)
        last = here[day].recorded_at if day in here else None
        since[day.isoformat()] = max(begun, last) if last else begun
    return dict(sorted(since.items(), key=lambda item: item[1])[:BEHIND_KEPT])
