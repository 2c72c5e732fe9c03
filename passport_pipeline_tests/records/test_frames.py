"""Rows over which an unforeseen error is raised are parked, and all others are made into documents."""

import logging
from operator import itemgetter

import pandas as pd
import pytest

from passport_pipeline.core.errors import PassportUnreachable
from passport_pipeline.records import documents as making_documents
from passport_pipeline.records.frames import Making
from passport_pipeline.sources.openmrs.observations import drafting
from passport_pipeline.sources.openmrs.observations.stream import Observations
from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    DICTIONARY,
    NOTE,
    PANEL,
    POTASSIUM,
    SODIUM,
    diagnosis,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    HOSPITAL,
    NOW,
    accounts_of,
    documents_of,
    in_encounter,
    lookups,
    matched,
    obs,
    observations,
)

NAME = "Ada Lovelace"


def note(number, **more):
    """A note in an encounter of its own."""
    (row,) = in_encounter(number, obs(number, NOTE, value_text=f"note {number}", **more))
    return row


def result(number):
    """A test result in an encounter of its own."""
    return in_encounter(number, obs(number, POTASSIUM, value_numeric=4.0))[0]


def diagnosed(first):
    """A diagnosis in an encounter of its own."""
    return in_encounter(first, *diagnosis(first))


def panel(first):
    """Two results and a group of two more below one header, in an encounter of their own."""
    rows = [
        obs(first, PANEL),
        obs(first + 1, POTASSIUM, obs_group_id=first, value_numeric=4.0),
        obs(first + 2, SODIUM, obs_group_id=first, value_numeric=140.0),
        obs(first + 3, PANEL, obs_group_id=first),
        obs(first + 4, POTASSIUM, obs_group_id=first + 3, value_numeric=5.0),
        obs(first + 5, SODIUM, obs_group_id=first + 3, value_numeric=141.0),
    ]
    return in_encounter(first, *rows)


def making(rows, accounts=accounts_of):
    return Making(Observations(), lookups(DICTIONARY), HOSPITAL, matched(rows), accounts, NOW, "run-1")


def made_of(rows):
    return making(rows).documents_of(rows)


@pytest.fixture
def failing(monkeypatch):
    """failing(*obs_ids) -> frames with all of these rows fail; returns the sizes of the frames that were tried."""

    def arrange(*obs_ids, error=ZeroDivisionError):
        draft, tried = drafting.draft, []

        def broken(rows, *others):
            tried.append(len(rows))
            if {*obs_ids} <= {*rows["obs_id"]}:
                raise error(f"about {NAME}")
            return draft(rows, *others)

        monkeypatch.setattr(Observations, "draft", staticmethod(broken))
        return tried

    return arrange


def parked_in(made):
    return {part["rowId"] for row in made.parked for part in row["rows"] if row["reason"] == "unbuildable"}


def loaded_in(made):
    return {part["rowId"] for record in made.records for part in record["source"]["rows"]}


def test_the_one_row_that_fails_is_parked_and_the_documents_of_all_others_are_unchanged(failing):
    rows = observations(*(result(number) for number in range(1, 101)), *diagnosed(200))
    ordinary = documents_of(rows, DICTIONARY)
    tried = failing(77)
    made = made_of(rows)
    key = itemgetter("_id")
    others = [record for record in ordinary.records if record["source"]["rowId"] != 77]
    assert sorted(made.records, key=key) == sorted(others, key=key)
    (parked,) = made.parked
    assert parked["rows"] == [
        {"stream": "observations", "rowId": 77, "rowUuid": "obs-uuid-77", "crc": 77 * 7, "role": "lead"}
    ]
    assert (parked["reason"], parked["error"], parked["day"]) == ("unbuildable", "ZeroDivisionError", "2025-11-06")
    ids = {record["source"]["rowUuid"]: record["_id"] for record in ordinary.records}
    assert parked["_id"] == ids["obs-uuid-77"]
    assert made.outcomes["row_id"].tolist() == rows["obs_id"].tolist()
    assert made.outcomes.set_index("row_id")["outcome"].value_counts().to_dict() == {
        "lead": 100,
        "parked": 1,
        "attached": 3,
    }
    assert len(tried) < 20


def test_the_other_answers_of_its_encounter_still_make_a_visit(failing):
    rows = observations(*in_encounter(5, note(1), note(2), note(3)))
    failing(2)
    made = made_of(rows)
    (visit,) = made.records
    assert visit["data"]["notes"] == "Note: note 1\nNote: note 3"
    assert [row["rowId"] for row in visit["source"]["rows"]] == [1, 3]
    assert parked_in(made) == {2}


