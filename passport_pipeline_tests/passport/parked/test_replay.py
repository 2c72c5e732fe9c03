"""Parked rows chosen, counted, listed, and tried again because somebody asked for it."""

from datetime import date, timedelta

import pytest

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.mongo.collections import PARKED
from passport_pipeline.passport.parked.replay import Selection, groups, mark_due, rows, still_parked
from passport_pipeline.passport.parked.retry_policy import due_days, due_windows
from passport_pipeline_tests.passport.factory import DAY, NOW, parked, record

NEXT_MONTH = date(2025, 12, 1)
HOUR = timedelta(hours=1)
FAULT = {"testStatus": "Fine"}


@pytest.fixture
def held_back(world):
    """Four parked rows of three reasons in two windows, and one of another hospital."""
    world.run([record(1, world.patients[0], data=FAULT, row_count=2)], [parked(2), parked(3)])
    world.run([], [parked(4, "unknown_patient", day=NEXT_MONTH)], day=NEXT_MONTH)
    world.run([record(1, world.patients[0], data=FAULT, hospital="east")], hospital="east")
    return world


def counted(world, **fields):
    found = groups(world.passport, Selection(**fields))
    return {(one.hospital, one.window, one.reason): one.records for one in found}


def test_parked_rows_are_counted_by_hospital_window_and_reason(held_back):
    first, *_ = groups(held_back.passport, Selection())
    assert (first.hospital, first.window, first.reason, first.state) == (
        "central",
        "2025-11",
        "invalid_document",
        "parked",
    )
    assert (first.records, first.rows, first.attempts) == (1, 2, (1, 1))
    assert (first.first_seen, first.last_seen, first.next_attempt) == (NOW, NOW, NOW + HOUR)
    assert counted(held_back) == {
        ("central", "2025-11", "invalid_document"): 1,
        ("central", "2025-11", "no_national_id"): 2,
        ("central", "2025-12", "unknown_patient"): 1,
        ("east", "2025-11", "invalid_document"): 1,
    }


def test_every_field_of_a_selection_excludes_rows(held_back):
    central, west = ("central", "2025-11", "invalid_document"), ("east", "2025-11", "invalid_document")
    assert set(counted(held_back, reasons=["invalid_document"])) == {central, west}
    assert set(counted(held_back, reasons=["invalid_document"], hospitals=["east"])) == {west}
    assert set(counted(held_back, window="2025-12")) == {("central", "2025-12", "unknown_patient")}
    assert set(counted(held_back, months=("2025-12", "2026-01"))) == {("central", "2025-12", "unknown_patient")}
    assert counted(held_back, months=("2025-12", "2026-01"), window="2025-11") == {}
    assert counted(held_back, state="exhausted") == {}
    one = held_back.passport[PARKED].find_one({"rowUuid": "obs-2-0"})
    for name in (str(one["_id"]), "obs-2-0"):
        assert [row.id for row in rows(held_back.passport, Selection(ids=[name]), 9)] == [str(one["_id"])]
    assert counted(held_back, ids=["obs-2-0", "obs-4-0"]) == {
        ("central", "2025-11", "no_national_id"): 1,
        ("central", "2025-12", "unknown_patient"): 1,
    }


def test_rows_are_listed_in_order_and_not_more_than_asked_for(held_back):
    found = rows(held_back.passport, Selection(), 4)
    assert [(one.hospital, one.day) for one in found] == [
        ("central", "2025-11-06"),
        ("central", "2025-11-06"),
        ("central", "2025-11-06"),
        ("central", "2025-12-01"),
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reasons": ["no_reason"]}, "no_reason.*invalid_document"),
        ({"state": "done"}, "done.*parked, exhausted"),
        ({"window": "2025-13"}, "2025-13.*YYYY-MM"),
    ],
)
def test_a_selection_by_an_unknown_reason_window_or_state_is_refused(fields, says):
    with pytest.raises(ConfigurationError, match=says):
        Selection(**fields)


