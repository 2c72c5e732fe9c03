"""Both ends of one window, by what is stored: its raw batches, and the passport. No hospital is read.

What belongs here: comparing the days of one window. What does not: comparing with the hospital itself (hospital).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from passport_pipeline.batches.store import Batches
from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.days.counts import recounted
from passport_pipeline.passport.days.state import DayCount, DayRecord, recorded
from passport_pipeline.passport.mongo.database import Passport


@dataclass(frozen=True)
class DayCheck:
    """One day of a window: the raw batch's live rows against the passport's outcomes."""

    day: date
    live: int
    loaded: int
    attached: int
    parked: int
    skipped: int
    agrees: bool

    @property
    def accounted_for(self) -> bool:
        """Whether every live row has an outcome."""
        return self.live == self.loaded + self.attached + self.parked + self.skipped


def days_of_window(batches: Batches, passport: Passport, hospital_key: str, month: str) -> list[DayCheck]:
    """Each day of a window, oldest first: its raw batch against what the passport recorded and holds. Raises
    BatchError, PassportError.
    """
    batch_digests = batches.days(hospital_key, month)
    passport_counts = recounted(passport, hospital_key, [month])
    records = recorded(passport, hospital_key, month)
    days = []
    for day in sorted(batch_digests.keys() | passport_counts.keys()):
        record = records.get(day, DayRecord(Digest(), ""))
        digest = batch_digests.get(day, Digest())
        parked, skipped = sum(record.parked.values()), sum(record.skipped.values())
        count = passport_counts.get(day, DayCount())
        # A visit may have no rows of its own, so that no digest misses it.
        agrees = digest.agrees(count.digest) and not (record.up_to_date and count.contradicts(record))
        days.append(DayCheck(day, digest.live, record.loaded, record.attached, parked, skipped, agrees))
    return days
