"""References: what a day's rows refer to, as ids by kind, and the bytes in which a raw batch carries them.

What belongs here: sets of ids. What does not: which columns hold them (openmrs.lookups), what hangs on them
(windows.inputs).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

_NONE: Ids = np.zeros(0, dtype=np.int64)
_AS_WRITTEN = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class References:
    """Ids by kind, each kind sorted and without duplicates; a kind that is missing has none."""

    ids: Mapping[str, Ids] = field(default_factory=dict)

    @classmethod
    def of(cls, named: Mapping[str, Iterable[int] | Ids]) -> Self:
        """What these ids, in any order and number, come to."""
        arrays = {
            kind: each if isinstance(each, np.ndarray) else np.fromiter(each, np.int64) for kind, each in named.items()
        }
        return cls({kind: np.unique(ids).astype(np.int64) for kind, ids in arrays.items() if len(ids)})

    def __getitem__(self, kind: str) -> Ids:
        return self.ids.get(kind, _NONE)

    @classmethod
    def union(cls, several: Iterable[References]) -> Self:
        """What all of them refer to together."""
        parts: dict[str, list[Ids]] = {}
        for one in several:
            for kind, ids in one.ids.items():
                parts.setdefault(kind, []).append(ids)
        return cls({kind: np.unique(np.concatenate(arrays)) for kind, arrays in parts.items()})

    def to_bytes(self) -> bytes:
        """As a raw batch carries them: how many of each kind, and the steps from id to id, compressed."""
        counts = json.dumps({kind: len(ids) for kind, ids in sorted(self.ids.items())}).encode()
        steps = [np.diff(ids, prepend=0).astype(_AS_WRITTEN).tobytes() for _, ids in sorted(self.ids.items())]
        return zlib.compress(counts + b"\n" + b"".join(steps))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises ValueError or zlib.error where it is something else."""
        counts, _, steps = zlib.decompress(content).partition(b"\n")
        ids, start = np.frombuffer(steps, _AS_WRITTEN), 0
        found = {}
        for kind, count in json.loads(counts).items():
            found[kind] = ids[start : start + count].cumsum(dtype=np.int64)
            start += count
        return cls(found)
