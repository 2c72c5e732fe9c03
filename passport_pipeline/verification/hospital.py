"""Both ends of one hospital: what it holds, and what the passport's documents say that it holds.

What belongs here: comparing digests and counts day by day, and describing a day that differs. What does not: computing
either end's digests (sources, passport.days), comparing rows (row_diff), one window without its hospital (window).

A hospital is written to all the time. So a day that differs is compared a second time, at both ends, and is reported
only where neither end has changed in between and no run is working on its window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from passport_pipeline.core.digests import Digest, differing_days
from passport_pipeline.core.windows import month_of, months_between
from passport_pipeline.passport.accounts import days_without_accounts
from passport_pipeline.passport.days import leases
from passport_pipeline.passport.days.counts import recounted, rows_of_day
from passport_pipeline.passport.days.dirty import mark_doubted
from passport_pipeline.passport.days.losses import losses, note_damage
from passport_pipeline.passport.days.state import DayCount, DayRecord, Totals, recorded, recorded_months
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.patients import record_lists
from passport_pipeline.passport.patients.record_lists import ListFaults, faults_of_hospital
from passport_pipeline.sources.base import Source
from passport_pipeline.sources.hospital_survey import HospitalSurvey, withdrawn_rows
from passport_pipeline.verification.row_diff import RowDifferences, compare_rows

NIGHTS = 7
"""In so many nights every day is completed that was recorded before digests had their third fold."""

NOTHING = DayCount()


@dataclass(frozen=True)
class VerifyOptions:
    """What is verified, and how thoroughly.

    windows   the first and last month (`YYYY-MM`) of the hospital; earlier ones count where the passport recorded any
    months    the first and last month to verify: their days are read again, in the id ranges that the survey names;
              None: all windows
    wait      seconds before days that differ are compared again, in which the runs of the day may finish
    row_days  how many of the days that still differ, the oldest, are compared row by row: each is a query at either end
    lists     whether patients' lists are compared with the records, and whether the accounts that records name exist,
              which takes some seconds for a million records
    """

    windows: tuple[str, str]
    months: tuple[str, str] | None = None
    wait: float = 0
    row_days: int = 20
    lists: bool = False

    def chosen_months(self) -> list[str] | None:
        """The windows to verify; None for all."""
        return list(filter(self.chooses, months_between(*self.windows))) if self.months else None

    def chooses(self, month: str) -> bool:
        """Whether a month is one of those to verify."""
        return self.months is None or self.months[0] <= month <= self.months[1]


@dataclass(frozen=True)
class Difference:
    """A day whose digests differ: live rows at the hospital, and rows that the passport accounts for.

    `full` where the day was recorded as up to date, so that only `sync --full` reads its documents again. `outdated`
    where the digests are equal, but the documents cannot be those that the day was recorded with: they come from an
    older copy of the passport, for example. `rows` is None where the day's rows were not compared; `counted` is what
    the documents count.
    """

    day: date
    source: Digest
    passport: Digest
    full: bool = False
    rows: RowDifferences | None = None
    outdated: bool = False
    counted: DayCount = NOTHING

    @property
    def description(self) -> str:
        """Which rows differ, a line for each state, or why none is named."""
        states = self.rows.by_state() if self.rows else {}
        lines = "\n".join(f"{state}: {rows}" for state, rows in states.items() if rows.count)
        return lines or ("documents of another version than was recorded" if self.outdated else "not compared")

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

    withdrawn   rows that nobody voided and that are not live all the same, by reason (sources); only where all windows
                were verified
    unsettled   days that were changed, at the hospital or by a run, while they were compared
    lists       what is wrong with patients' lists of its records; None where they were not compared
    accounts    days on which records name placeholder accounts that no longer exist
    incomplete  days that were recorded before digests had their third fold
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
        days have settled; and whether patients' lists are right and no account is missing, where that was checked.
        """
        accounted = self.loaded + self.attached + sum(self.parked.values()) + sum(self.skipped.values())
        if self.error or self.differences or self.lists or self.accounts:
            return False
        return self.live == accounted or bool(self.unsettled)

    def healing(self) -> list[tuple[str, bool]]:
        """The months that have to be synchronised, and whether in full."""
        months = dict.fromkeys(self.lists.by_month() if self.lists else (), False)
        for difference in self.differences:
            month = month_of(difference.day)
            months[month] = months.get(month, False) or difference.full
        return sorted((months | dict.fromkeys(map(month_of, self.accounts), True)).items())

    def not_stale(self) -> dict[date, DayCount]:
        """The days with faults that no run would find, each with what its documents count: those that differ and were
        recorded as up to date, or hold nothing at the hospital and were never recorded; and those whose accounts are
        missing.
        """
        by_digest = {difference.day: difference.counted for difference in self.differences if difference.full}
        return dict.fromkeys(self.accounts, NOTHING) | by_digest

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
    """What either end held of each day when it was last read, and what runs had recorded of it before.

    `survey` is the hospital's, brought up to date at its tail.
    """

    survey: HospitalSurvey
    source_digests: dict[date, Digest]
    passport_counts: dict[date, DayCount]
    recorded: dict[date, DayRecord]

    def of(self, day: date) -> tuple[Digest, Digest]:
        """The day's digest at the hospital and in the passport."""
        return self.source_digests.get(day, NOTHING.digest), self.passport_counts.get(day, NOTHING).digest

    def outdated(self) -> set[date]:
        """The days whose digests agree, but whose documents are not those that were recorded."""
        return {
            day
            for day, count in self.passport_counts.items()
            if day in self.recorded
            and self.recorded[day].up_to_date
            and self.recorded[day].digest.agrees(count.digest)
            and count.digest.agrees(self.of(day)[0])
            and count.contradicts(self.recorded[day])
        }

    def suspects(self) -> list[date]:
        """The days whose digests differ or whose documents are outdated, oldest first."""
        passport_digests = {day: count.digest for day, count in self.passport_counts.items()}
        return sorted({*differing_days(self.source_digests, passport_digests), *self.outdated()})

    def take_over(self, days: Sequence[date], later: BothEnds) -> None:
        """Replace these days, and the survey, by what was read later."""
        self.survey = later.survey
        unchanged = {day: record for day, record in self.recorded.items() if day not in days}
        self.recorded = unchanged | {day: record for day, record in later.recorded.items() if day in days}
        self.source_digests |= {day: later.of(day)[0] for day in days}
        self.passport_counts |= {day: later.passport_counts.get(day, NOTHING) for day in days}