def test_a_dry_run_writes_nothing(held_back, commands):
    commands.names.clear()
    groups(held_back.passport, Selection())
    assert commands.writes == []


def test_marked_rows_are_due_and_name_who_marked_them(held_back):
    later = NOW + HOUR / 2
    replay = mark_due(held_back.passport, Selection(hospitals=["central"]), "operator", later)
    assert replay.records == 4
    assert replay.windows == [("central", "2025-11"), ("central", "2025-12")]
    assert due_days(held_back.passport, "central", "2025-11", later) == {DAY}
    for one in held_back.passport[PARKED].find({"hospital": "central"}):
        assert (one["state"], one["nextAttempt"]) == ("parked", later)
        assert one["stateHistory"][-1] == {"state": "parked", "at": later, "by": "operator"}
    assert list(due_windows(held_back.passport, ["central", "east"], later)) == replay.windows


def test_a_replay_clears_what_loads_now_and_counts_what_fails_again(held_back):
    later = NOW + HOUR / 2
    selection = Selection(hospitals=["central"], window="2025-11")
    replay = mark_due(held_back.passport, selection, "operator", later)
    broken = record(1, held_back.patients[0], data=FAULT, row_count=2)
    result = held_back.run([broken, record(2, held_back.patients[0])], [parked(3)], now=later)
    assert (result.loaded, result.parked) == (1, {"invalid_document": 2, "no_national_id": 1})
    assert {(one.reason, one.records, one.attempts) for one in still_parked(held_back.passport, replay)} == {
        ("invalid_document", 1, (2, 2)),
        ("no_national_id", 1, (2, 2)),
    }
    assert due_windows(held_back.passport, ["central"], later + HOUR / 2) == {}
    assert due_windows(held_back.passport, ["central"], later + HOUR) == {("central", "2025-11"): later + HOUR}
    held_back.check()


def test_an_exhausted_row_begins_anew_when_it_is_replayed(held_back):
    held_back.passport[PARKED].update_many(
        {"reason": "invalid_document"}, {"$set": {"state": "exhausted", "tries": 8}, "$unset": {"nextAttempt": ""}}
    )
    later = NOW + timedelta(days=30)
    replay = mark_due(held_back.passport, Selection(state="exhausted", hospitals=["central"]), "operator", later)
    assert replay.records == 1
    held_back.run([record(1, held_back.patients[0], data=FAULT, row_count=2)], [parked(2), parked(3)], now=later)
    one = held_back.passport[PARKED].find_one({"hospital": "central", "reason": "invalid_document"})
    assert (one["state"], one["attempts"], one["tries"], one["nextAttempt"]) == ("parked", 2, 1, later + HOUR)
    assert [entry.get("by") for entry in one["stateHistory"]] == [None, "operator"]


def test_a_replay_during_a_run_is_not_lost(held_back, monkeypatch):
    from passport_pipeline.passport.parked import parked_rows

    later = NOW + HOUR
    store = parked_rows.store

    def marked_before(passport, *arguments):
        mark_due(passport, Selection(reasons=["invalid_document"]), "operator", later + HOUR)
        return store(passport, *arguments)

    monkeypatch.setattr(parked_rows, "store", marked_before)
    held_back.run([record(1, held_back.patients[0], data=FAULT, row_count=2)], [parked(2), parked(3)], now=later)
    assert due_windows(held_back.passport, ["central"], later + HOUR) == {("central", "2025-11"): later + HOUR}
    held_back.check()


def test_due_rows_are_found_by_the_index_alone(held_back):
    database = held_back.passport.db
    database.command("profile", 2)
    try:
        assert due_windows(held_back.passport, ["central", "east"], NOW + HOUR)
    finally:
        database.command("profile", 0)
    (told,) = database["system.profile"].find({"command.aggregate": PARKED})
    database["system.profile"].drop()
    assert told["planSummary"] == "IXSCAN { hospital: 1, window: 1, nextAttempt: 1 }"
    assert (told["docsExamined"], told["keysExamined"] > 0) == (0, True)
