"""Frames that a record system hands over: what breaks its contract is told by its column, and by no value."""

import pandas as pd
import pytest

from passport_pipeline.sources.drafts import UNBUILDABLE
from passport_pipeline.sources.frames import OUTCOMES, ROW_CHECKSUMS, ROWS, FrameContractBroken, held
from passport_pipeline.windows.extract import extract_window
from passport_pipeline_tests.memory import KEY
from passport_testing.memory_source import MemoryMonth, MemoryStream

SECRET = "Amberlyn Samplewood"


def rows(**columns):
    whole = {"row_crc": [1], "day": pd.to_datetime(["2025-11-06"]), "person_id": [7], "person_uuid": ["person-7"]}
    dtypes = {"row_crc": "int64", "day": "datetime64[s]", "person_id": "int64"}
    return pd.DataFrame(whole).astype(dtypes).assign(**columns)


def test_a_frame_may_have_more_columns_than_its_contract_names():
    assert held(ROWS, rows(text=SECRET))["text"].tolist() == [SECRET]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (rows(row_crc=SECRET), "a frame of rows breaks its contract: row_crc"),
        (rows(person_uuid=None), "a frame of rows breaks its contract: person_uuid"),
        (rows().drop(columns="day"), "a frame of rows breaks its contract: rows"),
    ],
)
def test_a_broken_contract_is_told_without_any_value(frame, message):
    with pytest.raises(FrameContractBroken, match=message) as broken:
        held(ROWS, frame)
    assert SECRET not in str(broken.value)


def test_an_outcome_is_one_of_four_words():
    outcomes = rows(row_id=1, row_uuid="row-1", created_at=pd.Timestamp("2025-11-06").as_unit("us"), role="lead")
    outcomes = outcomes.assign(record=0, reason=pd.Series([None], dtype="str"))
    held(OUTCOMES, outcomes.assign(outcome="lead"))
    with pytest.raises(FrameContractBroken, match="outcome"):
        held(OUTCOMES, outcomes.assign(outcome="lost"))


def test_empty_frames_hold_their_contract():
    held(ROW_CHECKSUMS, pd.DataFrame({"row_id": [], "row_crc": []}).astype("int64"))


def test_rows_that_break_their_contract_are_not_stored(memory, monkeypatch):
    whole = MemoryMonth.rows

    def broken(month, days, batch_rows):
        yield from (frame.assign(row_crc=SECRET) for frame in whole(month, days, batch_rows))

    monkeypatch.setattr(MemoryMonth, "rows", broken)
    with memory.source() as source, pytest.raises(FrameContractBroken):
        extract_window(source, memory.batches, "2025-11")
    assert memory.batches.days(KEY, "2025-11") == {}


def test_rows_whose_drafts_break_their_contract_are_parked_and_stop_no_others(memory, monkeypatch):
    whole = MemoryStream.draft

    def broken(stream, frame, lookups, hospital):
        drafts = whole(stream, frame, lookups, hospital)
        if (frame["person_id"] == 1).any():
            drafts.records["type"] = "rumour"
        return drafts

    monkeypatch.setattr(MemoryStream, "draft", broken)
    memory.load()
    assert {person for person, _ in memory.shown()} == {"person-2", "person-3"}
    assert memory.passport["parkedrows"].distinct("reason") == [UNBUILDABLE]
