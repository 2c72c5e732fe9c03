"""Two ends of one day, row by row."""

import pandas as pd
import pytest

from passport_pipeline.core.digests import ROW_COLUMNS, Digest
from passport_pipeline.verification.row_diff import ROW_STATES, RowDifferences, RowIds, compare_rows

SOURCE_ROWS = {1: 11, 2: 22, 3: 33, 4: 44, 5: 55}


def frame(rows):
    pairs = list(rows.items() if isinstance(rows, dict) else rows)
    return pd.DataFrame(pairs, columns=list(ROW_COLUMNS)).astype(ROW_COLUMNS)


def compared(source_rows, passport_rows, skipped=()):
    differences = compare_rows(frame(source_rows), frame(passport_rows), Digest.of(skipped))
    return tuple(list(rows.row_ids) for rows in differences.by_state().values())


def test_equal_rows_do_not_differ():
    assert not compare_rows(frame(SOURCE_ROWS), frame(SOURCE_ROWS), Digest())


def test_missing_extra_and_different_rows_are_told_apart():
    assert compared(SOURCE_ROWS, {1: 11, 3: 34, 4: 44, 5: 55, 9: 99}) == ([2], [9], [3], [])


def test_a_row_that_the_passport_names_twice_is_extra():
    assert compared(SOURCE_ROWS, [*SOURCE_ROWS.items(), (4, 44)]) == ([], [4], [], [])
    assert compared(SOURCE_ROWS, [*SOURCE_ROWS.items(), (4, 45)]) == ([], [4], [], [])


def test_rows_that_were_skipped_are_not_missing():
    assert compared(SOURCE_ROWS, {1: 11, 2: 22}, [33, 44, 55]) == ([], [], [], [])


@pytest.mark.parametrize("lost", SOURCE_ROWS)
def test_the_only_missing_row_among_skipped_ones_is_found_by_the_digests(lost):
    skipped = [crc for obs_id, crc in SOURCE_ROWS.items() if obs_id != lost]
    assert compared(SOURCE_ROWS, {}, skipped) == ([lost], [], [], [])


@pytest.mark.parametrize("skipped", [[33], [33, 44, 56], [33, 44, 55, 1]])
def test_every_row_without_a_document_is_listed_where_the_digests_do_not_tell_which_is_missing(skipped):
    assert compared(SOURCE_ROWS, {1: 11, 2: 22}, skipped) == ([], [], [], [3, 4, 5])


def test_a_missing_row_is_not_told_from_a_skipped_one_with_the_same_checksum():
    assert compared({1: 7, 2: 7}, {}, [7]) == ([], [], [], [1, 2])


def test_all_rows_are_missing_or_extra_where_one_end_is_empty():
    assert compared({}, SOURCE_ROWS) == ([], [1, 2, 3, 4, 5], [], [])
    assert compared(SOURCE_ROWS, {}) == ([1, 2, 3, 4, 5], [], [], [])


def test_no_more_than_twenty_ids_are_shown():
    rows = RowIds.of(range(100, 0, -1))
    assert (rows.count, rows.row_ids) == (100, tuple(range(1, 21)))
    assert str(rows).endswith("19, 20 and 80 more")
    assert str(RowIds.of([3, 1])) == "1, 3"


def test_the_json_names_every_state():
    differences = RowDifferences(missing=RowIds.of([1]))
    assert list(differences.by_state()) == list(ROW_STATES)
    assert differences.to_json()["missing"] == {"count": 1, "rowIds": [1]}
    assert set(differences.to_json()) == {"missing", "extra", "different", "skippedOrMissing"}
