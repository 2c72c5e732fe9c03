"""Both ends side by side: what the hospitals hold, and what the passport's documents say they hold.

What belongs here: comparing digests and counts, day by day, and what is said of a day that differs. What does not:
computing either end's digests (sources, passport.days), comparing rows (row_diff).

A hospital is written to all the time. So a day that differs is looked at a second time, at both ends, and is reported
only where nothing about it has changed in between and no run is at its window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from passport_pipeline.batches.store import Batches
from passport_pipeline.core.digests import Digest, differing
from passport_pipeline.core.windows import month_of, months_between
from passport_pipeline.passport.accounts import days_without_accounts
from passport_pipeline.passport.days import leases
from passport_pipeline.passport.days.counts import recounted, rows_of_day
from passport_pipeline.passport.days.dirty import mark_doubted
from passport_pipeline.passport.days.state import DayCount, DayRecord, Totals, recorded, recorded_months
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.patients import record_lists
from passport_pipeline.passport.patients.record_lists import ListFaults, faults_of_hospital
from passport_pipeline.sources.base import Source
from passport_pipeline.sources.hospital_survey import HospitalSurvey, withdrawn_rows
from passport_pipeline.verification.row_diff import RowDifferences, compare_rows

# Days whose rows are compared, unless more are asked for: each is a query at either end.
DAYS_NARROWED = 20

# In so many nights every day is completed that was recorded before digests had their third fold.
NIGHTS = 7

NOTHING = DayCount()


@dataclass(frozen=True)
class Difference:
    """A day whose digests differ: live rows at the hospital, and rows that the passport accounts for.

    `full` where the day was recorded in line, so that only `sync --full` looks at its documents again. `outdated`
    where the digests are equal, but the documents cannot be those that the day was recorded with: of an older copy of
    the passport, say. `rows` is None where the day's rows were not compared; `held` is what the documents count for.
    """

    day: date
    source: Digest
    passport: Digest
    full: bool = False
    rows: RowDifferences | None = None
    outdated: bool = False
    held: DayCount = NOTHING

    @property
    def told(self) -> str:
        """Which rows differ, a line for each way in which they do, or why none is named."""
        rows = self.rows.by_state() if self.rows else {}
        named = "\n".join(f"{name}: {some}" for name, some in rows.items() if some.count)
        return named or ("documents of another time than was recorded" if self.outdated else "not compared")

    def to_json(self) -> dict[str, Any]:
        """Counts and checksums of both ends, and the rows."""
        return {
            "day": self.day.isoformat(),
            "source": self.source.to_json(),
            "passport": self.passport.to_json(),
            "full": self.full,
            "outdated": self.outdated,
            "rows": self.rows.to_json() if self.rows else None,
        }


@dataclass(frozen=True)
class HospitalVerification:
    """One hospital at both ends; every count is of live source rows.

    `withdrawn` are rows that nobody voided and that are not live all the same, by reason (sources); only
    where all of the hospital was looked at. `unsettled` are days that were being changed, at the hospital or by a run,
    while they were looked at; `lists` is what is wrong with patients' lists of its records, None where nobody looked;
    `accounts` are days on which records name placeholder accounts that are gone; `incomplete` are days that were
    recorded before digests had their third fold.
    """

    key: str
    live: int
    loaded: int
    attached: int
    parked: Mapping[str, int]
    skipped: Mapping[str, int]
    outside: int = 0
    withdrawn: Mapping[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    unsettled: list[date] = field(default_factory=list)
    lists: ListFaults | None = None
    accounts: list[date] = field(default_factory=list)
    incomplete: list[date] = field(default_factory=list)
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every live row inside the windows has an outcome and every day's digests are equal, as far as the
        days have settled; and whether patients' lists are right and no account is gone, where somebody looked.
        """
        accounted = self.loaded + self.attached + sum(self.parked.values()) + sum(self.skipped.values())
        if self.error or self.differences or self.lists or self.accounts:
            return False
        return self.live == accounted or bool(self.unsettled)

    def healing(self) -> list[tuple[str, bool]]:
        """The months that are to be synchronised, and whether in full."""
        months: dict[str, bool] = {}
        for difference in self.differences:
            month = month_of(difference.day)
            months[month] = months.get(month, False) or difference.full
        months |= dict.fromkeys(map(month_of, self.accounts), True)
        for month in self.lists.by_month() if self.lists else ():
            months.setdefault(month, False)
        return sorted(months.items())

    def unseen(self) -> dict[date, DayCount]:
        """The days that differ and that no run would look at, because they were recorded in line, or because nothing
        at all was recorded or is at the hospital; each with what its documents count for. And those on which accounts
        are gone.
        """
        return dict.fromkeys(self.accounts, NOTHING) | {one.day: one.held for one in self.differences if one.full}

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
            "withdrawn": dict(self.withdrawn),
            "differences": [difference.to_json() for difference in self.differences],
            "unsettled": [day.isoformat() for day in self.unsettled],
            "accounts": [day.isoformat() for day in self.accounts],
            "lists": None if self.lists is None else self.lists.to_json(),
            "healing": [{"month": month, "full": full} for month, full in self.healing()],
            "error": self.error,
        }


