"""Lag: how long a hospital's rows take into the passport.

What belongs here: measuring and storing it. What does not: which hospitals are stale (staleness), and since when a day
has been behind (days.behind).

A row's lag is the time from its creation at the hospital until its record is in the passport. It is measured for
records that a run has inserted, if their rows were created after the hospital's first synchronisation: what existed
before is a backfill, and its age says nothing. The last 1,000 lags are stored with their median and 95th percentile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from pymongo import ReturnDocument

from passport_pipeline.passport.mongo.collections import RECORDS, SYNC
from passport_pipeline.passport.mongo.database import Document, Passport, answering

LAST_LAGS = 1_000


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
        """As MongoDB stores it and `passport-pipeline status --json` prints it."""
        return {"p50": self.p50, "p95": self.p95, "rows": self.rows}


@answering("measuring the lag")
def measure(passport: Passport, hospital_key: str, hospital_id: str, days: Iterable[date], run_id: str) -> list[float]:
    """The lags in seconds of the records of these days that a run has inserted just now, but for a backfill's; at most
    LAST_LAGS.

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
        limit=LAST_LAGS,
    )
    return [max(0.0, (now - record["openmrsData"]["dateCreated"]).total_seconds()) for record in inserted]


@answering("recording the lag")
def record_lags(passport: Passport, hospital_id: str, lags: Sequence[float]) -> None:
    """Store these lags among the hospital's last, in its syncstatus. Raises PassportError."""
    if not lags:
        return
    sync = passport[SYNC].find_one_and_update(
        {"hospitalId": hospital_id},
        {
            "$push": {"freshness.seconds": {"$each": list(lags), "$slice": -LAST_LAGS}},
            "$inc": {"freshness.measured": len(lags)},
        },
        projection={"freshness": 1},
        return_document=ReturnDocument.AFTER,
    )
    if sync is None:
        return
    lag = Lag.of(sync["freshness"]["seconds"])
    # Where another run has added its own in between, it sums up both.
    unchanged = {"_id": sync["_id"], "freshness.measured": sync["freshness"]["measured"]}
    summed: Document = {f"freshness.{name}": value for name, value in (lag.to_json() if lag else {}).items()}
    passport[SYNC].update_one(unchanged, {"$set": summed})
