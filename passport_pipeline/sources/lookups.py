"""What rows refer to, in the same words for every record system: concepts with names, mappings and ranges; providers
and users; locations.

Each lookup can be stored and compared by content, so that a replay needs no hospital and a renamed concept is noticed.

What belongs here: the lookups and their columns. What does not: reading them and finding the entries of a row (a record
system), what a concept means for a record (a stream).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import pandas as pd

T = TypeVar("T")

CONCEPTS = {
    "concept_id": "int64",
    "uuid": "str",
    "name": "str",
    "datatype": "str",
    "concept_class": "str",
    "handler": "str",
    "units": "str",
    "low_absolute": "float64",
    "low_critical": "float64",
    "low_normal": "float64",
    "hi_normal": "float64",
    "hi_critical": "float64",
    "hi_absolute": "float64",
    "display_precision": "Int64",
    "allow_decimal": "boolean",
    "retired": "bool",
}
NAMES = {"concept_id": "int64", "name": "str", "locale": "str", "kind": "str"}
MAPPINGS = {"concept_id": "int64", "source": "str", "code": "str", "map_type": "str"}
CONCEPT_RANGES = {
    "concept_id": "int64",
    "criteria": "str",
    "low_critical": "float64",
    "low_normal": "float64",
    "hi_normal": "float64",
    "hi_critical": "float64",
}
DRUGS = {"drug_id": "int64", "name": "str", "concept_id": "int64", "strength": "str"}
BOOLEANS = {"true_concept_id": "Int64", "false_concept_id": "Int64"}
PROVIDERS = {
    "provider_id": "int64",
    "uuid": "str",
    "name": "str",
    "identifier": "str",
    "prefix": "str",
    "degree": "str",
    "kind": "str",
}
USERS = {
    "user_id": "int64",
    "uuid": "str",
    "name": "str",
    "prefix": "str",
    "degree": "str",
    "provider_id": "Int64",
    "kind": "str",
}
ROLES = {"encounter_role_id": "int64", "uuid": "str", "name": "str"}
LOCATIONS = {"location_id": "int64", "uuid": "str", "name": "str"}
ENCOUNTER_TYPES = {"encounter_type_id": "int64", "uuid": "str", "name": "str"}

FULL, SHORT, SYNONYM, SEARCHED = "full", "short", "synonym", "searched"
"""Of a concept's name (`kind`): fully specified; short; another name of the same; a term that only finds it."""

TECHNICAL, CLERK = "technical", "clerk"
"""Of a provider or user (`kind`): no person, but an account of the software; a person who registers or types."""


def no_names() -> pd.DataFrame:
    """ConceptLookup.names of which nothing is known."""
    return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in NAMES.items()})


@dataclass(frozen=True)
class ConceptLookup:
    """The concepts in use: asked, answered, given as a drug, members of a set in use, true and false.

    concepts  CONCEPTS; null may be name, handler (what stores complex values), units, the ranges, display_precision,
              allow_decimal. Ranges are in `units`. The name is chosen by the hospital's locale chain.
    mappings  MAPPINGS, one row a mapping; map_type may be null
    drugs     DRUGS in use; strength may be null
    ranges    CONCEPT_RANGES, one row a range that is for some persons alone, as `criteria` say; limits may be null
    true_id, false_id   what the global properties concept.true and concept.false name
    names     NAMES, one row a name in any language; locale as the record system has it ("en_GB"), kind is FULL, SHORT,
              SYNONYM or SEARCHED, nothing null. Empty where a former version stored the lookup: then `concepts` has
              the only name that is known
    """

    concepts: pd.DataFrame
    mappings: pd.DataFrame
    drugs: pd.DataFrame
    true_id: int | None
    false_id: int | None
    names: pd.DataFrame = field(default_factory=no_names)
    ranges: pd.DataFrame = field(default_factory=lambda: _empty(CONCEPT_RANGES))

    def frames(self) -> dict[str, pd.DataFrame]:
        """As Batches keeps it."""
        ids = pd.DataFrame({"true_concept_id": [self.true_id], "false_concept_id": [self.false_id]})
        return {
            "concepts": self.concepts,
            "mappings": self.mappings,
            "drugs": self.drugs,
            "booleans": ids.astype(BOOLEANS),
            "names": self.names,
            "ranges": self.ranges,
        }

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Read what `frames` gave; columns that a former version did not store are null; it stored no names."""
        row = frames["booleans"].iloc[0]
        true_id, false_id = (None if pd.isna(concept_id) else int(concept_id) for concept_id in row)
        concepts, ranges = _completed(frames["concepts"], CONCEPTS), frames.get("ranges", _empty(CONCEPT_RANGES))
        names = frames["names"] if "names" in frames else no_names()
        return cls(concepts, frames["mappings"], frames["drugs"], true_id, false_id, names, ranges)

    def content_hash(self) -> str:
        """The same for the same content, in any order."""
        return _hash(self.frames())


@dataclass(frozen=True)
class ProviderLookup:
    """Clinicians, and users who type.

    providers  PROVIDERS; name is the person's, else the record's own; kind is TECHNICAL, CLERK or null; null may be
               all but provider_id
    users      USERS; provider_id is the provider record of the same person, null where there is none; kind as above
    roles      ROLES of providers in encounters; uuid may be null
    """

    providers: pd.DataFrame
    users: pd.DataFrame
    roles: pd.DataFrame

    def frames(self) -> dict[str, pd.DataFrame]:
        """As Batches keeps it."""
        return {"providers": self.providers, "users": self.users, "roles": self.roles}

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Read what `frames` gave; columns that a former version did not store are null."""
        dtypes = {"providers": PROVIDERS, "users": USERS, "roles": ROLES}
        return cls(**{name: _completed(frames[name], columns) for name, columns in dtypes.items()})

    def content_hash(self) -> str:
        """The same for the same content, in any order."""
        return _hash(self.frames())


@dataclass(frozen=True)
class LocationLookup:
    """Places and kinds of encounter: locations LOCATIONS, encounter_types ENCOUNTER_TYPES; only a uuid may be null."""

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
    _derived: dict[Callable[[Lookups], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def derived(self, make: Callable[[Lookups], T]) -> T:
        """The result of `make`, computed once for these lookups: a frame has few rows, a dictionary thousands of
        concepts.
        """
        if make not in self._derived:
            self._derived[make] = make(self)
        made: T = self._derived[make]
        return made


def _empty(dtypes: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes.items()})


def _completed(frame: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """The frame with all of these columns."""
    lacking = {name: dtype for name, dtype in dtypes.items() if name not in frame.columns}
    if not lacking:
        return frame
    return frame.assign(**{name: pd.Series(None, frame.index, dtype=dtype) for name, dtype in lacking.items()})[
        list(dtypes)
    ]


def _hash(frames: Mapping[str, pd.DataFrame]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, frame in sorted(frames.items()):
        ordered = frame[sorted(frame.columns)]
        lines = sorted(ordered.to_csv(index=False, header=False, na_rep="\\N").splitlines())
        digest.update("\n".join((name, *sorted(frame.columns), *lines, "")).encode())
    return digest.hexdigest()
