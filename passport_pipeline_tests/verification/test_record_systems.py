"""Both ends of a hospital of a record system in memory, compared down to the row."""

from itertools import cycle

import pytest

from passport_pipeline.windows.survey import stored_survey
from passport_pipeline_tests.memory import CHANGES, FIRST, LATER, SECOND, first_of
from passport_testing.memory_source import LETTERS, NOTES


def test_a_loaded_hospital_agrees_and_the_rows_of_all_streams_are_counted(memory):
    memory.load()
    verification = memory.verify()
    assert verification.ok and (verification.live, verification.loaded) == (18, 18)


@pytest.mark.parametrize(("change", "stream"), [*zip(CHANGES, cycle([NOTES, LETTERS]), strict=False)])
def test_a_change_that_was_not_loaded_is_found(memory, stream, change):
    memory.load()
    CHANGES[change](memory.hospital, stream)
    verification = memory.verify()
    assert not verification.ok and {difference.day for difference in verification.differences} <= {FIRST, LATER, SECOND}
    memory.load()
    assert memory.verify().ok


@pytest.mark.parametrize("stream", [NOTES, LETTERS])
def test_the_row_that_differs_is_named_in_either_stream(memory, stream):
    memory.load()
    number = first_of(memory.hospital, stream)
    memory.hospital.change(stream, number, text="another")
    (difference,) = memory.verify().differences
    assert difference.day == FIRST
    assert difference.rows.different.row_ids == (number,)


def test_verifying_some_months_finds_a_change_in_them_alone(memory):
    memory.load()
    memory.hospital.change(NOTES, first_of(memory.hospital, NOTES), text="another")
    with memory.source() as source:
        survey = stored_survey(source.hospital, memory.batches)
    assert [
        difference.day for difference in memory.verify(survey=survey, months=("2025-11", "2025-11")).differences
    ] == [FIRST]
    assert memory.verify(survey=survey, months=("2026-02", "2026-02")).ok
