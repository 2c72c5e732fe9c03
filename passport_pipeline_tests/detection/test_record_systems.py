"""Checks of a hospital of a record system in memory: what is asked for when its streams change."""

import pytest

from passport_pipeline.detection.hospital import check_hospital
from passport_pipeline.passport.hospitals.state import record_checks, state_of
from passport_pipeline_tests.memory import KEY, MONTHS, SECOND, first_of
from passport_testing.memory_source import LETTERS, NOTES, MemoryReader


def check(memory):
    """The months that differ now; None where the hospital has to be surveyed first."""
    tick = memory.connections.tick()
    found = check_hospital(tick, tick.hospitals[KEY], state_of(tick.passport, KEY), MONTHS)
    record_checks(tick.passport, [found.result])
    return None if found.diffs is None else [diff.month for diff in found.diffs]


def test_a_hospital_that_was_never_surveyed_has_to_be(memory):
    assert check(memory) is None


@pytest.mark.parametrize("stream", [NOTES, LETTERS])
def test_a_new_row_of_either_stream_asks_for_its_window_until_it_is_loaded(memory, stream):
    memory.load()
    assert check(memory) == []
    memory.hospital.insert(stream, 1, SECOND, "a new one")
    assert check(memory) == check(memory) == ["2025-11"]
    memory.load()
    assert check(memory) == []


def test_what_is_unchanged_is_not_read_again(memory, monkeypatch):
    memory.load()
    assert check(memory) == []
    monkeypatch.setattr(MemoryReader, "refresh", lambda reader, survey: pytest.fail("it was read"))
    assert check(memory) == []


def test_a_change_in_place_is_found_by_the_next_full_survey(memory):
    memory.load()
    memory.hospital.change(NOTES, first_of(memory.hospital, NOTES), text="another")
    assert check(memory) == []
    memory.load()
    assert memory.shown() == memory.held()
