"""The interface of record systems: what the pipeline asks of OpenMRS, and of any other.

A record system keeps the rows of one or more streams (observations, conditions, ...). Each row has a number and a uuid
of its own, a day, and a checksum over all that is read of it. A hospital's day is the sum of its streams' days.

What belongs here: the protocols and the values that pass through them. What does not: how a system answers (its own
package), and which systems there are (systems). No connection, schema or cell of a database leaves `sources`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol, Self

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.row_references import References
from passport_pipeline.sources.clock import Clock
from passport_pipeline.sources.drafts import Drafter
from passport_pipeline.sources.findings import Preflight
from passport_pipeline.sources.lookups import ConceptLookup, LocationLookup, Lookups, ProviderLookup

Document = dict[str, Any]
Progress = Callable[[int, int], None]
"""progress(done, all): so much of a survey is done."""

LookupKind = Literal["concepts", "providers", "locations"]
Lookup = ConceptLookup | ProviderLookup | LocationLookup


class Activity(Protocol):
    """A cheap statement of what was last written; the system that gave it decides what counts as unchanged."""

    def unchanged_since(self, before: Any) -> bool:
        """Whether nothing was written after `before`, read in the same session; False where nobody can tell."""
        ...


class Survey(Protocol):
    """What one stream of a hospital holds. Only its own stream knows how it is kept."""

    @property
    def taken_at(self) -> datetime:
        """When it was begun, in UTC."""
        ...

    def digests(self, month: str | None = None) -> Mapping[date, Digest]:
        """The digest of every day that holds a live row, of one month (`YYYY-MM`) or of all."""
        ...

    def live_by_month(self) -> Mapping[str, int]:
        """Live rows of each month that holds any."""
        ...

    def outside(self, first_month: str, last_month: str) -> int:
        """Live rows of no month from the first to the last, those without a valid day among them."""
        ...

    @property
    def rows(self) -> int:
        """All rows, those too that do not count."""
        ...

    @property
    def live(self) -> int:
        """The rows that count."""
        ...

    def part(self, month: str, read: Self) -> pd.DataFrame:
        """What `read`, a later survey, holds of a month and a refresh of this survey would not read again."""
        ...

    def with_part(self, month: str, part: pd.DataFrame) -> Self:
        """This survey with such a part in place of its own."""
        ...

    def to_frames(self) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
        """The survey as frames and texts, to be stored."""
        ...


class MonthReader(Protocol):
    """One month of a stream, seen at one moment where the system can do that."""

    def digests(self, *, counted: bool = False) -> Mapping[date, Digest | int]:
        """The digest of each day that holds live rows; a number of live rows where `counted` says that this is enough,
        or where a digest is only known when the rows have been read. Raises SourceError.
        """
        ...

    def rows(self, days: Collection[date], batch_rows: int) -> Generator[pd.DataFrame]:
        """Frames of the live rows of these days, ordered by day, about `batch_rows` rows each; rows of one root are
        never split. To be exhausted or closed before anything else is asked. Columns as the stream's. Raises
        SourceError.
        """
        ...

    def row_checksums(self, day: date) -> pd.DataFrame:
        """The live rows of one day: core.digests.ROW_COLUMNS. Raises SourceError."""
        ...

    def survey(self) -> Survey:
        """What was read of the month so far, as a survey that holds this month alone."""
        ...


class StreamReader(Protocol):
    """A stream of a source that is open."""

    def survey(self, taken_at: datetime, progress: Progress | None = None) -> Survey:
        """Survey the whole stream. `taken_at` is now, by the clock of all stored surveys. Raises SourceError."""
        ...

    def refresh(self, survey: Any) -> Survey:
        """The survey with what is new since; may miss old rows that were changed in place. Raises SourceError."""
        ...

    def month(self, survey: Any, month: str) -> AbstractContextManager[MonthReader]:
        """Read one month, whose rows `survey` tells where to find. Raises SourceError."""
        ...

    def withdrawn(self) -> Mapping[str, int]:
        """Rows that nobody voided and that are not live all the same, by reason. Raises SourceError."""
        ...


class Stream(Drafter, Protocol):
    """What is known of a stream without a connection, so that a replay needs no hospital. Pure."""

    @property
    def name(self) -> str:
        """`observations`, `conditions`: part of every stored key."""
        ...

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns of its rows with their dtypes: at least row_crc int64, day datetime64[s], person_id int64 and
        person_uuid str, none of them null.
        """
        ...

    @property
    def rules_version(self) -> int:
        """The version of the rules by which it drafts: another one lets every day be loaded anew."""
        ...

    def load_survey(self, frames: Mapping[str, pd.DataFrame], texts: Mapping[str, str]) -> Survey | None:
        """Read what Survey.to_frames gave; None where an earlier version gave it that cannot be read any more."""
        ...

    def references(self, rows: pd.DataFrame) -> References:
        """What rows refer to, as ids by kind."""
        ...

    def unknown_references(self, lookups: Lookups, rows: pd.DataFrame) -> Mapping[str, Collection[int]]:
        """Those of the ids, by kind, that the lookups lack and a newer reading of them may hold."""
        ...


@dataclass(frozen=True)
class Fingerprint:
    """What is remembered of a database, to know it again.

    stored  as MongoDB keeps it; the content is the record system's
    rows    uuids of rows that are remembered, the newest last; none where the database holds no row
    newest  those of them that no other hospital's database has
    """

    stored: Document
    rows: tuple[str, ...]
    newest: tuple[str, ...]


class Source(Protocol):
    """One hospital's record system, open for reading and for nothing else."""

    @property
    def hospital(self) -> Hospital:
        """Whose it is."""
        ...

    @property
    def system(self) -> RecordSystem:
        """What kind it is of."""
        ...

    def session(self) -> object:
        """The same as long as the connection is: over another one, nothing that was noted of this one holds. Raises
        SourceError.
        """
        ...

    def clock(self) -> Clock:
        """The system's clock against this machine's. Raises SourceError."""
        ...

    def activity(self) -> Activity | None:
        """What was last written; None where the system does not tell. Raises SourceError."""
        ...

    def filled(self) -> tuple[str, ...]:
        """The main tables that hold any row: of a copy that was loaded by half some do not. Raises SourceError."""
        ...

    def replaced(self, known: Mapping[str, Any]) -> str | None:
        """Why this cannot be the database whose fingerprint `known` is, as it went on; None where it can. Raises
        SourceError.
        """
        ...

    def holders(self, others: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Those of the others (stored fingerprints by name) whose remembered rows this database holds. Raises
        SourceError.
        """
        ...

    def fingerprint(self, known: Mapping[str, Any] | None, surveys: Mapping[str, Survey]) -> Fingerprint:
        """What is to be remembered from now on; `known` is what was until now, `surveys` are those of the streams, as
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
        """A text that changes whenever `identifiers` would give something else. Raises SourceError."""
        ...


class RecordSystem(Protocol):
    """One kind of record system."""

    @property
    def name(self) -> str:
        """As hospitals.yaml names it."""
        ...

    @property
    def streams(self) -> Mapping[str, Stream]:
        """Its streams by name, in the order in which they are read."""
        ...

    def open(self, hospital: Hospital, settings: Settings) -> AbstractContextManager[Source]:
        """Open a hospital's system, and close it in the end. Raises ConfigurationError, SourceError."""
        ...

    def preflight(self, hospital: Hospital, settings: Settings) -> Preflight:
        """Look at one hospital before it is relied upon; what is wrong with it is a finding and no error."""
        ...
