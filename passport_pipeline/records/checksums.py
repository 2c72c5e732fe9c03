"""The checksums by which records are compared: of all that its source decides, and of its data alone.

What belongs here: which fields count and how they are hashed. What does not: what follows from a difference
(passport.reconcile).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import orjson

_EMPTY = blake2b(digest_size=16)  # a copy of one costs less than a new one

NOT_COMPARED = frozenset({"_id", "syncDate", "createdAt", "updatedAt", "__v"})
NOT_COMPARED_DATA = frozenset({"medicationStatus"})
NOT_COMPARED_SOURCE = frozenset({"checksum", "dataChecksum", "rules", "runId", "version", "fence"})

Document = Mapping[str, Any]


def hashed(value: Any, default: Callable[[Any], str] | None = None) -> str:
    """32 hex digits of the value's canonical JSON (keys sorted, datetimes in UTC).

    `default` gives a text for a value that JSON lacks; without it, TypeError is raised.
    """
    hashing = _EMPTY.copy()
    hashing.update(orjson.dumps(value, default=default, option=orjson.OPT_SORT_KEYS))
    return hashing.hexdigest()


def data_checksum(data: Document) -> str:
    """The checksum of a record's `data`, without what the application's timer changes (medicationStatus).

    The application may store any value of MongoDB in it, such as ObjectIds, which JSON lacks.
    """
    return hashed({key: value for key, value in data.items() if key not in NOT_COMPARED_DATA}, repr)


def checksum(document: Document) -> str:
    """The checksum of what a record's source decides: without times of loading, run and version of the rules."""
    compared = {key: value for key, value in document.items() if key not in NOT_COMPARED}
    compared["data"] = {k: v for k, v in document["data"].items() if k not in NOT_COMPARED_DATA}
    compared["source"] = {k: v for k, v in document["source"].items() if k not in NOT_COMPARED_SOURCE}
    return hashed(compared)
