"""Both ends side by side: what the hospitals hold, and what the passport's documents say they hold.

What belongs here: comparing digests and counts, day by day. What does not: computing either end's digests
(openmrs.survey, passport.days).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from passport_pipeline.batches import Batches
from passport_pipeline.digests import Digest, differing, window_of
from passport_pipeline.openmrs.source import Source
from passport_pipeline.openmrs.survey import full_survey
from passport_pipeline.passport.database import Passport
from passport_pipeline.passport.days import DayRecord, recomputed, recorded, totals


@dataclass(frozen=True)
class Difference:
    """A day whose digests differ: live rows at the hospital, and rows that the passport accounts for.

    `full` where the day was recorded in line, so that only `sync --full` looks at its documents again.
    """

    day: date
    source: Digest
    passport: Digest
    full: bool = False

    def to_json(self) -> dict[str, Any]:
        """Counts and checksums of both ends."""
        return {
            "day": self.day.isoformat(),
            "source": self.source.to_json(),
            "passport": self.passport.to_json(),
            "full": self.full,
        }


@dataclass(frozen=True)
class HospitalVerification:
    """One hospital at both ends; every count is of live source rows."""

    key: str
    live: int
    loaded: int
    attached: int
    parked: Mapping[str, int]
    skipped: Mapping[str, int]
    outside: int = 0
    differences: list[Difference] = field(default_factory=list)
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every live row inside the windows has an outcome and every day's digests are equal."""
        accounted = self.loaded + self.attached + sum(self.parked.values()) + sum(self.skipped.values())
        return self.error is None and self.live == accounted and not self.differences

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline verify --json` prints it."""
        return {
            "key": self.key,
            "live": self.live,
            "loaded": self.loaded,
            "attached": self.attached,
            "parked": dict(self.parked),
            "skipped": dict(self.skipped),
            "outside": self.outside,
            "differences": [difference.to_json() for difference in self.differences],
            "error": self.error,
        }


def verify_hospital(source: Source, passport: Passport, first_month: str, last_month: str) -> HospitalVerification:
    """Compute every day's digest at both ends and compare them, inside the windows from first to last month and
    in any earlier one that the passport holds.

    Raises SourceError, PassportError.
    """
    key = source.hospital.key
    survey = full_survey(source)
    days = recorded(passport, key)
    first_month = min([first_month, *map(window_of, days)])
    there = {day: d for day, d in survey.digests().items() if first_month <= window_of(day) <= last_month}
    here = recomputed(passport, key)
    counts = totals(passport, key)
    return HospitalVerification(
        key=key,
        live=sum(digest.live for digest in there.values()),
        loaded=counts.loaded,
        attached=counts.attached,
        parked=counts.parked,
        skipped=counts.skipped,
        outside=survey.outside(first_month, last_month),
        differences=[
            Difference(
                day,
                there.get(day, Digest()),
                here.get(day, Digest()),
                _in_line(days.get(day), there.get(day, Digest())),
            )
            for day in differing(there, here)
        ],
    )


def _in_line(day: DayRecord | None, source: Digest) -> bool:
    """Whether a run takes the day as it was recorded for what the hospital has, and leaves its documents alone."""
    return not source if day is None else day.digest == source and bool(day.inputs)


def unreadable(key: str, error: str) -> HospitalVerification:
    """A hospital that could not be read, and why; it counts as not verified."""
    return HospitalVerification(key, 0, 0, 0, {}, {}, error=error)


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
    """Each day of a window: its raw batch against what the passport recorded and holds. Touches no hospital."""
    there = batches.days(hospital_key, month)
    here = recomputed(passport, hospital_key, month)
    records = recorded(passport, hospital_key, month)
    days = []
    for day in sorted(there.keys() | here.keys()):
        record = records.get(day)
        days.append(
            DayCheck(
                day=day,
                live=there.get(day, Digest()).live,
                loaded=record.loaded if record else 0,
                attached=record.attached if record else 0,
                parked=sum(record.parked.values()) if record else 0,
                skipped=sum(record.skipped.values()) if record else 0,
                agrees=there.get(day, Digest()) == here.get(day, Digest()),
            )
        )
    return days
