"""A record system that is no database, with two streams: its windows come into the passport like any other's."""

from datetime import UTC, datetime

import pytest

from passport_pipeline.core.errors import SourceRefused
from passport_pipeline.passport.hospitals.state import state_of
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.restore_check import admit
from passport_pipeline.windows.survey import SINCE, renew_survey, stored_survey
from passport_pipeline_tests.memory import CHANGES, FIRST, KEY, LATER, SECOND, first_of
from passport_testing.memory_source import LETTERS, NOTES, MemoryHospital

MONTH = "2025-11"


def test_rows_of_both_streams_become_records_of_their_patients(memory):
    memory.load()
    assert memory.shown() == memory.held()
    assert memory.held().total() == 18


def test_a_days_digest_is_the_sum_of_its_streams_digests(memory):
    memory.load()
    with memory.source() as source:
        survey = renew_survey(source, memory.batches)
    parts = [memory.batches.stream(KEY, stream).month(MONTH) for stream in (NOTES, LETTERS)]
    assert all(set(part) == {FIRST, SECOND} for part in parts)
    for day, digest in memory.batches.days(KEY, MONTH).items():
        assert digest == parts[0][day].digest + parts[1][day].digest == survey.digests(MONTH)[day]


@pytest.mark.parametrize("stream", [NOTES, LETTERS])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_either_stream_is_loaded(memory, stream, change):
    memory.load()
    CHANGES[change](memory.hospital, stream)
    memory.load()
    assert memory.shown() == memory.held()
    assert memory.verify().ok


def test_records_of_the_other_stream_stay_as_they_are(memory):
    memory.load()
    records = memory.passport["medicalrecords"]
    before = {record["_id"]: record["source"]["version"] for record in records.find()}
    memory.hospital.change(NOTES, first_of(memory.hospital, NOTES), text="another")
    memory.load()
    after = {record["_id"]: record["source"]["version"] for record in records.find()}
    assert before.keys() == after.keys()
    assert sum(after.values()) == sum(before.values()) + 1


@pytest.mark.parametrize("stream", [NOTES, LETTERS])
def test_a_change_that_a_refresh_of_the_survey_misses_is_stored_for_its_stream_alone(memory, stream):
    memory.load()
    memory.hospital.change(stream, first_of(memory.hospital, stream), text="another")
    with memory.source() as source:
        before = stored_survey(source.hospital, memory.batches).refresh(source).digests()
        extract_window(source, memory.batches, MONTH, full=True)
        after = stored_survey(source.hospital, memory.batches).refresh(source).digests()
    assert after == survey(memory).digests() != before
    assert [name for name in memory.batches.names(KEY) if SINCE in name] == [f"{SINCE}-{MONTH}-of-{stream}"]


def survey(memory):
    with memory.source() as source:
        return HospitalSurvey.take(source, datetime.now(UTC))


def test_months_and_rows_outside_of_them_are_counted_over_all_streams(memory):
    hospital = survey(memory)
    assert hospital.live_by_month() == {MONTH: 12, "2026-02": 6} and hospital.months() == [MONTH, "2026-02"]
    assert (hospital.rows, hospital.live, hospital.outside(MONTH, MONTH)) == (18, 18, 6)
    assert LATER in hospital.digests() and LATER not in hospital.digests(MONTH)


def test_a_hospital_whose_database_was_replaced_is_stopped(memory):
    with memory.source() as source:
        admit(source, memory.passport, state_of(memory.passport, KEY))
        memory.hospital.name = "Another"
        with pytest.raises(SourceRefused, match="restored from a backup, or to be another one"):
            admit(source, memory.passport, state_of(memory.passport, KEY))
    assert state_of(memory.passport, KEY).state == "stopped"


def test_an_empty_hospital_has_nothing_to_load(memory):
    memory.hospital.rows = MemoryHospital("Central", {}).rows
    memory.load()
    assert memory.shown().total() == 0
