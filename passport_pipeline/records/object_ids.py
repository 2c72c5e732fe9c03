"""The `_id` of a record: the same for one observation of one hospital in every run, ordered by time.

What belongs here: how it is made. What does not: storing records under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from bson import ObjectId

_LAST_SECOND = 2**32 - 1


def object_id(hospital_key: str, uuids: Sequence[str], instants: npt.NDArray[np.datetime64]) -> list[ObjectId]:
    """ObjectIds of observations: 4 bytes with the second of creation, 8 bytes hash of hospital key and uuid.

    `instants` are UTC datetime64; NaT, or a second that four bytes cannot hold (before 1970, after 2106),
    counts as 0. Gives one ObjectId per uuid, in order. Raises ValueError where the lengths differ.
    """
    seconds = instants.astype("datetime64[s]").astype(np.int64)
    seconds = np.where((seconds < 0) | (seconds > _LAST_SECOND), 0, seconds)
    stamps = seconds.astype(">u4").tobytes()
    start = blake2b(hospital_key.encode() + b"\0", digest_size=8)
    ids = []
    for number, uuid in zip(range(0, len(stamps), 4), uuids, strict=True):
        state = start.copy()
        state.update(uuid.encode())
        ids.append(ObjectId(stamps[number : number + 4] + state.digest()))
    return ids