@dataclass
class BothEnds:
    """What either end held of each day when it was last looked at, and what runs had recorded of it before."""

    there: dict[date, Digest]
    here: dict[date, DayCount]
    recorded: dict[date, DayRecord]

    def of(self, day: date) -> tuple[Digest, Digest]:
        """The day's digest at the hospital and in the passport."""
        return self.there.get(day, NOTHING.digest), self.here.get(day, NOTHING).digest

    def differing(self) -> list[date]:
        """The days whose digests differ, oldest first."""
        return differing(self.there, {day: count.digest for day, count in self.here.items()})

    def outdated(self) -> set[date]:
        """The days whose digests agree, but whose documents are not those that were recorded."""
        return {
            day
            for day, count in self.here.items()
            if day in self.recorded
            and self.recorded[day].up_to_date
            and self.recorded[day].digest.agrees(count.digest)
            and count.digest.agrees(self.of(day)[0])
            and count.contradicts(self.recorded[day])
        }

    def suspects(self) -> list[date]:
        """Both, oldest first."""
        return sorted({*self.differing(), *self.outdated()})

    def take_over(self, day: date, later: BothEnds) -> None:
        """Let a day be what a later look found."""
        self.there[day], self.here[day] = later.of(day)[0], later.here.get(day, NOTHING)
        self.recorded.pop(day, None)
        self.recorded |= {day: later.recorded[day]} if day in later.recorded else {}


def verify_hospital(
    source: Source,
    passport: Passport,
    first_month: str,
    last_month: str,
    *,
    survey: HospitalSurvey | None = None,
    only: tuple[str, str] | None = None,
    wait: float = 0,
    narrow: int = DAYS_NARROWED,
    lists: bool = False,
    progress: Callable[[int, int], None] | None = None,
    on_suspects: Callable[[int], None] = lambda days: None,
) -> HospitalVerification:
    """Compute every day's digest at both ends and compare them, inside the windows from first to last month and in
    any earlier one that the passport recorded; both ends are read at the same time.

    survey    an earlier one, to be brought up to date at its tail; None: a full one is taken, `progress` told as there
    only      the first and last month to look at: their days are read again, in the id ranges that the survey names
    wait      seconds before days that differ are looked at again, in which the runs of the day may come to an end
    narrow    so many of the days that still differ, the oldest, are compared row by row
    lists     whether patients' lists are compared with the records, and the accounts that records name looked for,
              which takes some seconds for a million of them

    `on_suspects` is told how many days differed at the first look, before the wait.
    Raises SourceError, PassportError.
    """
    key = source.hospital.key
    first_month = min([first_month, *recorded_months(passport, key)])
    months = months_between(max(first_month, only[0]), min(last_month, only[1])) if only else None
    known = recorded(passport, key)
    with ThreadPoolExecutor(1, thread_name_prefix="verify") as pool:
        counting = pool.submit(recounted, passport, key, months)
        survey = survey.refresh(source) if survey else HospitalSurvey.take(source, datetime.now(UTC), progress)
        there = survey.digests() if months is None else survey.read_months(source, months)
        ends = BothEnds(_inside(there, first_month, last_month), counting.result(), known)
    suspects = ends.suspects()
    differences: list[Difference] = []
    if suspects:
        on_suspects(len(suspects))
        time.sleep(wait)
        busy = leases.held(passport, key)
        months = sorted({month_of(day) for day in suspects})
        survey = survey.refresh(source)
        there = _inside(survey.read_months(source, months), first_month, last_month)
        known = recorded(passport, key)
        later = BothEnds(there, recounted(passport, key, months), known)
        still = set(later.suspects())
        standing = [
            day for day in suspects if day in still and ends.of(day) == later.of(day) and month_of(day) not in busy
        ]
        for day in suspects:
            ends.take_over(day, later)
        differences = list(_differences(source, passport, later, survey, standing, narrow=narrow))
    counts = Totals.of(ends.here.values())
    return HospitalVerification(
        key=key,
        live=sum(digest.live for digest in ends.there.values()),
        loaded=counts.loaded,
        attached=counts.attached,
        parked=counts.parked,
        skipped=counts.skipped,
        outside=survey.outside(first_month, last_month),
        withdrawn={} if only else withdrawn_rows(source),
        differences=differences,
        unsettled=sorted(set(ends.suspects()) - {difference.day for difference in differences}),
        lists=_list_faults(passport, key, only, wait) if lists else None,
        accounts=_without_accounts(passport, key, only) if lists else [],
        incomplete=[day for day, record in ends.recorded.items() if not record.digest.complete],
    )


