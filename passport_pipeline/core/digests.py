"""Digests: the live rows of a day, in one value that both ends can compute and compare.

What belongs here: the Digest of a day, folding row checksums into it, and comparing two sets of days. What does not:
where a digest comes from (sources, batches, passport.days), and which month a day is in (windows).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

ROW_COLUMNS = {"row_id": "int64", "row_crc": "int64"}
"""The columns of a frame of a day's rows with their checksums, from either end; nothing in it is null."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The live rows of one day: how many there are, and three folds of their CRC32.

    crc_xor  their XOR
    crc_sum  their sum
    crc_mix  the sum of each one's upper half times its lower half (`mixed`); None where it was recorded before there
             was a third fold

    A row's CRC32 covers every column that the extraction reads; a row that changes keeps its CRC32 once in 2^32. XOR
    and SUM alone are not enough for two rows: CRC32 is affine, so where two rows of the same length exchange a field,
    or both get the same change, XOR never changes, and SUM stays the same once in 10,000 times. The product is not
    linear, so it changes (measured: no miss in 320,000 exchanges and edits; core/test_digests.py repeats 30,000). That
    is chance, not cryptography: someone who can write to the hospital's database can still make two days look alike.
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
        """The digest without these rows, which must be among its own."""
        return self + -other

    def __bool__(self) -> bool:
        return self.live > 0

    @property
    def complete(self) -> bool:
        """Whether it has its third fold."""
        return self.crc_mix is not None

    def agrees(self, other: Digest) -> bool:
        """Whether both can be of the same rows, by the folds that both have. (`==` compares the values.)"""
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
    """Each CRC32's upper half times its lower half, which the third fold adds up; in the array's own dtype, which must
    hold 64 bits.
    """
    product: np.ndarray = (crcs >> 16) * (crcs & 0xFFFF)
    return product


def added_up(digests: Iterable[Mapping[date, Digest]]) -> dict[date, Digest]:
    """The digest of each day over several sets of rows; no row may be in two of them."""
    days: dict[date, Digest] = {}
    for by_day in digests:
        for day, digest in by_day.items():
            days[day] = days.get(day, Digest()) + digest
    return days


def differing_days(digests: Mapping[date, Digest], others: Mapping[date, Digest]) -> list[date]:
    """The days whose digests do not agree, oldest first; a day that one side lacks counts as empty there."""
    days, empty = digests.keys() | others.keys(), Digest()
    return sorted(day for day in days if not digests.get(day, empty).agrees(others.get(day, empty)))
