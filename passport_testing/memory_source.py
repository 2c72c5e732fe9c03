"""A record system in memory: two streams of notes, which only the interface of sources ties to the pipeline.

`notes` are read at one moment, so a month's digests are known before its rows are read; `letters` are of a system
without snapshots, whose days are only counted before. In both a refresh sees new rows alone: only a full survey finds
earlier rows that were changed in place.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.row_references import Ids, References
from passport_pipeline.core.windows import month_of
from passport_pipeline.sources import lookups as neutral
from passport_pipeline.sources.base import Fingerprint
from passport_pipeline.sources.clock import Clock
from passport_pipeline.sources.drafts import CONDITION, LEAD, ROW_COLUMNS, TEXT, Concept, Drafts
from passport_pipeline.sources.findings import Preflight

NOTES, LETTERS = "notes", "letters"
COLUMNS = {
    "row_id": "int64",
    "row_uuid": "str",
    "row_crc": "int64",
    "day": "datetime64[s]",
    "person_id": "int64",
    "person_uuid": "str",
    "text": "str",
}
KEPT = ["row_id", "day", "row_crc"]


@dataclass(frozen=True)
class Row:
    """One row; its checksum is over all of it."""

    row_id: int
    person_id: int
    day: date
    text: str
    live: bool = True

    @property
    def crc(self) -> int:
        return zlib.crc32(f"{self.row_id}|{self.person_id}|{self.day}|{self.text}".encode())


@dataclass
class MemoryHospital:
    """What one hospital holds: rows by stream and number, and the national ids of persons."""

    name: str
    national_ids: dict[int, str]
    rows: dict[str, dict[int, Row]] = field(default_factory=lambda: {NOTES: {}, LETTERS: {}})
    given_out: int = 0
    changes: int = 0

    def insert(self, stream: str, person_id: int, day: date, text: str) -> int:
        """A new row; its number is unique in the hospital, across all streams."""
        self.given_out += 1
        self.put(stream, Row(self.given_out, person_id, day, text))
        return self.given_out

    def change(self, stream: str, row_id: int, **values: Any) -> None:
        """Change it in place: another text, another day, or no longer live."""
        self.put(stream, replace(self.rows[stream][row_id], **values))

    def purge(self, stream: str, row_id: int) -> None:
        """Delete it."""
        del self.rows[stream][row_id]
        self.changes += 1

    def put(self, stream: str, row: Row) -> None:
        self.rows[stream][row.row_id] = row
        self.changes += 1

    def frame(self, stream: str, condition: Callable[[Row], bool] = lambda row: True) -> pd.DataFrame:
        """The live rows, by day: COLUMNS."""
        rows = sorted(
            (row for row in self.rows[stream].values() if row.live and condition(row)), key=lambda row: row.day
        )
        values = [
            (row.row_id, f"{stream}-{row.row_id}", row.crc, row.day, row.person_id, f"person-{row.person_id}", row.text)
            for row in rows
        ]
        return pd.DataFrame(values, columns=list(COLUMNS)).astype(COLUMNS)


@dataclass(frozen=True)
class MemorySurvey:
    """Number, day and checksum of every live row, up to the highest number that was ever assigned."""

    held: pd.DataFrame
    taken_at: datetime
    highest: int
    rows: int

    @property
    def live(self) -> int:
        return len(self.held)

    def digests(self, month: str | None = None) -> dict[date, Digest]:
        chosen = self.held if month is None else self.held[self._in(month)]
        return {day.date(): Digest.of(rows["row_crc"].to_numpy()) for day, rows in chosen.groupby("day")}

    def live_by_month(self) -> dict[str, int]:
        return {str(month): len(rows) for month, rows in self.held.groupby(self.held["day"].dt.strftime("%Y-%m"))}

    def outside(self, first_month: str, last_month: str) -> int:
        return sum(rows for month, rows in self.live_by_month().items() if not first_month <= month <= last_month)

    def part(self, month: str, read: MemorySurvey) -> pd.DataFrame:
        seen = read.held[read._in(month)]
        return seen[seen["row_id"] <= self.highest].sort_values("row_id", ignore_index=True)

    def with_part(self, month: str, part: pd.DataFrame) -> MemorySurvey:
        return replace(self, held=pd.concat([self.held[~self._in(month)], part], ignore_index=True))

    def to_frames(self) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
        texts = {"takenAt": self.taken_at.isoformat(), "highest": str(self.highest), "rows": str(self.rows)}
        return {"held": self.held}, texts

    def _in(self, month: str) -> pd.Series:
        return self.held["day"].dt.strftime("%Y-%m") == month


class MemoryStream:
    """What is known of a stream of notes without a hospital."""

    rules_version = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def load_survey(self, frames: Mapping[str, pd.DataFrame], texts: Mapping[str, str]) -> MemorySurvey:
        taken_at = datetime.fromisoformat(texts["takenAt"])
        return MemorySurvey(frames["held"], taken_at, int(texts["highest"]), int(texts["rows"]))

    def decided(self, lookups: neutral.Lookups, hospital: Any) -> pd.DataFrame:
        return pd.DataFrame({"concept_id": pd.Series(dtype="int64"), "decided": pd.Series(dtype="str")})

    def references(self, rows: pd.DataFrame) -> References:
        return References.of({"person": rows["person_id"].to_numpy()})

    def naming(self, rows: pd.DataFrame, concepts: Ids) -> pd.DataFrame:
        return rows.iloc[:0][["row_id", "day"]].assign(concept_id=0)

    def unknown_references(self, lookups: neutral.Lookups, rows: pd.DataFrame) -> dict[str, set[int]]:
        return {}

    def identities(self, rows: pd.DataFrame) -> pd.DataFrame:
        created = rows["day"].astype("datetime64[us]")
        return rows.reset_index(drop=True).assign(created_at=created, unit_id=rows["row_id"], parent=-1)

    def draft(self, rows: pd.DataFrame, lookups: neutral.Lookups, hospital: Any) -> Drafts:
        identified = self.identities(rows)
        unknown = dict.fromkeys(["dosage", "frequency", "end", "test_status", "certainty", "order", "encounter_uuid"])
        unknown |= dict.fromkeys(["location", "comment", "accession", "previous_row", "status", "group", "entered_by"])
        unknown |= dict.fromkeys(["author_providers", "reason", "lines", "labels", "unit", "ucum"])
        records = identified.assign(
            record=range(len(identified)),
            stream=self.name,
            type=CONDITION,
            question=self.name,
            label=self.name,
            answer=identified["text"],
            shown=identified["text"],
            value_type=TEXT,
            question_is_drug=False,
            hospital=hospital.name,
            at=identified["created_at"],
            author_key="author",
            author_name="Ada Author",
            author_title="Dr.",
            author_signature="Dr. Ada Author",
            visit=-1,
            concept=[Concept(1, self.name, self.name, "Text", "Misc")] * len(identified),
            **unknown,
        )
        outcomes = identified[ROW_COLUMNS].assign(
            outcome=LEAD,
            record=range(len(identified)),
            role=LEAD,
            reason=pd.Series(None, identified.index, dtype="str"),
        )
        authors = pd.DataFrame({"clinician_key": ["author"], "provider_uuid": [None], "name": ["Ada Author"]})
        return Drafts(outcomes, records, authors, self.rules_version, self.name)


class MemoryMonth:
    """One month of a stream."""

    def __init__(self, hospital: MemoryHospital, stream: str, survey: MemorySurvey, month: str) -> None:
        self._held = hospital.frame(stream, lambda row: month_of(row.day) == month)
        self._survey, self._counted = survey, stream == LETTERS

    def digests(self, *, counted: bool = False) -> dict[date, Digest | int]:
        digests = self.survey().digests()
        return {day: digest.live if counted or self._counted else digest for day, digest in digests.items()}

    def rows(self, days: Any, batch_rows: int) -> Iterator[pd.DataFrame]:
        chosen = self._held[self._held["day"].isin([pd.Timestamp(day) for day in days])]
        yield from (chosen[at : at + batch_rows].reset_index(drop=True) for at in range(0, len(chosen), batch_rows))

    def row_checksums(self, day: date) -> pd.DataFrame:
        rows = self._held[self._held["day"] == pd.Timestamp(day)]
        return rows[["row_id", "row_crc"]].sort_values("row_id", ignore_index=True)

    def survey(self) -> MemorySurvey:
        return replace(self._survey, held=self._held[KEPT])


@dataclass(frozen=True)
class MemoryReader:
    """A stream of an open hospital."""

    hospital: MemoryHospital
    stream: str

    def survey(self, taken_at: datetime, progress: Any = None) -> MemorySurvey:
        held = self.hospital.frame(self.stream)[KEPT]
        return MemorySurvey(held, taken_at, self.hospital.given_out, len(self.hospital.rows[self.stream]))

    def refresh(self, survey: MemorySurvey) -> MemorySurvey:
        new = self.hospital.frame(self.stream, lambda row: row.row_id > survey.highest)[KEPT]
        now = replace(survey, highest=self.hospital.given_out, taken_at=datetime.now(UTC))
        return replace(now, held=pd.concat([survey.held, new], ignore_index=True))

    @contextmanager
    def month(self, survey: MemorySurvey, month: str) -> Iterator[MemoryMonth]:
        yield MemoryMonth(self.hospital, self.stream, survey, month)

    def withdrawn(self) -> dict[str, int]:
        return {}


@dataclass(frozen=True)
class MemoryActivity:
    changes: int

    def unchanged_since(self, before: MemoryActivity) -> bool:
        return self.changes == before.changes


@dataclass(frozen=True)
class MemorySource:
    """An open hospital."""

    system: MemorySystem
    hospital: Any
    held: MemoryHospital

    def session(self) -> object:
        return self.held

    def clock(self) -> Clock:
        now = datetime.now(UTC).replace(tzinfo=None)
        return Clock(now, now, now, "UTC", "UTC")

    def activity(self) -> MemoryActivity:
        return MemoryActivity(self.held.changes)

    def filled(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, rows in self.held.rows.items() if rows))

    def replaced(self, stored: Mapping[str, Any]) -> str | None:
        return None if stored["name"] == self.held.name else "it has another name"

    def holders(self, others: Mapping[str, Mapping[str, Any]]) -> list[str]:
        return [key for key, stored in others.items() if stored["name"] == self.held.name]

    def fingerprint(self, stored: Mapping[str, Any] | None, surveys: Mapping[str, Any]) -> Fingerprint:
        uuids = tuple(row for stream in self.held.rows for row in self.held.frame(stream)["row_uuid"])
        named = tuple(f"{self.held.name}:{uuid}" for uuid in uuids)
        return Fingerprint({"name": self.held.name}, named, named[-16:])

    def reader(self, stream: str) -> MemoryReader:
        return MemoryReader(self.held, stream)

    def lookup(self, kind: str) -> Any:
        def empty(columns: Mapping[str, str]) -> pd.DataFrame:
            return pd.DataFrame(columns=list(columns)).astype(dict(columns))

        if kind == "concepts":
            frames = map(empty, (neutral.CONCEPTS, neutral.MAPPINGS, neutral.DRUGS))
            return neutral.ConceptLookup(*frames, None, None)
        if kind == "providers":
            return neutral.ProviderLookup(*map(empty, (neutral.PROVIDERS, neutral.USERS, neutral.ROLES)))
        return neutral.LocationLookup(*map(empty, (neutral.LOCATIONS, neutral.ENCOUNTER_TYPES)))

    def identifiers(self) -> pd.DataFrame:
        rows = pd.DataFrame(sorted(self.held.national_ids.items()), columns=["person_id", "identifier"])
        return rows.astype({"person_id": "int64", "identifier": "str"})

    def identifiers_digest(self) -> str:
        return str(sorted(self.held.national_ids.items()))


class MemorySystem:
    """Hospitals by key."""

    name = "memory"

    def __init__(self, hospitals: Mapping[str, MemoryHospital]) -> None:
        self.hospitals = hospitals
        self.streams = {name: MemoryStream(name) for name in (NOTES, LETTERS)}

    @contextmanager
    def open(self, hospital: Any, settings: Any) -> Iterator[MemorySource]:
        yield MemorySource(self, hospital, self.hospitals[hospital.key])

    def preflight(self, hospital: Any, settings: Any) -> Preflight:
        return Preflight(hospital.key)