def have_mended(passport: Passport, found: HospitalVerification, months: tuple[str, str]) -> int:
    """Mark the days on which something was found that no run would look at, so that `source_changes` requests their
    windows and the next run of each holds the documents against the hospital; returns how many. Of the days that were
    recorded before digests had their third fold, a seventh is marked each night. Days outside of the first and the last
    of the months that sensors request are left to an operator. Raises PassportError.
    """
    tonight = passport.now().toordinal() % NIGHTS
    days = {day: NOTHING for day in found.incomplete if day.toordinal() % NIGHTS == tonight} | found.unseen()
    days = {day: count for day, count in days.items() if months[0] <= month_of(day) <= months[1]}
    mark_doubted(passport, found.key, days)
    of_lists = [one for one in found.lists.days if months[0] <= one[1][:7] <= months[1]] if found.lists else []
    if found.lists:
        record_lists.mark_faulty(passport, found.lists.of(of_lists))
    return len({*days, *(date.fromisoformat(day) for _, day in of_lists)})


def _inside(digests: Mapping[date, Digest], first_month: str, last_month: str) -> dict[date, Digest]:
    return {day: digest for day, digest in digests.items() if first_month <= month_of(day) <= last_month}


def _differences(
    source: Source, passport: Passport, ends: BothEnds, survey: HospitalSurvey, days: Sequence[date], *, narrow: int
) -> Iterator[Difference]:
    """What is to be said of these days; those that agree by now, down to the row, are left out."""
    outdated = ends.outdated()
    narrowed = [day for day in days[:narrow] if day not in outdated]
    source_rows = dict(survey.row_checksums(source, narrowed))
    for day in days:
        there, here = ends.of(day)
        in_line = _in_line(ends.recorded.get(day), there)
        difference = Difference(day, there, here, in_line, outdated=day in outdated, held=ends.here.get(day, NOTHING))
        if day not in source_rows:
            yield difference
            continue
        rows = compare_rows(
            source_rows[day],
            rows_of_day(passport, source.hospital.key, day),
            ends.here.get(day, NOTHING).left_out,
        )
        if rows:
            yield replace(difference, rows=rows)


def _list_faults(passport: Passport, key: str, only: tuple[str, str] | None, wait: float) -> ListFaults:
    """What is wrong with patients' lists of a hospital's records, in these months, and is so at a second look: a run
    that is at a window stores records first, then lists them.
    """
    found = faults_of_hospital(passport, key)
    if not found:
        return found
    time.sleep(wait)
    busy = leases.held(passport, key)
    later = faults_of_hospital(passport, key)
    return later.of(
        [
            (hospital, day)
            for hospital, day in found.days
            if (only is None or only[0] <= day[:7] <= only[1])
            and day[:7] not in busy
            and found.missing[hospital, day] == later.missing[hospital, day]
            and found.extra[hospital, day] == later.extra[hospital, day]
        ]
    )


def _without_accounts(passport: Passport, key: str, only: tuple[str, str] | None) -> list[date]:
    days = sorted(days_without_accounts(passport, key))
    return [day for day in days if only is None or only[0] <= month_of(day) <= only[1]]


def _in_line(day: DayRecord | None, source: Digest) -> bool:
    """Whether a run takes the day as it was recorded for what the hospital has, and leaves its documents alone."""
    return not source if day is None else day.digest.agrees(source) and day.up_to_date


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
    here = recounted(passport, hospital_key, [month])
    records = recorded(passport, hospital_key, month)
    days = []
    for day in sorted(there.keys() | here.keys()):
        record = records.get(day)
        days.append(
            DayCheck(
                day=day,
                live=there.get(day, NOTHING.digest).live,
                loaded=record.loaded if record else 0,
                attached=record.attached if record else 0,
                parked=sum(record.parked.values()) if record else 0,
                skipped=sum(record.skipped.values()) if record else 0,
                agrees=there.get(day, NOTHING.digest).agrees(here.get(day, NOTHING).digest),
            )
        )
    return days
