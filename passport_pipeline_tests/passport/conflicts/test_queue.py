"""The conflicts as operators see and choose them."""

import json
from datetime import date, timedelta

import pytest
from bson import ObjectId

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.conflicts.queue import ConflictRef, choose, listed, read_conflict
from passport_pipeline.passport.mongo.collections import CONFLICTS, RECORDS
from passport_pipeline_tests.passport.factory import DAY, NOW, record

DECEMBER = date(2025, 12, 1)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def disputed(world):
    """Two conflicts, in two months."""
    for number, day in ((1, DAY), (2, DECEMBER)):
        first = record(number, world.patients[0], day=day)
        world.run([first], day=day)
        world.edit(first, details="other")
        world.run([record(number, world.patients[0], day=day, data={"details": "Measles"}, crc=9)], day=day)
    return [found["_id"] for found in world.passport[CONFLICTS].find().sort("day", 1)]


def test_conflicts_are_listed_by_hospital_window_and_state(world, disputed):
    passport = world.passport
    assert [found.ref for found in listed(passport, LATER)] == [ConflictRef(conflict, 1) for conflict in disputed]
    assert [found.day for found in listed(passport, LATER, month="2025-12")] == ["2025-12-01"]
    assert listed(passport, LATER, hospitals=["east"]) == []
    assert listed(passport, LATER, state="resolved") == []
    assert len(listed(passport, LATER, hospitals=["central"], state="any")) == 2
    (first, _) = listed(passport, LATER)
    assert (first.fields, first.type, first.since, first.state) == (["details"], "condition", NOW, "open")


def test_listing_open_conflicts_brings_them_up_to_date_with_the_application(world, disputed, commands):
    world.edit(record(1, world.patients[0]), details="another", procedure="blood smear")
    (first, second) = listed(world.passport, LATER)
    assert (first.ref, second.ref) == (ConflictRef(disputed[0], 2), ConflictRef(disputed[1], 1))
    assert (first.fields, first.added, first.theirs["details"]) == (["details"], ["procedure"], "another")
    commands.names.clear()
    assert read_conflict(world.passport, ConflictRef(disputed[0]), LATER) == first
    assert commands.writes == []


def test_a_conflict_that_has_ended_is_displayed_as_it_ended(world, disputed):
    first = record(1, world.patients[0])
    world.run([first])
    world.edit(first, details="later")
    found = read_conflict(world.passport, ConflictRef(disputed[0]), LATER)
    assert (found.state, found.theirs["details"]) == ("withdrawn", "other")
    assert [entry["state"] for entry in found.history] == ["open", "withdrawn"]


def test_a_conflict_whose_record_is_gone_can_still_be_displayed(world, disputed):
    world.passport[RECORDS].delete_many({})
    assert read_conflict(world.passport, ConflictRef(disputed[0]), LATER).type == "condition"
    assert read_conflict(world.passport, ConflictRef(ObjectId()), LATER) is None


def test_values_are_given_only_where_they_are_asked_for(world, disputed):
    found = read_conflict(world.passport, ConflictRef(disputed[0]), LATER)
    assert not [value for value in ("other", "Measles") if value in str(found.to_json())]
    assert found.to_json(values=True)["ours"]["details"] == "Measles"


def test_values_of_any_kind_can_be_written_as_json(world, disputed):
    world.edit(record(1, world.patients[0]), seen=NOW, by=ObjectId("f" * 24), tags=["a"])
    told = read_conflict(world.passport, ConflictRef(disputed[0]), LATER).to_json(values=True)["theirs"]
    assert json.loads(json.dumps(told)) == told
    assert (told["seen"], told["by"], told["tags"]) == ({"$date": "2025-11-07T03:00:00Z"}, {"$oid": "f" * 24}, ["a"])


def test_conflicts_are_chosen_by_id_or_by_hospital_and_window_and_never_all_without_either(world, disputed):
    passport, ids = world.passport, [str(disputed[1]), f"{disputed[0]}@1", str(disputed[1])]
    assert choose(passport, LATER, ids=ids) == [ConflictRef(disputed[1]), ConflictRef(disputed[0], 1)]
    assert choose(passport, LATER, month="2025-12") == [ConflictRef(disputed[1], 1)]
    assert choose(passport, LATER, hospitals=["central"]) == [ConflictRef(conflict, 1) for conflict in disputed]
    for wrong in ({}, {"ids": ids, "month": "2025-12"}, {"month": "December"}):
        with pytest.raises(ConfigurationError):
            choose(passport, LATER, **wrong)


@pytest.mark.parametrize("text", ["", "Jane Smith", "f" * 23, "f" * 24 + "@", "f" * 24 + "@0", "f" * 24 + "@1\n"])
def test_an_invalid_id_is_refused_without_quoting_it(text):
    with pytest.raises(ConfigurationError) as refused:
        ConflictRef.parse(text)
    assert "Jane" not in str(refused.value)


def test_an_id_is_written_in_the_form_in_which_it_is_read():
    for text in ("f" * 24, "f" * 24 + "@12"):
        assert str(ConflictRef.parse(text)) == text
