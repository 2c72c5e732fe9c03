"""The digest of a day: adding up, comparing, and the changes that it must not miss."""

import random
import zlib
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passport_pipeline.core.digests import Digest, differing_days
from passport_pipeline.core.windows import month_of
from passport_pipeline_tests.crafting import exchange_that_two_folds_miss

CRCS = st.lists(st.integers(0, 2**32 - 1), max_size=50)


@given(CRCS, CRCS)
def test_the_digests_of_two_parts_add_up_to_that_of_the_whole_in_any_order(one, other):
    whole = Digest.of(one + other)
    assert Digest.of(one) + Digest.of(other) == whole == Digest.of([*reversed(other), *one])
    assert Digest.of(np.array(one + other, dtype="int64")) == whole
    assert Digest.from_json(whole.to_json()) == whole


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50), st.data())
def test_a_missing_or_repeated_row_changes_the_digest(crcs, data):
    place = data.draw(st.integers(0, len(crcs) - 1))
    without = crcs[:place] + crcs[place + 1 :]
    assert Digest.of(without) != Digest.of(crcs) != Digest.of([*crcs, crcs[place]])


def test_no_rows_have_the_empty_digest():
    assert Digest.of([]) == Digest() and not Digest()
    assert Digest.of([0])


def test_a_day_that_one_side_lacks_differs_unless_it_is_empty():
    one, two, three = (date(2025, 11, day) for day in (1, 2, 3))
    digests = {one: Digest.of([1]), three: Digest.of([3])}
    others = {one: Digest.of([1]), two: Digest(), three: Digest.of([4])}
    assert differing_days(digests, others) == [three]
    assert differing_days(digests, {}) == [one, three]


def test_a_day_is_in_the_window_of_its_month():
    assert month_of(date(2025, 1, 31)) == "2025-01"


def row(rng, number):
    """The text of a row that its checksum covers, in three parts; the second is the value that changes."""
    return [
        f"{number},{rng.randint(100, 999)},5089,{rng.randint(10**6, 10**7 - 1)}|",
        f"{rng.randint(100, 999)}",
        "|||",
    ]


def digest(rows):
    return Digest.of([zlib.crc32("".join(parts).encode()) for parts in rows])


def exchanged(rng, day):
    one, other = rng.sample(range(len(day)), 2)
    day[one][1], day[other][1] = day[other][1], day[one][1]


def corrected(rng, day):
    change = rng.choice([1, 2, 4, 8])
    for at in rng.sample(range(len(day)), 2):
        day[at][1] = day[at][1][:-1] + chr(ord(day[at][1][-1]) ^ change)


def mixed_up(rng, day):
    """A bulk edit: every row gets the value of the next one."""
    values = [parts[1] for parts in day]
    for parts, value in zip(day, values[1:] + values[:1], strict=True):
        parts[1] = value


@pytest.mark.parametrize("happens", [exchanged, corrected, mixed_up])
def test_no_change_in_place_to_rows_of_equal_length_is_missed_in_ten_thousand(happens):
    rng = random.Random(happens.__name__)
    missed = 0
    for _ in range(10_000):
        before = [row(rng, number) for number in range(1_000, 1_000 + rng.randint(2, 12))]
        after = [list(parts) for parts in before]
        happens(rng, after)
        missed += before != after and digest(before).agrees(digest(after))
    assert missed == 0


def test_no_move_of_a_row_to_another_day_is_missed_in_ten_thousand():
    rng, day, next_day = random.Random("moved"), date(2025, 11, 6), date(2025, 11, 7)
    for _ in range(10_000):
        days = [[row(rng, number) for number in range(start, start + rng.randint(1, 6))] for start in (1_000, 2_000)]
        before = {day: digest(days[0]), next_day: digest(days[1])}
        days[1].append(days[0].pop())
        assert differing_days(before, {day: digest(days[0]), next_day: digest(days[1])}) == [day, next_day]


def test_the_third_fold_finds_an_exchange_that_xor_and_sum_miss():
    first, second = exchange_that_two_folds_miss(
        lambda value: f"1,7,5089,{value}|||".encode(), lambda value: f"2,9,5089,{value}|||".encode()
    )
    before = Digest.of([zlib.crc32(f"1,7,5089,{first}|||".encode()), zlib.crc32(f"2,9,5089,{second}|||".encode())])
    after = Digest.of([zlib.crc32(f"1,7,5089,{second}|||".encode()), zlib.crc32(f"2,9,5089,{first}|||".encode())])
    assert (before.live, before.crc_xor, before.crc_sum) == (after.live, after.crc_xor, after.crc_sum)
    assert not before.agrees(after)


def test_a_digest_without_the_third_fold_is_compared_by_the_other_two():
    old = Digest.from_json({"live": 2, "crcXor": 3, "crcSum": 3})
    assert not old.complete
    assert old.to_json() == {"live": 2, "crcXor": 3, "crcSum": 3}
    assert old.agrees(Digest(2, 3, 3, 77)) and Digest(2, 3, 3, 77).agrees(old)
    assert not old.agrees(Digest(2, 3, 4, 77))
    assert not (old + Digest.of([1])).complete and not (Digest.of([1]) - old).complete
    assert differing_days({date(2025, 11, 6): old}, {date(2025, 11, 6): Digest(2, 3, 3, 77)}) == []