def verify_hospital(
    source: Source,
    passport: Passport,
    options: VerifyOptions,
    *,
    survey: HospitalSurvey | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_suspects: Callable[[int], None] = lambda days: None,
) -> HospitalVerification:
    """Compute every day's digest at both ends and compare them.

    `survey` is an earlier one, which is refreshed; without one, a full one is taken, and `progress` is called as
    StreamReader.survey says. `on_suspects` is called before the wait, with the number of days that differed.
    Raises SourceError, PassportError.
    """
    key = source.hospital.key
    first_month, last_month = options.windows
    options = replace(options, windows=(min([first_month, *recorded_months(passport, key)]), last_month))
    ends = first_pass(source, passport, options, survey, progress)
    suspects = ends.suspects()
    lasting: list[Difference] = []
    if suspects:
        on_suspects(len(suspects))
        time.sleep(options.wait)
        busy = leases.held(passport, key)
        later = second_look(source, passport, options, ends.survey, suspects)
        still = set(later.suspects())
        unchanged = [day for day in suspects if day in still and ends.of(day) == later.of(day)]
        days = [day for day in unchanged if month_of(day) not in busy]
        ends.take_over(suspects, later)
        lasting = list(differences(source, passport, later, days, options.row_days))
    counts = Totals.of(ends.passport_counts.values())
    accounts = sorted(days_without_accounts(passport, key)) if options.lists else []
    return HospitalVerification(
        key=key,
        live=sum(digest.live for digest in ends.source_digests.values()),
        loaded=counts.loaded,
        attached=counts.attached,
        parked=counts.parked,
        skipped=counts.skipped,
        outside=ends.survey.outside(*options.windows),
        withdrawn={} if options.months else withdrawn_rows(source),
        differences=lasting,
        unsettled=sorted(set(ends.suspects()) - {difference.day for difference in lasting}),
        lists=_list_faults(passport, key, options) if options.lists else None,
        accounts=[day for day in accounts if options.chooses(month_of(day))],
        incomplete=[day for day, record in ends.recorded.items() if not record.digest.complete],
    )


