"""References: what a day's rows refer to, as ids by kind, and the bytes in which a raw batch carries them.

What belongs here: sets of ids. What does not: which columns hold them (a stream's `references`), which other entries
they lead to (windows.fingerprint).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

_NONE: Ids = np.zeros(0, dtype=np.int64)
_AS_WRITTEN = np.dtype("<i8")


def key_of(text: str) -> int:
    """A number for an entry that rows name by a text: its number in another table, or a uuid in any case."""
    return int.from_bytes(blake2b(text.casefold().encode(), digest_size=7).digest())


@dataclass(frozen=True, slots=True)
class References:
    """Ids by kind, each kind sorted and without duplicates; a kind that is missing has none."""

    ids: Mapping[str, Ids] = field(default_factory=dict)

    @classmethod
    def of(cls, named: Mapping[str, Iterable[int] | Ids]) -> Self:
        """The references to these ids, which may be in any order and come several times."""
        arrays = {
            kind: ids if isinstance(ids, np.ndarray) else np.fromiter(ids, np.int64) for kind, ids in named.items()
        }
        return cls({kind: np.unique(ids).astype(np.int64) for kind, ids in arrays.items() if len(ids)})

    def __getitem__(self, kind: str) -> Ids:
        return self.ids.get(kind, _NONE)

    @classmethod
    def union(cls, several: Iterable[References]) -> Self:
        """All references of several sets."""
        parts: dict[str, list[Ids]] = {}
        for references in several:
            for kind, ids in references.ids.items():
                parts.setdefault(kind, []).append(ids)
        return cls({kind: np.unique(np.concatenate(arrays)) for kind, arrays in parts.items()})

    def to_bytes(self) -> bytes:
        """As stored in a raw batch: the number of ids of each kind, and the steps from id to id, compressed."""
        counts = json.dumps({kind: len(ids) for kind, ids in sorted(self.ids.items())}).encode()
        steps = [np.diff(ids, prepend=0).astype(_AS_WRITTEN).tobytes() for _, ids in sorted(self.ids.items())]
        return zlib.compress(counts + b"\n" + b"".join(steps))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises ValueError or zlib.error where it is something else."""
        counts, _, steps = zlib.decompress(content).partition(b"\n")
        all_steps, start = np.frombuffer(steps, _AS_WRITTEN), 0
        ids = {}
        for kind, count in json.loads(counts).items():
            ids[kind] = all_steps[start : start + count].cumsum(dtype=np.int64)
            start += count
        return cls(ids)
