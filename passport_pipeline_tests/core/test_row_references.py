"""References of a day's rows: sets of ids, and their bytes."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passport_pipeline.core.row_references import References

IDS = st.lists(st.integers(0, 2**62))


def plain(references):
    return {kind: ids.tolist() for kind, ids in references.ids.items()}


@given(st.dictionaries(st.sampled_from(["concept", "drug", "person"]), IDS))
def test_references_are_read_as_they_were_written(named):
    references = References.of(named)
    assert plain(references) == {kind: sorted(set(ids)) for kind, ids in named.items() if ids}
    assert plain(References.from_bytes(references.to_bytes())) == plain(references)


def test_a_union_has_each_id_once():
    several = [References.of({"drug": [3, 1]}), References(), References.of({"drug": np.array([3, 7]), "user": [1]})]
    assert plain(References.union(several)) == {"drug": [1, 3, 7], "user": [1]}
    assert several[0]["person"].tolist() == []


def test_a_thousand_consecutive_ids_take_less_than_100_bytes():
    assert len(References.of({"person": range(40_000, 41_000)}).to_bytes()) < 100


@pytest.mark.parametrize("content", [b"", b"{}", References.of({"drug": [1]}).to_bytes()[:-3], zlib.compress(b"no")])
def test_other_bytes_are_refused(content):
    with pytest.raises((ValueError, zlib.error)):
        References.from_bytes(content)
