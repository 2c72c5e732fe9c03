"""The `_id` of a record: the same for one row of one hospital in every run, ordered by time.

What belongs here: how it is made, and a number made of it. What does not: storing records under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from bson import ObjectId

_LAST_SECOND = 2**32 - 1
_UNNAMED = "observations"
"""The stream that no _id names, since it was once the only one."""


def object_ids(
    hospital_key: str, streams: Sequence[str], uuids: Sequence[str], instants: npt.NDArray[np.datetime64]
) -> list[ObjectId]:
    """ObjectIds of rows: 4 bytes with the second of creation, 8 bytes hash of hospital key, stream and uuid.

    `instants` are UTC datetime64; NaT, or a second that four bytes cannot hold (before 1970, after 2106),
    counts as 0. Gives one ObjectId per uuid, in order. Raises ValueError where the lengths differ.
    """
    seconds = instants.astype("datetime64[s]").astype(np.int64)
    seconds = np.where((seconds < 0) | (seconds > _LAST_SECOND), 0, seconds)
    stamps = seconds.astype(">u4").tobytes()
    starts = {name: _start(hospital_key, name) for name in set(streams)}
    ids = []
    for number, stream, uuid in zip(range(0, len(stamps), 4), streams, uuids, strict=True):
        state = starts[stream].copy()
        state.update(uuid.encode())
        ids.append(ObjectId(stamps[number : number + 4] + state.digest()))
    return ids


def unique_number(record_id: ObjectId) -> int:
    """A number of 53 bits, which JavaScript holds, that no other record has."""
    return int.from_bytes(record_id.binary[4:], "big") >> 11


def _start(hospital_key: str, stream: str) -> blake2b:
    start = blake2b(hospital_key.encode() + b"\0", digest_size=8)
    if stream != _UNNAMED:
        start.update(stream.encode() + b"\0")
    return start
