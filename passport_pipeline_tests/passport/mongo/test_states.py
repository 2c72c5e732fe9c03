"""Going from one state to the next, and never out of a terminal one."""

from datetime import timedelta

import pytest
from pymongo.errors import WriteError

from passport_pipeline.passport.mongo.collections import CONFLICTS
from passport_pipeline.passport.mongo.states import CONFLICT, PARKED_ROW, States
from passport_pipeline_tests.passport.factory import NOW, record

LATER = NOW + timedelta(hours=1)
PIPE = States(("new", "waiting"), ("done", "given_up"))


def documents(passport, *states):
    """A collection of plain documents, one in each state."""
    passport.db["anything"].drop()
    passport.db["anything"].insert_many({"_id": state, **PIPE.begin(NOW), "state": state} for state in states)
    return passport.db["anything"]


def test_a_new_document_begins_in_the_first_state_with_a_history():
    assert PIPE.begin(NOW, by="jane", run_id="run") == {
        "state": "new",
        "stateHistory": [{"state": "new", "at": NOW, "by": "jane", "runId": "run"}],
    }
    assert PIPE.begin(NOW)["stateHistory"] == [{"state": "new", "at": NOW}]


def test_a_transition_sets_state_fields_and_history_in_one(passport):
    collection = documents(passport, "new")
    change = PIPE.transition({"_id": "new"}, "done", LATER, by="jane", fields={"why": "so"}, without=("gone",))
    assert collection.bulk_write([change]).modified_count == 1
    found = collection.find_one()
    assert (found["state"], found["why"]) == ("done", "so")
    assert found["stateHistory"] == [{"state": "new", "at": NOW}, {"state": "done", "at": LATER, "by": "jane"}]


@pytest.mark.parametrize("state", ["new", "waiting", "done", "given_up"])
def test_a_document_in_a_terminal_state_is_never_found(passport, state):
    collection = documents(passport, "done", "given_up")
    before = list(collection.find())
    changes = [PIPE.transition({"_id": one}, state, LATER) for one in ("done", "given_up")]
    assert collection.bulk_write(changes).matched_count == 0
    assert collection.count_documents(PIPE.unfinished) == 0
    assert list(collection.find()) == before


def test_the_same_transition_twice_is_one_entry(passport):
    collection = documents(passport, "new")
    for _ in range(2):
        collection.bulk_write([PIPE.transition({"_id": "new"}, "waiting", LATER)])
    assert [one["state"] for one in collection.find_one()["stateHistory"]] == ["new", "waiting"]


def test_an_unknown_state_is_refused():
    with pytest.raises(ValueError, match="no state 'over'"):
        PIPE.transition({}, "over", NOW)


def test_states_of_every_kind_are_distinct():
    for states in (CONFLICT, PARKED_ROW, PIPE):
        assert len(set(states.names)) == len(states.names)


def test_mongodb_refuses_a_conflict_in_an_unknown_state(world):
    world.run([record(1, world.patients[0])])
    world.edit(record(1, world.patients[0]), details="other")
    world.run([record(1, world.patients[0], data={"details": "Measles"}, crc=9)])
    with pytest.raises(WriteError):
        world.passport[CONFLICTS].update_one({}, {"$set": {"state": "over"}})
