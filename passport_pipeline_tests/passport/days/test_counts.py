"""Counting in the documents, whoever wrote them."""

from datetime import date

import pytest

from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.days import counts
from passport_pipeline.passport.days.counts import recounted, rows_of_day
from passport_pipeline.passport.days.state import Totals
from passport_pipeline.passport.mongo.collections import CONFLICTS, DAYS, RECORDS
from passport_pipeline_tests.passport.factory import DAY, digest_of, digests_in, parked, record

OTHER_DAY, NEXT_MONTH = date(2025, 11, 9), date(2025, 12, 1)


@pytest.fixture
def two_months(world):
    """What two days hold: their records, parked rows and skipped digests."""
    first = [record(n, world.patients[0], row_count=2) for n in range(1, 4)]
    held_back, left_out = [parked(50, row_count=3)], {"empty_group": Digest.of([1, 2])}
    later = [record(60, world.patients[0], day=NEXT_MONTH)]
    world.run(first, held_back, skipped=left_out)
    world.run(later, day=NEXT_MONTH)
    return {DAY: digest_of(first, held_back) + left_out["empty_group"], NEXT_MONTH: digest_of(later)}


def test_digests_come_from_records_parked_rows_and_what_was_skipped(world, two_months):
    assert digests_in(world.passport) == two_months
    assert list(recounted(world.passport, "central", ["2025-11"])) == [DAY]
    assert recounted(world.passport, "central", []) == {}
    assert recounted(world.passport, "east") == {}


def test_outcomes_are_counted_in_the_same_pass(world, two_months):
    day = recounted(world.passport, "central")[DAY]
    assert (day.loaded, day.attached, day.parked, day.skipped) == (3, 3, {"no_national_id": 3}, {"empty_group": 2})
    assert day.left_out == Digest.of([1, 2])
    assert Totals.of(recounted(world.passport, "central").values()).loaded == 4


def test_a_day_counts_the_same_whatever_the_number_of_documents_its_rows_come_in(world, two_months, monkeypatch):
    monkeypatch.setattr(counts, "IDS_PER_DOCUMENT", 2)
    assert digests_in(world.passport) == two_months
    assert Totals.of(recounted(world.passport, "central").values()).loaded == 4


def test_a_document_that_was_inserted_by_hand_counts(world, two_months):
    gone = world.passport[RECORDS].find_one_and_delete({"source.rowId": 1})
    assert digests_in(world.passport)[DAY] == two_months[DAY] - digest_of([gone])
    assert recounted(world.passport, "central")[DAY].loaded == 2
    world.passport[DAYS].delete_many({})
    assert recounted(world.passport, "central")[DAY].skipped == {}


def test_an_open_conflict_counts_on_its_own_day_in_place_of_its_record(world):
    first = record(1, world.patients[0], row_count=3)
    second = record(1, world.patients[0], data={"details": "Measles"}, crc=9, row_count=2, day=OTHER_DAY)
    world.run([first])
    world.edit(first, details="Malaria, severe")
    world.run([second], day=OTHER_DAY)
    assert world.passport[CONFLICTS].count_documents({"state": "open"}) == 1
    assert digests_in(world.passport) == {OTHER_DAY: digest_of([second])}
    counted = recounted(world.passport, "central")[OTHER_DAY]
    assert (counted.loaded, counted.attached) == (1, 1)
    assert rows_of_day(world.passport, "central", DAY).empty
    assert sorted(rows_of_day(world.passport, "central", OTHER_DAY)["row_crc"]) == [9, 10]


def test_the_digest_of_a_days_rows_is_the_days_without_skipped_rows(world, two_months):
    rows = rows_of_day(world.passport, "central", DAY)
    assert rows.dtypes.astype(str).to_dict() == {"row_id": "int64", "row_crc": "int64"}
    assert sorted(rows["row_id"]) == [1, 2, 2, 3, 3, 4, 50, 51, 52]
    assert Digest.of(rows["row_crc"].to_numpy()) == two_months[DAY] - Digest.of([1, 2])
