"""What observations refer to: concepts with names, mappings and ranges; providers and users; locations.

Each lookup takes a fixed number of statements, whatever a hospital holds, and can be kept and compared by
content, so that a replay needs no hospital and a renamed concept is noticed.

What belongs here: the lookups, put together from frames. What does not: the statements (openmrs.statements),
which name a concept goes by (openmrs.names), what a concept means for a record (records.categories).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from passport_pipeline.core.row_references import References
from passport_pipeline.sources.openmrs import tables as t
from passport_pipeline.sources.openmrs.lookup_queries import (
    BOOLEANS,
    CONCEPTS,
    ENCOUNTER_TYPES,
    LOCATIONS,
    PROVIDERS,
    ROLES,
    USERS,
    Statements,
    shaped,
)
from passport_pipeline.sources.openmrs.names import clean, concept_names, person_names
from passport_pipeline.sources.openmrs.source import Source

_LONGEST_ID = 18  # digits that a 64-bit integer holds, whichever they are


@dataclass(frozen=True)
class ConceptLookup:
    """The concepts in use: asked, answered, given as a drug, members of a set in use, true and false.

    concepts  CONCEPTS; null may be name, units, the ranges, display_precision, allow_decimal. Ranges are in
              `units`. The name is chosen by the hospital's locale chain.
    mappings  MAPPINGS, one row a mapping; map_type may be null
    drugs     DRUGS in use; strength may be null
    true_id, false_id   what the global properties concept.true and concept.false name
    """

    concepts: pd.DataFrame
    mappings: pd.DataFrame
    drugs: pd.DataFrame
    true_id: int | None
    false_id: int | None

    def frames(self) -> dict[str, pd.DataFrame]:
        """As Batches keeps it."""
        ids = pd.DataFrame({"true_concept_id": [self.true_id], "false_concept_id": [self.false_id]})
        return {
            "concepts": self.concepts,
            "mappings": self.mappings,
            "drugs": self.drugs,
            "booleans": ids.astype(BOOLEANS),
        }

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Read what `frames` gave."""
        ids = frames["booleans"].iloc[0]
        true_id, false_id = (None if pd.isna(one) else int(one) for one in ids)
        return cls(frames["concepts"], frames["mappings"], frames["drugs"], true_id, false_id)

    def content_hash(self) -> str:
        """The same for the same content, in any order."""
        return _hash(self.frames())


@dataclass(frozen=True)
class ProviderLookup:
    """Who treats and who types.

    providers  PROVIDERS; name is the person's, else the record's own; null may be all but provider_id
    users      USERS; provider_id is the provider record of the same person, null where there is none
    roles      ROLES of providers in encounters
    """

    providers: pd.DataFrame
    users: pd.DataFrame
    roles: pd.DataFrame

    def frames(self) -> dict[str, pd.DataFrame]:
        """As Batches keeps it."""
        return {"providers": self.providers, "users": self.users, "roles": self.roles}

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Read what `frames` gave."""
        return cls(frames["providers"], frames["users"], frames["roles"])

    def content_hash(self) -> str:
        """The same for the same content, in any order."""
        return _hash(self.frames())


@dataclass(frozen=True)
class LocationLookup:
    """Where: locations LOCATIONS and encounter_types ENCOUNTER_TYPES, nothing null but perhaps a uuid."""

    locations: pd.DataFrame
    encounter_types: pd.DataFrame

    def frames(self) -> dict[str, pd.DataFrame]:
        """As Batches keeps it."""
        return {"locations": self.locations, "encounter_types": self.encounter_types}

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Read what `frames` gave."""
        return cls(frames["locations"], frames["encounter_types"])

    def content_hash(self) -> str:
        """The same for the same content, in any order."""
        return _hash(self.frames())


@dataclass(frozen=True)
class Lookups:
    """All three."""

    concepts: ConceptLookup
    providers: ProviderLookup
    locations: LocationLookup


def read_concepts(source: Source) -> ConceptLookup:
    """Read the concepts in use, with seven statements. Raises SourceError."""
    with source.reading() as connection:
        read = Statements(connection, source.schema)
        true_id, false_id = read.booleans()
        used = read.used_concepts() | {one for one in (true_id, false_id) if one is not None}
        used |= read.members(used)
        ids = sorted(used)
        concepts = read.concepts(ids)
        names = concept_names(read.names(ids), source.hospital.settings.locales)
        concepts["name"] = clean(concepts["concept_id"].map(names))
        return ConceptLookup(shaped(concepts, CONCEPTS), read.mappings(ids), read.drugs(), true_id, false_id)


