"""Records that somebody deleted through the application stay out, and records that MongoDB lost come back."""

from datetime import date, timedelta

import pytest

from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.conflicts.queue import ConflictRef, listed
from passport_pipeline.passport.conflicts.resolve import Result
from passport_pipeline.passport.mongo.collections import AUDIT, CONFLICTS, DAYS, PARKED, RECORDS, RETRACTED
from passport_pipeline_tests.passport.conflicts.deciding import BY, OURS, THEIRS, decide
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, digests_in, record

OTHER_DAY = date(2025, 11, 9)
LATER = NOW + timedelta(days=1)
DELETED = "deleted_in_application"


@pytest.fixture
def three(world):
    """The records of a day, as the hospital has them; gives them."""
    records = [record(number, world.patients[0], row_count=number) for number in (1, 2, 3)]
    world.run(records)
    return records


def delete(world, *records):
    """What the application does."""
    for one in records:
        assert world.passport[RECORDS].delete_one({"_id": one["_id"]}).deleted_count == 1


def of_conflict(world, **wanted):
    conflict = world.passport[CONFLICTS].find_one(wanted, sort=[("_id", -1)])
    return ConflictRef(conflict["_id"], conflict["revision"])


def test_a_deleted_record_is_not_brought_back_and_its_rows_have_an_outcome_of_their_own(world, three, commands):
    delete(world, three[1])
    result = world.run(three, now=LATER)
    assert (result.inserted, result.loaded, result.parked, result.conflicts) == (0, 2, {DELETED: 2}, 0)
    assert result.agrees
    assert digests_in(world.passport) == {DAY: digest_of(three)}
    assert world.arrays(0) == {"medicalHistory": {three[0]["_id"], three[2]["_id"]}}
    world.check()
    commands.names.clear()
    world.run(three, now=LATER)
    assert commands.writes == []


def test_a_deletion_is_audited_and_listed_without_values(world, three):
    delete(world, three[1])
    world.run(three, now=LATER)
    entries = list(world.passport[AUDIT].find({"targetId": three[1]["_id"], "action": "delete"}))
    assert [one["accessTime"] for one in entries] == [LATER]
    assert "deleted through the application" in entries[0]["details"]
    (found,) = listed(world.passport, LATER)
    assert (found.kind, found.type, found.fields, found.state) == ("deleted", "condition", (), "open")
    assert not [value for value in ("Malaria",) if value in str(found.to_json()) + str(entries)]


def test_a_deletion_that_is_undone_brings_the_record_back_in_its_next_version(world, three):
    delete(world, three[1])
    world.run(three, now=LATER)
    assert decide(world, OURS, of=of_conflict(world)).result is Result.RESOLVED
    assert world.passport[DAYS].find_one({}, {"writers": 1})["writers"]
    result = world.run(three, now=LATER)
    assert (result.inserted, result.loaded, result.parked, result.agrees) == (1, 3, {}, True)
    stored = world.get(three[1])
    assert (stored["data"], stored["source"]["version"]) == (three[1]["data"], 2)
    entry = world.passport[AUDIT].find_one({"targetId": three[1]["_id"], "version": 2})
    assert (entry["action"], entry["performedBy"]) == ("update", BY)
    assert world.passport[PARKED].count_documents({}) == 0
    world.check()
    before = world.state()
    world.run(three)
    assert world.state() == before


def test_a_record_that_is_deleted_again_after_it_came_back_stays_out_again(world, three):
    for times in (1, 2):
        delete(world, three[1])
        assert world.run(three).parked == {DELETED: 2}
        assert world.passport[CONFLICTS].count_documents({}) == times
        decide(world, OURS, of=of_conflict(world))
        assert world.run(three).inserted == 1
    assert world.get(three[1])["source"]["version"] == 3
    world.check()


def test_a_deletion_that_is_confirmed_stays_so_and_can_be_undone_later(world, three):
    delete(world, three[1])
    world.run(three)
    of = of_conflict(world)
    assert decide(world, THEIRS, of=of).result is Result.RESOLVED
    assert decide(world, THEIRS, of=of).result is Result.ALREADY
    changed = [three[0], record(2, world.patients[0], row_count=2, crc=77), three[2]]
    assert world.run(changed).parked == {DELETED: 2}
    assert listed(world.passport, LATER) == []
    assert "confirmed by" in world.passport[AUDIT].find_one({"performedBy": BY})["details"]
    world.check()
    assert decide(world, OURS, of=of).result is Result.RESOLVED
    assert world.run(changed).loaded == 3
    assert decide(world, OURS, of=of).result is Result.ENDED
    world.check()


@pytest.mark.parametrize("decision", [Decision(None, {"details": "ours"}), Decision("ours", {"details": "theirs"})])
def test_a_deletion_is_decided_as_a_whole(world, three, decision):
    delete(world, three[1])
    world.run(three)
    before = world.state()
    assert decide(world, decision).result is Result.REFUSED
    assert decide(world, OURS, dry_run=True).result is Result.WOULD_RESOLVE
    assert world.state() == before


