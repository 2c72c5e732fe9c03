"""Days that are behind: since when each stale day of a hospital has not been up to date.

What belongs here: this measure. What does not: comparing days (detection), and when a hospital is stale because of it
(hospitals.staleness).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from passport_pipeline.passport.days.state import DayRecord

# Only the day that has been behind for the longest counts, so a few are enough.
MOST_DAYS = 100


def behind(
    days: Iterable[date], recorded: Mapping[date, DayRecord], before: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """Since when each of these days, which are not up to date `now`, has been behind: by ISO date, the oldest first.

    `recorded` is what the passport recorded of days, `before` what this returned at the last check. A day into which
    rows keep coming is never up to date at a check, so its time begins anew whenever a run has recorded it.
    """
    since: dict[str, datetime] = {}
    for day in days:
        begun = before.get(day.isoformat(), now)
        last = recorded[day].recorded_at if day in recorded else None
        since[day.isoformat()] = max(begun, last) if last else begun
    return dict(sorted(since.items(), key=lambda item: item[1])[:MOST_DAYS])
