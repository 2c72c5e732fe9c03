"""Digests: what a day holds, in one value that both ends can compute and compare.

What belongs here: the Digest of a day, folding row checksums into it, and comparing two sets of days. What does not:
where a digest comes from (openmrs.survey, batches, passport.days), and which month a day lies in (windows).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

# A frame of a day's rows with their checksums, as either end gives it; nothing in it is null.
ROW_COLUMNS = {"row_id": "int64", "row_crc": "int64"}


@dataclass(frozen=True, slots=True)
class Digest:
    """What one day holds: the number of live rows, and three folds of the live rows' CRC32.

    crc_xor  XOR of them
    crc_sum  their sum
    crc_mix  the sum of each one's upper half times its lower half (`mixed`); None where it was recorded before there
             was a third fold

    A row's CRC32 covers every column that the extraction reads; one row that changes keeps it once in 2^32. XOR and SUM
    alone are not enough for two rows: CRC32 is affine, so where two rows of the same length exchange a field, or both
    get the same change, XOR never moves and SUM stays once in 10,000 times. The product is not linear, so it moves
    (measured: no miss in 320,000 exchanges and edits, tests.test_digests holds 30,000). That is chance, not
    cryptography: someone who can write to the hospital's database, and wants to, can still make two days look alike.
    """

    live: int = 0
    crc_xor: int = 0
    crc_sum: int = 0
    crc_mix: int | None = 0

    @classmethod
    def of(cls, crcs: Iterable[int] | np.ndarray) -> Digest:
        """The digest of rows with these CRC32 values (unsigned 32-bit integers)."""
        values = np.asarray(crcs if isinstance(crcs, np.ndarray) else list(crcs), dtype=np.uint64)
        if not len(values):
            return cls()
        return cls(len(values), int(np.bitwise_xor.reduce(values)), int(values.sum()), int(mixed(values).sum()))

    def __add__(self, other: Digest) -> Digest:
        """The digest of both sets of rows together; the sets must be disjoint."""
        mix = None if self.crc_mix is None or other.crc_mix is None else self.crc_mix + other.crc_mix
        return Digest(self.live + other.live, self.crc_xor ^ other.crc_xor, self.crc_sum + other.crc_sum, mix)

    def __neg__(self) -> Digest:
        mix = None if self.crc_mix is None else -self.crc_mix
        return Digest(-self.live, self.crc_xor, -self.crc_sum, mix)

    def __sub__(self, other: Digest) -> Digest:
        """What is left of the digest without these rows; of rows that are not among its own, it is no digest."""
        return self + -other

    def __bool__(self) -> bool:
        return self.live > 0

    @property
    def complete(self) -> bool:
        """Whether it has its third fold."""
        return self.crc_mix is not None

    def agrees(self, other: Digest) -> bool:
        """Whether both can be of the same rows: by all that both have. (`==` asks whether they are the same value.)"""
        same = (self.live, self.crc_xor, self.crc_sum) == (other.live, other.crc_xor, other.crc_sum)
        return same and (self.crc_mix == other.crc_mix or self.crc_mix is None or other.crc_mix is None)

    def to_json(self) -> dict[str, int]:
        """As stored in MongoDB and in the metadata of a raw batch."""
        folds = {"live": self.live, "crcXor": self.crc_xor, "crcSum": self.crc_sum}
        return folds if self.crc_mix is None else folds | {"crcMix": self.crc_mix}

    @classmethod
    def from_json(cls, value: Mapping[str, int]) -> Digest:
        """Read what `to_json` wrote, with the third fold or without."""
        mix = value.get("crcMix")
        return cls(int(value["live"]), int(value["crcXor"]), int(value["crcSum"]), None if mix is None else int(mix))


def mixed(crcs: np.ndarray) -> np.ndarray:
    """Each CRC32's upper half times its lower half: what the third fold adds up; as the array's own dtype, which
    must hold 64 bits.
    """
    product: np.ndarray = (crcs >> 16) * (crcs & 0xFFFF)
    return product


def added_up(digests: Iterable[Mapping[date, Digest]]) -> dict[date, Digest]:
    """The digest of each day that any of several sets of rows hold; no row is in two of them."""
    days: dict[date, Digest] = {}
    for each in digests:
        for day, digest in each.items():
            days[day] = days[day] + digest if day in days else digest
    return days


def differing(here: Mapping[date, Digest], there: Mapping[date, Digest]) -> list[date]:
    """The days whose digests do not agree, oldest first; a day that one side lacks counts as empty there."""
    empty = Digest()
    return sorted(day for day in here.keys() | there.keys() if not here.get(day, empty).agrees(there.get(day, empty)))
