"""Changes that are made to be missed: two rows that exchange a value without XOR or SUM of their checksums moving."""

import zlib
from collections.abc import Callable


def exchange_that_two_folds_miss(one: Callable[[int], bytes], other: Callable[[int], bytes]) -> tuple[int, int]:
    """Two values of seven digits that two rows can exchange while XOR and SUM of their CRC32 stay as they are.

    `one` and `other` give the bytes that are covered of either row with a value. The checksums of the two rows always
    differ in the same bits, and those of two values in the same bits of either row. Where these have none in common,
    what is added to one row's checksum by the exchange is taken from the other's.
    """
    seen: dict[int, int] = {}
    for value in range(1_000_000, 10_000_000, 37):
        checksum = zlib.crc32(one(value))
        common = checksum & (checksum ^ zlib.crc32(other(value)))
        if common in seen:
            return seen[common], value
        seen[common] = value
    raise AssertionError("no exchange was found")
