"""The record's _id: always the same, never shared."""

from datetime import UTC, datetime

import numpy as np
import pytest

from passport_pipeline.records.object_ids import object_ids, unique_number

AT = np.array(["2025-11-06T08:35:00"], dtype="datetime64[us]")


def ids_of(hospital, uuids, instants, stream="observations"):
    return object_ids(hospital, [stream] * len(uuids), uuids, instants)


def test_an_id_is_the_same_in_every_run_and_holds_its_second():
    (first,) = ids_of("central", ["uuid-1"], AT)
    assert str(first) == "690c5db4e20e6ee28a0ba98e"
    assert first == ids_of("central", ["uuid-1"], AT)[0]
    assert first.generation_time == datetime(2025, 11, 6, 8, 35, tzinfo=UTC)


def test_ids_of_different_hospitals_or_uuids_differ():
    ids = {
        ids_of(hospital, [uuid], AT)[0]
        for hospital, uuid in [("a", "b"), ("b", "a"), ("a", "bb"), ("ab", "b"), ("a", "B")]
    }
    assert len(ids) == 5


def test_rows_of_two_streams_with_one_uuid_have_two_ids_of_one_second():
    first, second = object_ids("central", ["observations", "encounters"], ["uuid-1", "uuid-1"], np.repeat(AT, 2))
    assert first.generation_time == second.generation_time
    assert (str(first), str(second)) == ("690c5db4e20e6ee28a0ba98e", "690c5db4c711cc58d8a480f4")


@pytest.mark.parametrize("instant", ["NaT", "1969-12-31T23:59:59", "2106-02-07T06:28:16", "1000-01-01"])
def test_a_second_that_four_bytes_cannot_hold_counts_as_0(instant):
    (id_,) = ids_of("central", ["uuid-1"], np.array([instant], dtype="datetime64[us]"))
    assert str(id_)[:8] == "00000000"


def test_five_thousand_rows_of_one_second_have_five_thousand_ids_in_order():
    uuids = [f"uuid-{n}" for n in range(5000)]
    ids = ids_of("central", uuids, np.repeat(AT, 5000))
    assert len(set(ids)) == 5000
    assert ids[17] == ids_of("central", ["uuid-17"], AT)[0]


def test_uuids_and_instants_of_different_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        ids_of("central", ["uuid-1"], np.repeat(AT, 2))


def test_the_number_of_a_record_is_its_own_and_one_that_javascript_holds():
    ids = ids_of("central", [f"uuid-{n}" for n in range(5000)], np.repeat(AT, 5000))
    numbers = [unique_number(id_) for id_ in ids]
    assert len(set(numbers)) == 5000
    assert 2**52 < max(numbers) < 2**53
    assert unique_number(ids_of("central", ["uuid-17"], AT + np.timedelta64(1, "D"))[0]) == numbers[17]
