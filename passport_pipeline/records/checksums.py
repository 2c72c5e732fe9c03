"""The checksums by which records are compared: of all that its source decides, of its data, of each field of its data.

What belongs here: which fields count and how they are hashed. What does not: what follows from a difference
(passport.reconcile).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

_EMPTY = blake2b(digest_size=16)  # a copy of one costs less than a new one

NOT_COMPARED = frozenset({"_id", "syncDate", "createdAt", "updatedAt", "__v"})
NOT_COMPARED_DATA = frozenset({"medicationStatus"})
# What the application itself puts into the entries of a list that it saves, such as a condition's medications.
NOT_COMPARED_IN_LISTS = NOT_COMPARED_DATA | {"_id"}
NOT_COMPARED_SOURCE = frozenset({"checksum", "dataChecksum", "written", "rules", "runId", "version", "fence"})

Document = Mapping[str, Any]


def hashed(value: Any, default: Callable[[Any], str] | None = None) -> str:
    """32 hex digits of the value's canonical JSON (keys sorted, datetimes in UTC).

    `default` gives a text for a value that JSON lacks; without it, TypeError is raised.
    """
    hashing = _EMPTY.copy()
    hashing.update(orjson.dumps(value, default=default, option=orjson.OPT_SORT_KEYS))
    return hashing.hexdigest()


def data_checksum(data: Document) -> str:
    """The checksum of a record's `data`, without what the application changes by a read (medicationStatus).

    The application may store any value of MongoDB in it, such as ObjectIds, which JSON lacks.
    """
    return hashed({key: value for key, value in data.items() if key not in NOT_COMPARED_DATA}, repr)


def checksum(document: Document) -> str:
    """The checksum of what a record's source decides: without times of loading, run and version of the rules."""
    compared = {key: value for key, value in document.items() if key not in NOT_COMPARED}
    compared["data"] = {k: v for k, v in document["data"].items() if k not in NOT_COMPARED_DATA}
    compared["source"] = {k: v for k, v in document["source"].items() if k not in NOT_COMPARED_SOURCE}
    return hashed(compared)


def field_digests(data: Document) -> dict[str, str]:
    """16 hex digits for each field of a record's `data` that says something, by the field's name.

    A field that is null, empty, or holds nothing but such values says as much as one that is absent: the application
    saves its models' defaults with a record that it only reads. What it sets itself (medicationStatus, the `_id` of an
    entry of a list) does not count.
    """
    digests = {}
    for name, value in data.items():
        said = value if type(value) is str else _said(value)
        if said is None or said == "" or name in NOT_COMPARED_DATA:
            continue
        digests[name] = _digest_of_text(said) if type(said) is str else _digest(said)
    return digests


@lru_cache(maxsize=4096)
def _digest_of_text(text: str) -> str:
    """Nearly all values are texts, and most of these stand in several fields and records: names, dates, answers."""
    return _digest(text)


def _digest(value: Any) -> str:
    json = orjson.dumps(value, default=repr, option=orjson.OPT_SORT_KEYS)
    return blake2b(json, digest_size=8).hexdigest()


def _said(value: Any) -> Any:
    """The value without what says nothing in it; None where nothing is left."""
    if isinstance(value, dict):
        parts = ((name, _said(part)) for name, part in value.items() if name not in NOT_COMPARED_IN_LISTS)
        value = {name: part for name, part in parts if part is not None}
    elif isinstance(value, list):
        value = [part for part in map(_said, value) if part is not None]
    return None if value in ("", [], {}) else value