def test_a_change_at_the_hospital_revises_the_deletion_and_leaves_the_record_out(world, three):
    delete(world, three[1])
    world.run(three)
    of = of_conflict(world)
    changed = [three[0], record(2, world.patients[0], data={"details": "Measles"}, row_count=2, crc=77), three[2]]
    result = world.run(changed)
    assert (result.parked, result.agrees) == ({DELETED: 2}, True)
    assert decide(world, OURS, of=of).result is Result.CHANGED
    assert decide(world, OURS, of=of_conflict(world)).result is Result.RESOLVED
    world.run(changed)
    assert world.get(three[1])["data"]["details"] == "Measles"
    world.check()


def test_a_deleted_record_whose_row_is_voided_and_live_again_stays_out(world, three):
    delete(world, three[1])
    world.run(three)
    assert world.run([three[0], three[2]]).parked == {}
    assert world.passport[CONFLICTS].find_one()["state"] == "withdrawn"
    assert world.run(three).parked == {DELETED: 2}
    assert [one["state"] for one in world.passport[CONFLICTS].find().sort("_id", 1)] == ["withdrawn", "open"]
    world.check()


def test_a_record_in_conflict_that_is_deleted_leaves_one_conflict(world, three):
    world.edit(three[1], details="Malaria, severe")
    changed = [three[0], record(2, world.patients[0], data={"details": "Measles"}, row_count=2, crc=77), three[2]]
    assert world.run(changed).conflicts == 1
    delete(world, three[1])
    world.run(changed)
    states = [(one.get("kind"), one["state"]) for one in world.passport[CONFLICTS].find().sort("_id", 1)]
    assert states == [(None, "withdrawn"), ("deleted", "open")]
    assert digests_in(world.passport) == {DAY: digest_of(changed)}
    world.check()


def test_a_record_that_is_there_again_ends_the_conflict_over_its_deletion(world, three):
    before = world.get(three[1])
    delete(world, three[1])
    world.run(three)
    world.passport[RECORDS].insert_one(before)
    result = world.run(three)
    assert (result.loaded, result.parked) == (3, {})
    assert world.passport[CONFLICTS].find_one()["state"] == "withdrawn"
    world.check()


def test_records_of_a_collection_that_was_dropped_come_back(world, three):
    world.run([record(9, world.patients[1], day=OTHER_DAY)], day=OTHER_DAY)
    world.passport[RECORDS].delete_many({})
    assert world.run(three).inserted == 3
    assert world.run([record(9, world.patients[1], day=OTHER_DAY)], day=OTHER_DAY).inserted == 1
    assert world.passport[CONFLICTS].count_documents({}) == 0
    world.check()


def test_a_record_that_an_older_copy_lacks_comes_back(world, three):
    """Of a copy from before the third record was stored and the second one changed."""
    yesterday = [one for one in world.passport[RECORDS].find() if one["_id"] != three[2]["_id"]]
    other = record(9, world.patients[1], day=OTHER_DAY)
    world.run([other], day=OTHER_DAY)
    yesterday.append(world.get(other))
    changed = record(9, world.patients[1], day=OTHER_DAY, data={"details": "Measles"}, crc=8)
    world.run([changed], day=OTHER_DAY)
    world.passport[RECORDS].delete_many({})
    world.passport[RECORDS].insert_many(yesterday)
    assert world.run(three).inserted == 1
    assert world.run([changed], day=OTHER_DAY).updated == 1
    world.check()


def test_a_record_whose_retraction_was_audited_and_whose_copy_is_lost_comes_back(world, three):
    world.run([three[0], three[2]])
    world.passport[RETRACTED].delete_many({})
    result = world.run(three)
    assert (result.inserted, result.parked) == (1, {})


def test_a_record_of_a_day_that_was_not_recorded_comes_back(world, three):
    delete(world, three[1])
    world.passport[DAYS].delete_many({})
    assert world.run(three).inserted == 1
    world.check()


@pytest.mark.parametrize(("gone", "inserted", "parked"), [(20, 0, {DELETED: 20}), (21, 21, {})])
def test_more_records_than_people_delete_one_by_one_come_back(world, gone, inserted, parked):
    records = [record(number, world.patients[0]) for number in range(1, 61)]
    world.run(records)
    delete(world, *records[:gone])
    result = world.run(records)
    assert (result.inserted, result.parked, result.agrees) == (inserted, parked, True)
    world.check()


def test_after_a_loss_only_what_was_stored_since_can_be_told_to_be_deleted(world, three):
    other = record(9, world.patients[1], day=OTHER_DAY)
    world.run([other], day=OTHER_DAY)
    world.passport[RECORDS].delete_many({})
    world.run(three, now=LATER)
    world.run([other], day=OTHER_DAY, now=LATER)
    later = record(4, world.patients[0])
    world.run([*three, later], now=LATER + timedelta(hours=1))
    delete(world, later, three[0])
    result = world.run([*three, later], now=LATER + timedelta(hours=2))
    assert (result.inserted, result.parked) == (1, {DELETED: 1})
    world.check()


def test_a_second_loss_is_told_from_deletions_too(world, three):
    world.passport[RECORDS].delete_many({})
    world.run(three, now=LATER)
    later = [record(number, world.patients[0]) for number in (4, 5)]
    world.run([*three, *later], now=LATER + timedelta(hours=1))
    world.passport[RECORDS].delete_many({})
    assert world.run([*three, *later], now=LATER + timedelta(hours=2)).inserted == 5
    world.check()
