"""The interface of record systems: what the pipeline asks of OpenMRS, and of any other.

A record system holds the rows of one or more streams (observations, conditions, ...). Each row has a number, a uuid, a
day, and a checksum over all that is read of it. A hospital's day is the sum of its streams' days.

What belongs here: the protocols and the values that pass through them. What does not: how a system answers (its own
package), and which systems there are (systems). No connection, schema or cell of a database leaves `sources`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.row_references import Ids, References
from passport_pipeline.sources.clock import Clock
from passport_pipeline.sources.drafts import Drafter
from passport_pipeline.sources.findings import Preflight
from passport_pipeline.sources.lookups import ConceptLookup, LocationLookup, Lookups, ProviderLookup

Document = dict[str, Any]
Progress = Callable[[int, int], None]
"""progress(done, all): how much of a survey is done."""

LookupKind = Literal["concepts", "providers", "locations"]
Lookup = ConceptLookup | ProviderLookup | LocationLookup


class Activity(Protocol):
    """A cheap statement of what was last written; the system that gave it decides what counts as unchanged."""

    def unchanged_since(self, before: Any) -> bool:
        """Whether nothing was written after `before`, read in the same session; False where that is unknown."""
        ...


class Survey(Protocol):
    """What one stream of a hospital holds. Its form is known to the stream alone."""

    @property
    def taken_at(self) -> datetime:
        """When reading began, in UTC."""
        ...

    def digests(self, month: str | None = None) -> Mapping[date, Digest]:
        """The digest of every day that holds a live row, of one month (`YYYY-MM`) or of all."""
        ...

    def live_by_month(self) -> Mapping[str, int]:
        """Live rows of each month that holds any."""
        ...

    def outside(self, first_month: str, last_month: str) -> int:
        """Live rows before the first month or after the last one, or without a valid day."""
        ...

    @property
    def rows(self) -> int:
        """All rows, live or not."""
        ...

    @property
    def live(self) -> int:
        """Live rows."""
        ...

    def part(self, month: str, read: Self) -> pd.DataFrame:
        """What `read`, a later survey, holds of a month, but for what a refresh of this survey reads again anyhow."""
        ...

    def with_part(self, month: str, part: pd.DataFrame) -> Self:
        """This survey with such a part instead of its own."""
        ...

    def to_frames(self) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
        """The survey as frames and texts, to be stored."""
        ...


class MonthReader(Protocol):
    """One month of a stream, seen at one moment where the system can do that."""

    def digests(self, *, counted: bool = False) -> Mapping[date, Digest | int]:
        """The digest of each day that holds live rows; the number of live rows where `counted` says that this is
        enough, or where the digest is known only after the rows were read. Raises SourceError.
        """
        ...

    def rows(self, days: Collection[date], batch_rows: int) -> Generator[pd.DataFrame]:
        """Frames of the live rows of these days, ordered by day, about `batch_rows` rows each; rows of one root are
        never split. To be exhausted or closed before any other call. The columns are the stream's. Raises
        SourceError.
        """
        ...

    def row_checksums(self, day: date) -> pd.DataFrame:
        """The live rows of one day: core.digests.ROW_COLUMNS. Raises SourceError."""
        ...

    def survey(self) -> Survey:
        """What was read of the month so far, as a survey of this month alone."""
        ...


class StreamReader(Protocol):
    """A stream of an open source."""

    def survey(self, taken_at: datetime, progress: Progress | None = None) -> Survey:
        """Survey the whole stream. `taken_at` is now, by the clock of all stored surveys. Raises SourceError."""
        ...

    def refresh(self, survey: Any) -> Survey:
        """The survey with later rows; may miss old rows that were changed in place. Raises SourceError."""
        ...

    def month(self, survey: Any, month: str) -> AbstractContextManager[MonthReader]:
        """Read one month; `survey` says where its rows are. Raises SourceError."""
        ...

    def withdrawn(self) -> Mapping[str, int]:
        """Unvoided rows that are not live, by reason. Raises SourceError."""
        ...


class Stream(Drafter, Protocol):
    """What is known of a stream without a connection, so that a replay needs no hospital. Pure."""

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns of its rows with their dtypes: at least row_crc int64, day datetime64[s], person_id int64 and
        person_uuid str, none of them null.
        """
        ...

    @property
    def rules_version(self) -> int:
        """The version of the rules by which it drafts: after a change every day is loaded again."""
        ...

    def load_survey(self, frames: Mapping[str, pd.DataFrame], texts: Mapping[str, str]) -> Survey | None:
        """Read the result of Survey.to_frames; None where it comes from a version that cannot be read any more."""
        ...

    def decided(self, lookups: Lookups, hospital: Hospital) -> pd.DataFrame:
        """What the hospital's overlays decide of concepts, as far as records depend on it: concept_id int64, decided
        str, for each concept that they name.
        """
        ...

    def labels(self, lookups: Lookups, hospital: Hospital) -> pd.DataFrame:
        """How sensitive concepts are: concept_id int64, labels (a sorted tuple of str), for each that is."""
        ...

    def decisions(self, rows: pd.DataFrame, lookups: Lookups, hospital: Hospital) -> pd.DataFrame:
        """What becomes of each row of a frame of whole groups and by which rule, in the frame's order; no value of a
        row is told.

        row_id int64; concept_id int64 (the question); value_type str (of drafts.VALUE_TYPES, null for a row without a
        value); becomes str (of drafts.RECORD_TYPES, or drafts.PART, PARKED or SKIPPED); point int64 (of the order of
        evidence, 1 to 6); why str (the reason of the rule, or of the overlay's entry); veto str (why it is a plain
        answer although the rule says otherwise, else null); reason str (why it is parked or skipped, else null).
        """
        ...

    def explained(self, rows: pd.DataFrame, lookups: Lookups, hospital: Hospital, concept_id: int) -> pd.DataFrame:
        """The decisions on the rows with this question alone, with what they went by: matched str (what of the question
        the rule asks for; null for an overlay), cue str (where the veto was found; else null).
        """
        ...

    def known_codes(self) -> Mapping[str, str]:
        """What the rules make of a question by its mapping alone: of drafts.RECORD_TYPES by `source:code`."""
        ...

    def under_rules(
        self, folder: Path, lookups: Lookups, hospital: Hospital
    ) -> AbstractContextManager[Callable[[pd.DataFrame], Callable[[], pd.DataFrame]]]:
        """What begins to decide on a frame by the rules of another folder, and gives what waits for the decisions.
        Raises ConfigurationError where the rules are faulty.
        """
        ...

    def references(self, rows: pd.DataFrame) -> References:
        """What rows refer to, as ids by kind."""
        ...

    def naming(self, rows: pd.DataFrame, concepts: Ids) -> pd.DataFrame:
        """The rows that have one of these concepts as question or answer: row_id and concept_id int64, day
        datetime64[s]; one row for each concept of a row.
        """
        ...

    def unknown_references(self, lookups: Lookups, rows: pd.DataFrame) -> Mapping[str, Collection[int]]:
        """The ids, by kind, that the lookups lack; lookups that are read again may hold them."""
        ...


