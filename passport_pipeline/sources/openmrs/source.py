"""OpenMRS behind the interface of record systems.

What belongs here: which part of this package answers which call. What does not: statements, sessions, rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.sources.base import Fingerprint, Lookup, LookupKind, Stream
from passport_pipeline.sources.clock import Clock
from passport_pipeline.sources.findings import Preflight
from passport_pipeline.sources.mysql import fingerprint
from passport_pipeline.sources.mysql.activity import Activity, read_activity
from passport_pipeline.sources.mysql.clock import read_clock
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.mysql.table_reader import TableReader
from passport_pipeline.sources.openmrs.filled import filled_tables
from passport_pipeline.sources.openmrs.identifiers import identifiers_digest, read_identifiers
from passport_pipeline.sources.openmrs.lookups import read_concepts, read_locations, read_providers
from passport_pipeline.sources.openmrs.observations.stream import OBSERVATIONS, Observations, observation_reader
from passport_pipeline.sources.openmrs.preflight import check_hospital
from passport_pipeline.sources.openmrs.schema import probe

# The tables that decide which rows are live, on which day and with what checksum, and which older blocks are read
# again.
WATCHED = (
    "obs",
    "obs_reference_range",
    "encounter",
    "encounter_provider",
    "provider",
    "visit",
    "person",
    "patient",
    "person_merge_log",
)

_READ_LOOKUP: dict[LookupKind, Callable[[Database], Lookup]] = {
    "concepts": read_concepts,
    "providers": read_providers,
    "locations": read_locations,
}


class OpenMrs:
    """The record system."""

    name = "openmrs"
    streams: Mapping[str, Stream] = {OBSERVATIONS: Observations()}

    @contextmanager
    def open(self, hospital: Hospital, settings: Settings) -> Iterator[OpenMrsSource]:
        """As RecordSystem.open. Also raises SourceRefused where it is no OpenMRS database."""
        with Database.open(hospital, settings, probe) as database:
            yield OpenMrsSource(self, database)

    def preflight(self, hospital: Hospital, settings: Settings) -> Preflight:
        """As RecordSystem.preflight."""
        return check_hospital(hospital, settings)


class OpenMrsSource:
    """One hospital's database."""

    def __init__(self, system: OpenMrs, database: Database) -> None:
        self.system, self.database = system, database
        self.hospital = database.hospital
        self._observations = observation_reader(database)

    def session(self) -> object:
        """As Source.session: the driver's connection."""
        with self.database.reading() as connection:
            return connection.connection.dbapi_connection

    def clock(self) -> Clock:
        """As Source.clock."""
        with self.database.reading() as connection:
            return read_clock(connection)

    def activity(self) -> Activity | None:
        """As Source.activity."""
        with self.database.reading() as connection:
            return read_activity(connection, [name for name in WATCHED if self.database.schema.has(name)], "obs")

    def filled(self) -> tuple[str, ...]:
        """As Source.filled."""
        with self.database.reading() as connection:
            return filled_tables(connection)

    def replaced(self, stored: Mapping[str, Any]) -> str | None:
        """As Source.replaced."""
        with self.database.reading() as connection:
            return fingerprint.replaced(connection, self._observations.rows, fingerprint.Fingerprint.from_json(stored))

    def holders(self, others: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """As Source.holders."""
        fingerprints = {name: fingerprint.Fingerprint.from_json(stored) for name, stored in others.items()}
        with self.database.reading() as connection:
            return fingerprint.holders(connection, self._observations.rows, fingerprints)

    def fingerprint(self, stored: Mapping[str, Any] | None, surveys: Mapping[str, Any]) -> Fingerprint:
        """As Source.fingerprint."""
        previous = fingerprint.Fingerprint.from_json(stored) if stored else None
        with self.database.reading() as connection:
            now = fingerprint.read_fingerprint(connection, self._observations.rows, previous)
        if OBSERVATIONS in surveys:
            now = now.reaching(surveys[OBSERVATIONS].max_row_id)
        return Fingerprint(now.to_json(), tuple(now.anchors.values()), tuple(now.newest))

    def reader(self, stream: str) -> TableReader:
        """As Source.reader."""
        return {OBSERVATIONS: self._observations}[stream]

    def lookup(self, kind: LookupKind) -> Lookup:
        """As Source.lookup."""
        return _READ_LOOKUP[kind](self.database)

    def identifiers(self) -> pd.DataFrame:
        """As Source.identifiers."""
        return read_identifiers(self.database)

    def identifiers_digest(self) -> str:
        """As Source.identifiers_digest."""
        return identifiers_digest(self.database)
