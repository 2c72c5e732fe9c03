"""Reading what observations refer to, and which of it a frame of observations names.

Each lookup takes a fixed number of statements, whatever a hospital holds.

What belongs here: lookups (sources.lookups), built from frames. What does not: the statements (lookup_queries),
choosing a concept's name (names), telling clerks from clinicians (staff), what a concept means for a record
(observations.categories).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from passport_pipeline.core.row_references import References
from passport_pipeline.sources.lookups import (
    CONCEPTS,
    ENCOUNTER_TYPES,
    LOCATIONS,
    NAMES,
    PROVIDERS,
    ROLES,
    USERS,
    ConceptLookup,
    LocationLookup,
    Lookups,
    ProviderLookup,
)
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.openmrs import tables as t
from passport_pipeline.sources.openmrs.lookup_queries import Statements, shaped
from passport_pipeline.sources.openmrs.names import clean, concept_names, every_name, person_names
from passport_pipeline.sources.openmrs.staff import kinds

_LONGEST_ID = 18  # digits that a 64-bit integer holds, whichever they are


def read_concepts(database: Database) -> ConceptLookup:
    """Read the concepts in use, with eight statements. Raises SourceError."""
    with database.reading() as connection:
        read = Statements(connection, database.schema)
        true_id, false_id = read.booleans()
        used = read.used_concepts() | {concept_id for concept_id in (true_id, false_id) if concept_id is not None}
        used |= read.members(used)
        ids = sorted(used)
        concepts = read.concepts(ids)
        names = read.names(ids)
        shown = concept_names(names, database.hospital.settings.locales)
        concepts["name"] = clean(concepts["concept_id"].map(shown))
        return ConceptLookup(
            concepts=shaped(concepts, CONCEPTS),
            mappings=read.mappings(ids),
            drugs=read.drugs(),
            true_id=true_id,
            false_id=false_id,
            names=shaped(every_name(names), NAMES),
            ranges=read.ranges(ids),
        )


def read_providers(database: Database) -> ProviderLookup:
    """Read providers, users and encounter roles, with seven statements at most. Raises SourceError."""
    with database.reading() as connection:
        read = Statements(connection, database.schema)
        names = person_names(read.person_names())
        providers = read.table(t.provider, ("provider_id", "person_id", "uuid", "name", "identifier", "retired"))
        users = read.users()
        roles = read.table(t.encounter_role, tuple(ROLES))
        kind = kinds(
            providers,
            users,
            roles,
            entered=read.entered_roles(),
            provider_roles=read.provider_roles(),
            user_roles=read.table(t.user_role, ("user_id", "role")),
        )
    preferred = providers.sort_values(["retired", "provider_id"]).dropna(subset="person_id")
    provider_of = preferred.drop_duplicates("person_id").set_index("person_id")["provider_id"]
    users["provider_id"] = users["person_id"].map(provider_of)
    users["name"] = users["person_id"].map(names["name"])
    providers["name"] = clean(providers["person_id"].map(names["name"])).fillna(clean(providers["name"]))
    for frame in (providers, users):
        frame["kind"] = frame["person_id"].map(pd.Series(kind, dtype="str"))
        for column in ("prefix", "degree"):
            frame[column] = frame["person_id"].map(names[column])
    return ProviderLookup(shaped(providers, PROVIDERS), shaped(users, USERS), shaped(roles, ROLES))


def read_locations(database: Database) -> LocationLookup:
    """Read locations and encounter types, with two statements. Raises SourceError."""
    with database.reading() as connection:
        read = Statements(connection, database.schema)
        return LocationLookup(
            shaped(read.table(t.location, tuple(LOCATIONS)), LOCATIONS),
            shaped(read.table(t.encounter_type, tuple(ENCOUNTER_TYPES)), ENCOUNTER_TYPES),
        )


def references(observations: pd.DataFrame) -> References:
    """What observations refer to, by kind.

    Kinds: concept (asked or answered), drug, provider and role (of the encounter), user (who typed), location,
    encounter_type, person, boolean (1 and 0, shown by the names of the concepts of true and false).
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
    """The texts that can be ids, as numbers: no lookup holds any other."""
    return [int(text) for text in texts if text.isdecimal() and len(text) <= _LONGEST_ID]


def unknown_references(lookups: Lookups, observations: pd.DataFrame) -> dict[str, set[int]]:
    """The ids that observations name and the lookups lack, by kind as in `references`; kinds without any are absent."""
    looked_up = {
        "concept": lookups.concepts.concepts["concept_id"],
        "drug": lookups.concepts.drugs["drug_id"],
        "provider": lookups.providers.providers["provider_id"],
        "role": lookups.providers.roles["encounter_role_id"],
        "user": lookups.providers.users["user_id"],
        "location": lookups.locations.locations["location_id"],
        "encounter_type": lookups.locations.encounter_types["encounter_type_id"],
    }
    referred = references(observations)
    unknown = {kind: set(referred[kind].tolist()).difference(ids.tolist()) for kind, ids in looked_up.items()}
    return {kind: ids for kind, ids in unknown.items() if ids}