def test_a_frame_that_does_not_fail_is_drafted_once(failing):
    tried = failing(4711)
    made_of(observations(note(1), note(2)))
    assert tried == [2]


def test_the_log_has_the_obs_ids_and_the_type_of_the_error_but_not_its_text(failing, caplog):
    failing(2)
    with caplog.at_level(logging.WARNING, "passport_pipeline.records.frames"):
        made = made_of(observations(note(1), note(2), note(3)))
    (message,) = caplog.messages
    assert "central: no record can be made of 1 observations" in message
    assert "obs_id 2: ZeroDivisionError" in message
    assert NAME not in message + str(made.parked)


def test_a_row_that_fails_is_parked_with_all_rows_of_its_group(failing):
    rows = observations(note(1), *diagnosed(10), *panel(20), note(30))
    failing(12)
    made = made_of(rows)
    assert parked_in(made) == {10, 11, 12, 13}
    assert loaded_in(made) == {1, *range(20, 26), 30}


@pytest.mark.parametrize(
    ("obs_id", "parked"),
    [(24, {23, 24, 25}), (21, {*range(20, 26)}), (23, {*range(20, 26)}), (20, {*range(20, 26)})],
)
def test_of_nested_groups_the_one_with_the_failing_row_is_parked_with_all_below_it(failing, obs_id, parked):
    failing(obs_id)
    made = made_of(observations(note(1), *panel(20)))
    assert parked_in(made) == parked
    assert parked_in(made) | loaded_in(made) == {1, *range(20, 26)}


def test_a_group_of_which_no_row_fails_by_itself_is_parked_whole(failing):
    failing(21, 25)
    made = made_of(observations(note(1), *panel(20)))
    assert parked_in(made) == {*range(20, 26)}
    assert loaded_in(made) == {1}


def test_rows_in_each_others_groups_are_parked_together(failing):
    rows = observations(*in_encounter(1, note(1, obs_group_id=2), note(2, obs_group_id=1)), note(3, obs_group_id=3))
    failing(1)
    made = made_of(rows)
    assert (parked_in(made), loaded_in(made)) == ({1, 2}, {3})


def test_rows_that_fail_in_finding_their_clinician_or_in_hashing_are_parked(monkeypatch):
    rows = observations(*(note(number) for number in range(1, 9)))
    attribute, hashed = drafting.attribute, making_documents.hashed

    def nobody(rows, *others):
        if 3 in {*rows["obs_id"]}:
            raise KeyError(NAME)
        return attribute(rows, *others)

    def unhashable(value):
        if "note 5" in str(value):
            raise TypeError(NAME)
        return hashed(value)

    monkeypatch.setattr(drafting, "attribute", nobody)
    monkeypatch.setattr(making_documents, "hashed", unhashable)
    made = made_of(rows)
    assert {row["rowId"]: row["error"] for row in made.parked} == {3: "KeyError", 5: "TypeError"}
    assert loaded_in(made) == {1, 2, 4, 6, 7, 8}


@pytest.mark.parametrize("error", [PassportUnreachable("no primary"), OSError(), MemoryError(), KeyboardInterrupt()])
def test_an_error_that_no_row_causes_stops_the_run(error):
    rows = observations(note(1), note(2))

    def interrupted(_):
        raise error

    with pytest.raises(type(error)):
        making(rows, interrupted).documents_of(rows)


def test_an_error_that_is_raised_even_without_rows_stops_the_run(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(Observations, "draft", staticmethod(broken))
    with pytest.raises(ZeroDivisionError):
        made_of(observations(note(1), note(2)))


def test_a_row_with_a_text_that_json_cannot_hold_is_parked_alone():
    rows = observations(note(1), note(2), note(3))
    rows["value_text"] = pd.Series(["a", "\ud800", "c"], dtype="object")  # Arrow, which frames come in, has none such
    made = made_of(rows)
    assert ([*parked_in(made)], loaded_in(made)) == ([2], {1, 3})


def test_a_record_of_too_many_rows_is_parked_row_by_row(monkeypatch):
    monkeypatch.setattr(making_documents, "MOST_ROWS", 3)
    rows = observations(note(1), *diagnosed(10), note(20))
    made = made_of(rows)
    assert parked_in(made) == {10, 11, 12, 13}
    assert {len(row["rows"]) for row in made.parked} == {1}
    assert {row["error"] for row in made.parked} == {"TooManyRows"}
    assert loaded_in(made) == {1, 20}
