from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from passport_pipeline.digests import Digest, differing, window_of

CRCS = st.lists(st.integers(0, 2**32 - 1), max_size=50)


@given(CRCS, CRCS)
def test_the_digest_of_both_parts_is_that_of_the_whole_in_any_order(one, other):
    whole = Digest.of(one + other)
    assert Digest.of(one) + Digest.of(other) == whole == Digest.of([*reversed(other), *one])
    assert Digest.of(np.array(one + other, dtype="int64")) == whole
    assert Digest.from_json(whole.to_json()) == whole


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50), st.data())
def test_a_row_less_or_twice_is_another_digest(crcs, data):
    place = data.draw(st.integers(0, len(crcs) - 1))
    without = crcs[:place] + crcs[place + 1 :]
    assert Digest.of(without) != Digest.of(crcs) != Digest.of([*crcs, crcs[place]])


def test_nothing_is_the_empty_digest():
    assert Digest.of([]) == Digest() and not Digest()
    assert Digest.of([0])


def test_a_day_that_one_side_lacks_differs_unless_it_is_empty():
    one, two, three = (date(2025, 11, day) for day in (1, 2, 3))
    here = {one: Digest.of([1]), three: Digest.of([3])}
    there = {one: Digest.of([1]), two: Digest(), three: Digest.of([4])}
    assert differing(here, there) == [three]
    assert differing(here, {}) == [one, three]


def test_a_day_lies_in_the_window_of_its_month():
    assert window_of(date(2025, 1, 31)) == "2025-01"