def read_providers(source: Source) -> ProviderLookup:
    """Read providers, users and encounter roles, with four statements. Raises SourceError."""
    with source.reading() as connection:
        read = Statements(connection, source.schema)
        called = person_names(read.person_names())
        providers = read.table(t.provider, ("provider_id", "person_id", "uuid", "name", "identifier", "retired"))
        users = read.table(t.users, ("user_id", "person_id", "uuid"))
        roles = read.table(t.encounter_role, ("encounter_role_id", "name"))
    own = providers.sort_values(["retired", "provider_id"]).dropna(subset="person_id")
    provider_of = own.drop_duplicates("person_id").set_index("person_id")["provider_id"]
    users["provider_id"] = users["person_id"].map(provider_of)
    users["name"] = users["person_id"].map(called["name"])
    providers["name"] = providers["person_id"].map(called["name"]).fillna(clean(providers["name"]))
    for frame in (providers, users):
        frame["prefix"] = frame["person_id"].map(called["prefix"])
    return ProviderLookup(shaped(providers, PROVIDERS), shaped(users, USERS), shaped(roles, ROLES))


def read_locations(source: Source) -> LocationLookup:
    """Read locations and encounter types, with two statements. Raises SourceError."""
    with source.reading() as connection:
        read = Statements(connection, source.schema)
        return LocationLookup(
            shaped(read.table(t.location, tuple(LOCATIONS)), LOCATIONS),
            shaped(read.table(t.encounter_type, tuple(ENCOUNTER_TYPES)), ENCOUNTER_TYPES),
        )


def references(observations: pd.DataFrame) -> References:
    """What observations refer to, by kind.

    Kinds: concept (asked or answered), drug, provider and role (of the encounter), user (who typed), location,
    encounter_type, person, boolean (1 and 0 as such, which go by the names of the concepts of true and false).
    """
    listed = " ".join(observations["providers"].dropna().unique().tolist()).split()
    parts = [entry.partition(":") for entry in listed]
    columns = {
        "drug": "value_drug",
        "user": "creator",
        "location": "location_id",
        "encounter_type": "encounter_type_id",
        "person": "person_id",
        "boolean": "value_boolean",
    }
    concepts = [observations[name].dropna().unique() for name in ("concept_id", "value_coded")]
    return References.of(
        {
            "concept": np.concatenate([np.asarray(ids, dtype=np.int64) for ids in concepts]),
            "provider": _ids(provider for provider, _, _ in parts),
            "role": _ids(role for _, _, role in parts),
            **{kind: observations[name].dropna().to_numpy(dtype=np.int64) for kind, name in columns.items()},
        }
    )


def _ids(texts: Iterable[str]) -> list[int]:
    """Those of the texts that can be ids: nothing else is in a lookup."""
    return [int(text) for text in texts if text.isdecimal() and len(text) <= _LONGEST_ID]


def unknown_references(lookups: Lookups, observations: pd.DataFrame) -> dict[str, set[int]]:
    """The ids that observations name and the lookups lack, by kind as in `references`; empty where they lack
    nothing.
    """
    known = {
        "concept": lookups.concepts.concepts["concept_id"],
        "drug": lookups.concepts.drugs["drug_id"],
        "provider": lookups.providers.providers["provider_id"],
        "role": lookups.providers.roles["encounter_role_id"],
        "user": lookups.providers.users["user_id"],
        "location": lookups.locations.locations["location_id"],
        "encounter_type": lookups.locations.encounter_types["encounter_type_id"],
    }
    named = references(observations)
    found = {kind: set(named[kind].tolist()).difference(ids.tolist()) for kind, ids in known.items()}
    return {kind: ids for kind, ids in found.items() if ids}


def _hash(frames: Mapping[str, pd.DataFrame]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, frame in sorted(frames.items()):
        ordered = frame[sorted(frame.columns)]
        lines = sorted(ordered.to_csv(index=False, header=False, na_rep="\\N").splitlines())
        digest.update("\n".join((name, *sorted(frame.columns), *lines, "")).encode())
    return digest.hexdigest()
