"""Stored lookups of what rows refer to (concepts, providers, locations), and of who has which national id.

What belongs here: storing them beside the raw batches, so that a replay needs no hospital, and renewing them when a
window needs more than they hold. What does not: reading them (sources), where files lie (batches).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.identity.matching import IDENTITY_VERSION, national_ids
from passport_pipeline.sources.base import Lookup, LookupKind, Source
from passport_pipeline.sources.frames import IDENTIFIERS, held
from passport_pipeline.sources.lookups import ConceptLookup, LocationLookup, Lookups, ProviderLookup
from passport_pipeline.windows.held_concepts import hold_back_changes

KINDS: tuple[LookupKind, ...] = ("concepts", "providers", "locations")
CONCEPTS, PROVIDERS, LOCATIONS = KINDS
NATIONAL_IDS = "national-ids"

COLUMNS_VERSION = "3"
"""Of the lookups' columns. What an earlier version stored can be used, and is read again with the next window."""


def renew_lookup(source: Source, batches: Batches, kind: LookupKind) -> Lookup:
    """Read one lookup and store it; of concepts whose changes are held back, the entry that is stored stays. Raises
    SourceError, BatchError.
    """
    at = datetime.now(UTC)
    lookup = source.lookup(kind)
    if isinstance(lookup, ConceptLookup):
        last_read = (batches.read_texts(source.hospital.key, kind) or {}).get("readAt")
        before = datetime.fromisoformat(last_read) if last_read else None
        lookup = hold_back_changes(source.hospital, batches, lookup, before, at)
    texts = {"hash": lookup.content_hash(), "columns": COLUMNS_VERSION, "readAt": at.isoformat()}
    batches.write_frames(source.hospital.key, kind, lookup.frames(), texts)
    return lookup


def renew_national_ids(source: Source, batches: Batches) -> pd.DataFrame:
    """Read who has which national id, unless the identifiers still have the digest that they were stored with.

    Whether one person's id is usable depends on everybody's, so it is decided here, once for all windows. Columns as
    `identity.matching.national_ids`. Raises SourceError, BatchError.
    """
    digest = f"{source.identifiers_digest()} {IDENTITY_VERSION}"
    stored = batches.read_frames(source.hospital.key, NATIONAL_IDS)
    if stored and stored[1].get("digest") == digest:
        return stored[0][NATIONAL_IDS]
    holders = national_ids(held(IDENTIFIERS, source.identifiers()))
    texts = {"digest": digest, "usable": str(_usable(holders))}
    if stored:
        texts["usableBefore"] = str(_usable(stored[0][NATIONAL_IDS]))
    batches.write_frames(source.hospital.key, NATIONAL_IDS, {NATIONAL_IDS: holders}, texts)
    return holders


def stored_national_ids(hospital_key: str, batches: Batches) -> pd.DataFrame | None:
    """Who has which national id, if that was ever stored; columns as `identity.matching.national_ids`."""
    stored = batches.read_frames(hospital_key, NATIONAL_IDS)
    return stored[0][NATIONAL_IDS] if stored else None


def usable_ids(hospital_key: str, batches: Batches) -> int | None:
    """How many persons of the hospital have a national id that nothing there contradicts; None where that was never
    stored. Raises BatchError.
    """
    texts = batches.read_texts(hospital_key, NATIONAL_IDS) or {}
    if "usable" in texts:
        return int(texts["usable"])
    holders = stored_national_ids(hospital_key, batches)
    return None if holders is None else _usable(holders)


def usable_ids_before(hospital_key: str, batches: Batches) -> int | None:
    """How many persons had one before the identifiers last changed; None where that is not stored. Raises
    BatchError.
    """
    before = (batches.read_texts(hospital_key, NATIONAL_IDS) or {}).get("usableBefore")
    return None if before is None else int(before)


def _usable(holders: pd.DataFrame) -> int:
    return int(holders["reason"].isna().sum())


def stored_lookups(hospital_key: str, batches: Batches) -> Lookups | None:
    """The stored lookups, or None where one of them was never read.

    A process keeps those that it used last, and what it derived from them: most windows of a hospital have the same.
    Raises BatchError.
    """
    while True:
        texts = [batches.read_texts(hospital_key, kind) for kind in KINDS]
        if any(each is None for each in texts):
            return None
        try:
            return _read(batches, hospital_key, tuple(each["hash"] for each in texts if each))
        except _RenewedMeanwhileError:
            continue


class _RenewedMeanwhileError(Exception):
    """Another run has stored other lookups since their hashes were read."""


@lru_cache(maxsize=4)
def _read(batches: Batches, hospital_key: str, hashes: tuple[str, ...]) -> Lookups:
    stored = [batches.read_frames(hospital_key, kind) for kind in KINDS]
    if hashes != tuple(each[1]["hash"] for each in stored if each):
        raise _RenewedMeanwhileError
    concepts, providers, locations = (each[0] for each in stored if each)
    return Lookups(
        concepts=ConceptLookup.from_frames(concepts),
        providers=ProviderLookup.from_frames(providers),
        locations=LocationLookup.from_frames(locations),
    )


def complete_lookups(source: Source, batches: Batches) -> Lookups:
    """The stored lookups; read again and stored where one was never read, or without columns that it has now. Raises
    SourceError, BatchError.
    """
    texts = [batches.read_texts(source.hospital.key, kind) for kind in KINDS]
    if all(each and each.get("columns") == COLUMNS_VERSION for each in texts):
        lookups = stored_lookups(source.hospital.key, batches)
        if lookups is not None:
            return lookups
    return renew_lookups(source, batches)


def renew_lookups(source: Source, batches: Batches) -> Lookups:
    """Read all three lookups and store them. Raises SourceError, BatchError."""
    for kind in KINDS:
        renew_lookup(source, batches, kind)
    lookups = stored_lookups(source.hospital.key, batches)
    assert lookups is not None  # noqa: S101 - they were just stored
    return lookups
