"""Snapshots of what observations refer to: concepts, providers, locations, identifiers.

What belongs here: keeping them beside the raw batches, so that a replay needs no hospital, and renewing them
when a window needs more than they hold. What does not: reading them (openmrs), where files lie (batches).
"""

from __future__ import annotations

import pandas as pd

from passport_pipeline.batches import Batches
from passport_pipeline.openmrs.identifiers import identifiers_digest, read_identifiers
from passport_pipeline.openmrs.lookups import (
    ConceptLookup,
    LocationLookup,
    Lookups,
    ProviderLookup,
    read_concepts,
    read_locations,
    read_providers,
)
from passport_pipeline.openmrs.source import Source

CONCEPTS, PROVIDERS, LOCATIONS = "concepts", "providers", "locations"
IDENTIFIERS = "identifiers"


def renew_concepts(source: Source, batches: Batches) -> ConceptLookup:
    """Read the concepts in use and keep them."""
    lookup = read_concepts(source)
    batches.write_frames(source.hospital.key, CONCEPTS, lookup.frames(), {"hash": lookup.content_hash()})
    return lookup


def renew_providers(source: Source, batches: Batches) -> ProviderLookup:
    """Read the providers, the users that typed, and the encounter roles, and keep them."""
    lookup = read_providers(source)
    batches.write_frames(source.hospital.key, PROVIDERS, lookup.frames(), {"hash": lookup.content_hash()})
    return lookup


def renew_locations(source: Source, batches: Batches) -> LocationLookup:
    """Read the locations and encounter types and keep them."""
    lookup = read_locations(source)
    batches.write_frames(source.hospital.key, LOCATIONS, lookup.frames(), {"hash": lookup.content_hash()})
    return lookup


def renew_identifiers(source: Source, batches: Batches) -> pd.DataFrame:
    """Read the national identifiers, unless the kept ones have the digest that the hospital shows now.

    Columns as `openmrs.identifiers.read_identifiers`.
    """
    digest = identifiers_digest(source)
    stored = batches.read_frames(source.hospital.key, IDENTIFIERS)
    if stored and stored[1].get("digest") == digest:
        return stored[0][IDENTIFIERS]
    identifiers = read_identifiers(source)
    batches.write_frames(source.hospital.key, IDENTIFIERS, {IDENTIFIERS: identifiers}, {"digest": digest})
    return identifiers


def stored_identifiers(hospital_key: str, batches: Batches) -> pd.DataFrame | None:
    """The kept national identifiers, if there are any; columns as `openmrs.identifiers.read_identifiers`."""
    stored = batches.read_frames(hospital_key, IDENTIFIERS)
    return stored[0][IDENTIFIERS] if stored else None


def stored_lookups(hospital_key: str, batches: Batches) -> Lookups | None:
    """The kept lookups, or None where one of them was never read."""
    concepts = batches.read_frames(hospital_key, CONCEPTS)
    providers = batches.read_frames(hospital_key, PROVIDERS)
    locations = batches.read_frames(hospital_key, LOCATIONS)
    if concepts is None or providers is None or locations is None:
        return None
    return Lookups(
        concepts=ConceptLookup.from_frames(concepts[0]),
        providers=ProviderLookup.from_frames(providers[0]),
        locations=LocationLookup.from_frames(locations[0]),
    )


def renew_lookups(source: Source, batches: Batches) -> Lookups:
    """Read all three lookups and keep them."""
    return Lookups(
        concepts=renew_concepts(source, batches),
        providers=renew_providers(source, batches),
        locations=renew_locations(source, batches),
    )