@dataclass(frozen=True)
class Fingerprint:
    """What is remembered of a database, to recognise it.

    stored  as MongoDB stores it; the record system decides the content
    rows    uuids of the remembered rows, the newest last; none where the database holds no row
    newest  the newest of them, which no other hospital's database has
    """

    stored: Document
    rows: tuple[str, ...]
    newest: tuple[str, ...]


class Source(Protocol):
    """One hospital's record system, open for reading only."""

    @property
    def hospital(self) -> Hospital:
        """The hospital."""
        ...

    @property
    def system(self) -> RecordSystem:
        """The kind of record system."""
        ...

    def session(self) -> object:
        """An object that is the same as long as the connection is; activities are comparable within one session alone.
        Raises SourceError.
        """
        ...

    def clock(self) -> Clock:
        """The system's clock against this machine's. Raises SourceError."""
        ...

    def activity(self) -> Activity | None:
        """What was last written; None where the system does not know it. Raises SourceError."""
        ...

    def filled(self) -> tuple[str, ...]:
        """The main tables that hold any row; in a copy that was loaded in part, some do not. Raises SourceError."""
        ...

    def replaced(self, stored: Mapping[str, Any]) -> str | None:
        """Why this is not the database with the fingerprint `stored`, with later changes; None where it may be. Raises
        SourceError.
        """
        ...

    def holders(self, others: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Which of the others (stored fingerprints by name) have their remembered rows in this database. Raises
        SourceError.
        """
        ...

    def fingerprint(self, stored: Mapping[str, Any] | None, surveys: Mapping[str, Survey]) -> Fingerprint:
        """What to remember from now on; `stored` is what was remembered so far, `surveys` are those of the streams, as
        far as there are any. Raises SourceError.
        """
        ...

    def reader(self, stream: str) -> StreamReader:
        """The reader of a stream."""
        ...

    def lookup(self, kind: LookupKind) -> Lookup:
        """Read one lookup. Raises SourceError."""
        ...

    def identifiers(self) -> pd.DataFrame:
        """The national identifiers of persons as they were typed: person_id int64, identifier str, nothing null.
        Raises SourceError.
        """
        ...

    def identifiers_digest(self) -> str:
        """A text that changes whenever the result of `identifiers` does. Raises SourceError."""
        ...


class RecordSystem(Protocol):
    """One kind of record system."""

    @property
    def name(self) -> str:
        """As hospitals.yaml names it."""
        ...

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The streams by name, in the order in which they are read."""
        ...

    def open(self, hospital: Hospital, settings: Settings) -> AbstractContextManager[Source]:
        """Open a hospital's system, and close it in the end. Raises ConfigurationError, SourceError."""
        ...

    def preflight(self, hospital: Hospital, settings: Settings) -> Preflight:
        """Check one hospital before it is relied upon. What is wrong with it is a finding, not an error."""
        ...
