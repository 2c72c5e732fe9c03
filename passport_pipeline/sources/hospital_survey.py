"""The survey of a hospital: the sum of its streams' surveys, as a day is the sum of its streams' days.

What belongs here: taking, refreshing and adding up the surveys of all streams. What does not: the survey of one stream
(a record system), storing surveys (windows.survey).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import pandas as pd

from passport_pipeline.core.digests import Digest, added_up
from passport_pipeline.core.windows import month_of
from passport_pipeline.sources.base import Progress, Source, Survey
from passport_pipeline.sources.frames import ROW_CHECKSUMS, held


@dataclass(frozen=True)
class HospitalSurvey:
    """The surveys of a hospital's streams, at least one, by the streams' names."""

    streams: Mapping[str, Survey]

    @classmethod
    def take(cls, source: Source, taken_at: datetime, progress: Progress | None = None) -> HospitalSurvey:
        """Survey all of a hospital; as StreamReader.survey. Raises SourceError."""
        names = source.system.streams
        return cls({name: source.reader(name).survey(taken_at, progress) for name in names})

    def refresh(self, source: Source) -> HospitalSurvey:
        """The survey with later rows; as StreamReader.refresh. Raises SourceError."""
        return HospitalSurvey({name: source.reader(name).refresh(survey) for name, survey in self.streams.items()})

    def read_months(self, source: Source, months: Iterable[str]) -> dict[date, Digest]:
        """The present digests of these months' days at the hospital; the survey says where their rows are.

        Raises SourceError.
        """
        digests = []
        for month in months:
            for name, survey in self.streams.items():
                with source.reader(name).month(survey, month) as reader:
                    reader.digests()
                    digests.append(reader.survey().digests(month))
        return added_up(digests)

    def row_checksums(self, source: Source, days: Iterable[date]) -> Iterator[tuple[date, pd.DataFrame]]:
        """The present live rows of each of these days at the hospital: core.digests.ROW_COLUMNS. Raises
        SourceError.
        """
        for month, days_of_month in groupby(sorted(days), month_of):
            with ExitStack() as months:
                readers = [
                    months.enter_context(source.reader(name).month(survey, month))
                    for name, survey in self.streams.items()
                ]
                for day in days_of_month:
                    checksums = pd.concat([reader.row_checksums(day) for reader in readers], ignore_index=True)
                    yield day, held(ROW_CHECKSUMS, checksums)

    @property
    def taken_at(self) -> datetime:
        """When reading began, in UTC."""
        return min(survey.taken_at for survey in self.streams.values())

    @property
    def rows(self) -> int:
        """All rows, live or not."""
        return sum(survey.rows for survey in self.streams.values())

    @property
    def live(self) -> int:
        """Live rows."""
        return sum(survey.live for survey in self.streams.values())

    def digests(self, month: str | None = None) -> dict[date, Digest]:
        """The digest of every day that holds a live row, of one month (`YYYY-MM`) or of all."""
        return added_up(survey.digests(month) for survey in self.streams.values())

    def live_by_month(self) -> dict[str, int]:
        """Live rows of each month that holds any."""
        live: Counter[str] = Counter()
        for survey in self.streams.values():
            live.update(survey.live_by_month())
        return dict(live)

    def months(self) -> list[str]:
        """The months that hold live rows, oldest first."""
        return sorted(self.live_by_month())

    def outside(self, first_month: str, last_month: str) -> int:
        """Live rows before the first month or after the last one, or without a valid day."""
        return sum(survey.outside(first_month, last_month) for survey in self.streams.values())


def withdrawn_rows(source: Source) -> dict[str, int]:
    """Unvoided rows that are not live, by reason. Raises SourceError."""
    rows: Counter[str] = Counter()
    for name in source.system.streams:
        rows.update(source.reader(name).withdrawn())
    return dict(rows)