def first_pass(
    source: Source,
    passport: Passport,
    options: VerifyOptions,
    survey: HospitalSurvey | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BothEnds:
    """Read both ends, at the same time; arguments as for `verify_hospital`. Raises SourceError, PassportError."""
    key, months = source.hospital.key, options.chosen_months()
    records = recorded(passport, key)
    with ThreadPoolExecutor(1, thread_name_prefix="verify") as pool:
        counting = pool.submit(recounted, passport, key, months)
        survey = survey.refresh(source) if survey else HospitalSurvey.take(source, datetime.now(UTC), progress)
        digests = survey.digests() if months is None else survey.read_months(source, months)
        return BothEnds(survey, _inside(digests, options), counting.result(), records)


def second_look(
    source: Source, passport: Passport, options: VerifyOptions, survey: HospitalSurvey, days: Sequence[date]
) -> BothEnds:
    """Read both ends again, only the windows of these days. Raises SourceError, PassportError."""
    key, months = source.hospital.key, sorted({month_of(day) for day in days})
    survey = survey.refresh(source)
    digests = _inside(survey.read_months(source, months), options)
    records = recorded(passport, key)
    return BothEnds(survey, digests, recounted(passport, key, months), records)


def differences(
    source: Source, passport: Passport, ends: BothEnds, days: Sequence[date], row_days: int
) -> Iterator[Difference]:
    """The differences of these days; a day that by now agrees down to the row has none. Raises SourceError,
    PassportError.
    """
    outdated = ends.outdated()
    narrowed = [day for day in days[:row_days] if day not in outdated]
    source_rows = dict(ends.survey.row_checksums(source, narrowed))
    for day in days:
        source_digest, passport_digest = ends.of(day)
        counted = ends.passport_counts.get(day, NOTHING)
        full = _recorded_as_up_to_date(ends.recorded.get(day), source_digest)
        rows = None
        if day in source_rows:
            passport_rows = rows_of_day(passport, source.hospital.key, day)
            rows = compare_rows(source_rows[day], passport_rows, counted.left_out)
        if rows is None or rows:
            yield Difference(day, source_digest, passport_digest, full, rows, day in outdated, counted)


def mark_faulty_days(passport: Passport, verification: HospitalVerification, months: tuple[str, str]) -> int:
    """Mark the days dirty that have faults and that no run would find, so that `source_changes` requests their windows
    and the next run of each compares every document with the hospital; returns how many.

    Of the days that were recorded before digests had their third fold, a seventh is marked each night. Days outside of
    the first and the last of the months that sensors request are left to an operator. Raises PassportError.
    """
    first, last = months
    tonight = passport.now().toordinal() % NIGHTS
    days = {day: NOTHING for day in verification.incomplete if day.toordinal() % NIGHTS == tonight}
    days = {day: count for day, count in (days | verification.not_stale()).items() if first <= month_of(day) <= last}
    if days:
        note_damage(passport, verification.key, losses(passport, verification.key), passport.now())
    mark_doubted(passport, verification.key, days)
    if not verification.lists:
        return len(days)
    listed = [(hospital, day) for hospital, day in verification.lists.days if first <= day[:7] <= last]
    record_lists.mark_faulty(passport, verification.lists.of(listed))
    return len({*days, *(date.fromisoformat(day) for _, day in listed)})


def unreadable(key: str, error: str) -> HospitalVerification:
    """A hospital that could not be read, and why; it counts as not verified."""
    return HospitalVerification(key, 0, 0, 0, {}, {}, error=error)


def _inside(digests: Mapping[date, Digest], options: VerifyOptions) -> dict[date, Digest]:
    first_month, last_month = options.windows
    return {day: digest for day, digest in digests.items() if first_month <= month_of(day) <= last_month}


def _list_faults(passport: Passport, key: str, options: VerifyOptions) -> ListFaults:
    """What is wrong with patients' lists of a hospital's records in the months to verify, and still is after the wait:
    a run stores the records of its window first, then lists them.
    """
    faults = faults_of_hospital(passport, key)
    if not faults:
        return faults
    time.sleep(options.wait)
    busy = leases.held(passport, key)
    later = faults_of_hospital(passport, key)
    return later.of(
        [
            day
            for day in faults.days
            if options.chooses(day[1][:7]) and day[1][:7] not in busy and faults.of([day]) == later.of([day])
        ]
    )


def _recorded_as_up_to_date(record: DayRecord | None, source_digest: Digest) -> bool:
    """Whether a run takes the day as recorded for what the hospital holds, and leaves its documents alone."""
    return not source_digest if record is None else record.digest.agrees(source_digest) and record.up_to_date
