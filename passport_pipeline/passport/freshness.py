"""How fresh a hospital is in the passport: since when its days are behind, how long its rows took, who is stale.

What belongs here: these three measures. What does not: states (hospital_states), comparing days (automation.changes),
asking and warning (automation.freshness).

A row's lag is the time from its creation at the hospital until its record can be seen in the passport. It is taken of
records that a run has inserted, if their rows were created after the hospital's first synchronisation: what was there
before is a backfill, and its age says nothing. The last 1,000 lags are kept with their median and 95th percentile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from pymongo import ReturnDocument

from passport_pipeline.passport.collections import RECORDS, SYNC
from passport_pipeline.passport.database import Document, Passport, answering
from passport_pipeline.passport.hospital_states import HospitalState

if TYPE_CHECKING:
    from passport_pipeline.passport.days import DayRecord

KEPT = 1_000
# Days whose times are kept: the one that has been behind for the longest counts, so a few will do.
BEHIND_KEPT = 100


@dataclass(frozen=True)
class Lag:
    """Seconds from a row's creation at the hospital to the passport: median and 95th percentile of the last `rows`."""

    p50: float
    p95: float
    rows: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Lag | None:
        """The lag of these rows; None of none."""
        if not len(seconds):
            return None
        p50, p95 = np.percentile(np.asarray(seconds, dtype=float), [50, 95]).round(1).tolist()
        return cls(p50, p95, len(seconds))

    @classmethod
    def from_json(cls, value: Mapping[str, float] | None) -> Lag | None:
        """Read what `to_json` gave; None of nothing."""
        return cls(value["p50"], value["p95"], int(value["rows"])) if value and "p95" in value else None

    def to_json(self) -> dict[str, float]:
        """As MongoDB keeps it and `passport-pipeline status --json` prints it."""
        return {"p50": self.p50, "p95": self.p95, "rows": self.rows}


@answering("measuring the lag")
def measure(passport: Passport, hospital_key: str, hospital_id: str, days: Iterable[date], run_id: str) -> list[float]:
    """The lags in seconds of the records of these days that a run has inserted just now, but for a backfill's; at most
    as many as are kept.

    `hospital_id` is that of the passport's document, as 24 hex digits. Never negative, whatever the clocks say.
    Raises PassportError.
    """
    sync = passport[SYNC].find_one({"hospitalId": hospital_id}, {"createdAt": 1})
    first = (sync or {}).get("createdAt")
    if first is None:
        return []
    # No zone is more than a day from UTC: days before cannot hold such a row, and a backfill is over days before.
    recent = [day.isoformat() for day in days if day >= first.date() - timedelta(days=1)]
    if not recent:
        return []
    now = passport.now()
    inserted = passport[RECORDS].find(
        {
            "source.hospital": hospital_key,
            "source.day": {"$in": recent},
            "source.runId": run_id,
            "source.version": 1,
            "openmrsData.dateCreated": {"$gt": first},
        },
        {"openmrsData.dateCreated": 1},
        sort=[("_id", -1)],
        limit=KEPT,
    )
    return [max(0.0, (now - one["openmrsData"]["dateCreated"]).total_seconds()) for one in inserted]


@answering("recording the lag")
def record_lags(passport: Passport, hospital_id: str, lags: Sequence[float]) -> None:
    """Keep these lags among the hospital's last, in its syncstatus. Raises PassportError."""
    if not lags:
        return
    kept = passport[SYNC].find_one_and_update(
        {"hospitalId": hospital_id},
        {
            "$push": {"freshness.seconds": {"$each": list(lags), "$slice": -KEPT}},
            "$inc": {"freshness.measured": len(lags)},
        },
        projection={"freshness": 1},
        return_document=ReturnDocument.AFTER,
    )
    if kept is None:
        return
    lag = Lag.of(kept["freshness"]["seconds"])
    # Where another run has added its own in between, it sums up both.
    seen = {"_id": kept["_id"], "freshness.measured": kept["freshness"]["measured"]}
    summed: Document = {f"freshness.{name}": value for name, value in (lag.to_json() if lag else {}).items()}
    passport[SYNC].update_one(seen, {"$set": summed})


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


@dataclass(frozen=True)
class Staleness:
    """The hospitals that are not fresh, each with why; and those that do not take part, each with its state."""

    stale: Mapping[str, str]
    apart: Mapping[str, str]
    fresh: tuple[str, ...]


def staleness(states: Iterable[HospitalState], now: datetime, allowed: timedelta) -> Staleness:
    """Which of these hospitals are held back, were not surveyed, or have been behind, for longer than is allowed."""
    stale: dict[str, str] = {}
    apart: dict[str, str] = {}
    fresh: list[str] = []
    for state in states:
        why = _why_stale(state, now, allowed)
        if not state.active:
            apart[state.key] = state.told
        elif why:
            stale[state.key] = why
        else:
            fresh.append(state.key)
    return Staleness(stale, apart, tuple(fresh))


def _why_stale(state: HospitalState, now: datetime, allowed: timedelta) -> str | None:
    # Nothing was looked at while it was paused, so its time begins when it was resumed, or first seen.
    if state.held_back:
        return state.held_back.told
    seen = max((at for at in (state.surveyed_at, state.since) if at), default=None)
    if seen is None or (state.surveyed_at is None and state.unanswered):
        return "never surveyed"
    if now - seen > allowed:
        return f"not surveyed since {seen:%Y-%m-%d %H:%M} UTC"
    if state.behind_since and now - state.behind_since > allowed:
        return f"behind since {state.behind_since:%Y-%m-%d %H:%M} UTC"
    return None
