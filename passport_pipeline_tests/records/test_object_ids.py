"""The record's _id: always the same, never shared."""

from datetime import UTC, datetime

import numpy as np
import pytest

from passport_pipeline.records.object_ids import object_id

AT = np.array(["2025-11-06T08:35:00"], dtype="datetime64[us]")


def test_an_id_is_the_same_in_every_run_and_holds_its_second():
    (first,) = object_id("central", ["uuid-1"], AT)
    assert str(first) == "690c5db4e20e6ee28a0ba98e"
    assert first == object_id("central", ["uuid-1"], AT)[0]
    assert first.generation_time == datetime(2025, 11, 6, 8, 35, tzinfo=UTC)


def test_ids_of_different_hospitals_or_uuids_differ():
    ids = {
        object_id(hospital, [uuid], AT)[0]
        for hospital, uuid in [("a", "b"), ("b", "a"), ("a", "bb"), ("ab", "b"), ("a", "B")]
    }
    assert len(ids) == 5


@pytest.mark.parametrize("instant", ["NaT", "1969-12-31T23:59:59", "2106-02-07T06:28:16", "1000-01-01"])
def test_a_second_that_four_bytes_cannot_hold_counts_as_0(instant):
    (id_,) = object_id("central", ["uuid-1"], np.array([instant], dtype="datetime64[us]"))
    assert str(id_)[:8] == "00000000"


def test_five_thousand_rows_of_one_second_have_five_thousand_ids_in_order():
    uuids = [f"uuid-{n}" for n in range(5000)]
    ids = object_id("central", uuids, np.repeat(AT, 5000))
    assert len(set(ids)) == 5000
    assert ids[17] == object_id("central", ["uuid-17"], AT)[0]


def test_uuids_and_instants_of_different_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        object_id("central", ["uuid-1"], np.repeat(AT, 2))
