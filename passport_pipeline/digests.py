"""Digests: what a day holds, in one value that both ends can compute and compare.

What belongs here: the Digest of a day, folding row checksums into it, comparing two sets of days, and which
window a day lies in. What does not: where a digest comes from (openmrs.survey, batches, passport.days).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

# A frame of a day's rows with their checksums, as either end gives it; nothing in it is null.
ROW_COLUMNS = {"obs_id": "int64", "row_crc": "int64"}


@dataclass(frozen=True, slots=True)
class Digest:
    """What one day holds: the number of live rows, and XOR and SUM of the live rows' CRC32.

    A row's CRC32 covers every column that the extraction reads, so two equal digests mean equal rows.
    XOR alone misses a row that is there twice, SUM alone misses changes that cancel out; together with the
    count they do not both miss in practice.
    """

    live: int = 0
    crc_xor: int = 0
    crc_sum: int = 0

    @classmethod
    def of(cls, crcs: Iterable[int] | np.ndarray) -> Digest:
        """The digest of rows with these CRC32 values (unsigned 32-bit integers)."""
        values = np.asarray(crcs if isinstance(crcs, np.ndarray) else list(crcs), dtype=np.uint64)
        if not len(values):
            return cls()
        return cls(len(values), int(np.bitwise_xor.reduce(values)), int(values.sum()))

    def __add__(self, other: Digest) -> Digest:
        """The digest of both sets of rows together; the sets must be disjoint."""
        return Digest(self.live + other.live, self.crc_xor ^ other.crc_xor, self.crc_sum + other.crc_sum)

    def __sub__(self, other: Digest) -> Digest:
        """What is left of the digest without these rows; of rows that are not among its own, it is no digest."""
        return Digest(self.live - other.live, self.crc_xor ^ other.crc_xor, self.crc_sum - other.crc_sum)

    def __bool__(self) -> bool:
        return self.live > 0

    def to_json(self) -> dict[str, int]:
        """As stored in MongoDB and in the metadata of a raw batch."""
        return {"live": self.live, "crcXor": self.crc_xor, "crcSum": self.crc_sum}

    @classmethod
    def from_json(cls, value: Mapping[str, int]) -> Digest:
        """Read what `to_json` wrote."""
        return cls(int(value["live"]), int(value["crcXor"]), int(value["crcSum"]))


def window_of(day: date) -> str:
    """The window (calendar month, `YYYY-MM`) that a day lies in."""
    return f"{day.year:04d}-{day.month:02d}"


def differing(here: Mapping[date, Digest], there: Mapping[date, Digest]) -> list[date]:
    """The days whose digests differ, oldest first; a day that one side lacks counts as empty there."""
    empty = Digest()
    return sorted(day for day in here.keys() | there.keys() if here.get(day, empty) != there.get(day, empty))
