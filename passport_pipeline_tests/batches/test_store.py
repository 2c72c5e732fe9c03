"""Raw batches: day files and named frames, what damages them, and who may read them."""

import errno
import os
import threading
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from passport_pipeline.batches import files as module
from passport_pipeline.batches.store import Batches
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import BatchError, ConfigurationError
from passport_pipeline.sources.openmrs.lookups import references
from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS
from passport_pipeline.sources.openmrs.observations.units import unit_of_person

ONE, TWO, THREE = (date(2025, 11, day) for day in (1, 2, 3))


def observations(batches):
    return batches.stream("central", "observations")


def rows(day, *ids, text="note"):
    """Observations of one day, complete enough to be of every dtype."""
    frame = pd.DataFrame(columns=list(OBSERVATION_COLUMNS)).astype(OBSERVATION_COLUMNS).reindex(range(len(ids)))
    count = len(ids)
    return frame.assign(
        obs_id=list(ids),
        obs_uuid=[f"obs-{number}" for number in ids],
        unit_id=[unit_of_person(number % 3) for number in ids],
        day=pd.Timestamp(day),
        dated=pd.Timestamp(day),
        person_id=[number % 3 for number in ids],
        person_uuid=[f"person-{number % 3}" for number in ids],
        concept_id=5089,
        bad_datetime=False,
        unreadable=False,
        value_text=[text] * count,
        value_coded=pd.array([None if number % 2 else 2**60 + number for number in ids], dtype="Int64"),
        creator=1,
        date_created=pd.Timestamp(day) + pd.to_timedelta(range(count), unit="s"),
        row_crc=[number * 7919 % 2**32 for number in ids],
    ).astype(OBSERVATION_COLUMNS)


def digest(*frames):
    return Digest.of(pd.concat(frames)["row_crc"].to_numpy())


@pytest.fixture
def batches(tmp_path):
    return Batches(tmp_path / "stored" / "batches")


def test_days_are_read_with_the_frames_and_dtypes_that_were_written(batches):
    first, second, other = rows(ONE, 1, 2, 3), rows(ONE, 4), rows(TWO, 5, 6)
    frames = [first, pd.concat([second, other], ignore_index=True)]
    digests = {ONE: digest(first, second), TWO: digest(other)}
    assert observations(batches).write_days("2025-11", iter(frames), digests, references) == 6
    assert batches.days("central", "2025-11") == digests
    read = list(observations(batches).read_days([ONE], 1))
    assert len(read) == 2
    for frame, written in zip(read, (first, second), strict=True):
        pd.testing.assert_frame_equal(frame, written)
        assert frame.dtypes.astype(str).to_dict() == OBSERVATION_COLUMNS
    assert sorted(path.name for path in Path(batches.root, "central", "2025-11").iterdir()) == [
        "2025-11-01.parquet",
        "2025-11-02.parquet",
    ]


def test_a_days_file_has_the_references_of_all_its_frames(batches):
    first, second, other = rows(ONE, 1, 2), rows(ONE, 4).assign(concept_id=7), rows(TWO, 5)
    digests = {ONE: digest(first, second), TWO: digest(other)}
    observations(batches).write_days("2025-11", iter([first, second, other]), digests, references)
    named = {day: {kind: ids.tolist() for kind, ids in file.references.ids.items()} for day, file in month_of(batches)}
    assert named == {
        ONE: {"concept": [7, 5089, 2**60 + 2, 2**60 + 4], "user": [1], "person": [1, 2]},
        TWO: {"concept": [5089], "user": [1], "person": [2]},
    }
    assert batches.months("central") == ["2025-11"]


def month_of(batches):
    return batches.month("central", "2025-11").items()


def test_a_file_without_references_counts_as_absent_until_it_is_written_again(batches):
    frame = rows(ONE, 1)
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    (path,) = Path(batches.root).rglob("*.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata(pq.read_schema(path).metadata), path)
    assert batches.days("central", "2025-11") == {} and dict(month_of(batches)) == {ONE: None}
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    assert batches.days("central", "2025-11") == {ONE: digest(frame)}


def test_only_the_given_days_are_replaced(batches):
    old, new, other = rows(ONE, 1), rows(ONE, 1, text="edited"), rows(TWO, 2)
    observations(batches).write_days("2025-11", iter([old, other]), {ONE: digest(old), TWO: digest(other)}, references)
    untouched = Path(batches.root, "central/2025-11/2025-11-02.parquet").stat()
    observations(batches).write_days("2025-11", iter([new]), {ONE: digest(new)}, references)
    assert next(observations(batches).read_days([ONE], 1))["value_text"].tolist() == ["edited"]
    after = Path(batches.root, "central/2025-11/2025-11-02.parquet").stat()
    assert (after.st_ino, after.st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)


def test_a_day_of_which_only_the_number_of_rows_is_given_gets_the_digest_of_its_rows(batches):
    first, second, other = rows(ONE, 1, 2), rows(ONE, 4), rows(TWO, 5)
    assert observations(batches).write_days("2025-11", iter([first, second, other]), {ONE: 3, TWO: 1}, references) == 4
    assert batches.days("central", "2025-11") == {ONE: digest(first, second), TWO: digest(other)}


def test_a_day_without_live_rows_is_removed(batches):
    frame = rows(ONE, 1)
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    assert observations(batches).write_days("2025-11", iter([]), {ONE: Digest()}, references) == 0
    assert batches.days("central", "2025-11") == {} and list(observations(batches).read_days([ONE], 1)) == []
    observations(batches).delete_day(ONE)


@pytest.mark.parametrize(
    ("frames", "digests", "words"),
    [
        ([rows(ONE, 1, 2)], {ONE: digest(rows(ONE, 1))}, r"2025-11-01: read 2 rows, but they do not match"),
        ([rows(ONE, 1, 2)], {ONE: 3}, r"2025-11-01: read 2 rows, but they do not match"),
        ([], {ONE: digest(rows(ONE, 1))}, "no rows were read of a day that has live rows"),
        ([rows(TWO, 1)], {ONE: digest(rows(ONE, 1))}, "a day that was not asked for"),
        ([rows(ONE, 1), rows(TWO, 2), rows(ONE, 3)], {ONE: digest(rows(ONE, 1)), TWO: digest(rows(TWO, 2))}, "twice"),
        ([], {date(2025, 12, 1): Digest(1, 1, 1)}, "2025-12-01 is no day of 2025-11"),
    ],
    ids=["other rows", "too few rows", "no rows", "other day", "unordered", "other month"],
)
def test_rows_that_do_not_match_the_digest_are_not_stored(batches, frames, digests, words):
    with pytest.raises(BatchError, match=words):
        observations(batches).write_days("2025-11", iter(frames), digests, references)
    digests = batches.days("central", "2025-11")
    assert all(digests[day] == digests[day] for day in digests)
    assert not list(Path(batches.root).rglob("*.partial"))


def test_a_run_that_dies_half_way_leaves_the_old_file(batches):
    old = rows(ONE, 1)
    observations(batches).write_days("2025-11", iter([old]), {ONE: digest(old)}, references)

    def frames():
        yield rows(ONE, 1, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observations(batches).write_days("2025-11", frames(), {ONE: digest(rows(ONE, 1, 2, 3))}, references)
    assert batches.days("central", "2025-11") == {ONE: digest(old)}
    assert not list(Path(batches.root).rglob("*.partial"))


def test_a_damaged_file_counts_as_absent_in_comparisons_and_is_an_error_when_it_is_read(batches):
    frame = rows(ONE, 1)
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    path = Path(batches.root, "central/2025-11/2025-11-01.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    assert batches.days("central", "2025-11") == {}
    with pytest.raises(BatchError, match=r"2025-11-01.parquet: is damaged"):
        list(observations(batches).read_days([ONE], 1))


def test_a_file_with_a_damaged_footer_counts_as_absent_and_a_damaged_page_is_never_read_as_values(batches):
    frame = rows(ONE, *range(200), text="a note that compresses to next to nothing")
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    (path,) = Path(batches.root).rglob("*.parquet")
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    reported = absent = 0
    for at in range(footer, footer + 400):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        absent += ONE not in batches.days("central", "2025-11")
    for at in range(4, footer, 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        try:
            (read,) = observations(batches).read_days([ONE], 1000)
        except BatchError as error:
            assert "remove it and run again" in str(error)
            reported += 1
        else:
            pd.testing.assert_frame_equal(read, frame)
    assert reported
    assert absent


def test_partial_files_of_a_killed_run_are_removed_a_day_later(batches):
    frame = rows(ONE, 1)
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    folder = Path(batches.root, "central/2025-11")
    old, new = folder / "a.parquet.1.partial", folder / "b.parquet.2.partial"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 100_000,) * 2)
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    assert not old.exists() and new.exists()


def test_each_person_of_a_month_is_listed_once(batches):
    first, second = rows(ONE, 1, 2, 3, 4), rows(TWO, 5, 7)
    days = {ONE: digest(first), TWO: digest(second)}
    observations(batches).write_days("2025-11", iter([first, second]), days, references)
    persons = batches.persons("central", "2025-11")
    assert persons.values.tolist() == [[0, "person-0"], [1, "person-1"], [2, "person-2"]]
    nobody = batches.persons("central", "2025-12")
    assert nobody.empty and nobody.dtypes.equals(persons.dtypes)


def test_a_day_is_read_one_row_group_at_a_time(batches):
    frames = [rows(ONE, *range(number * 100, number * 100 + 100)) for number in range(30)]
    observations(batches).write_days("2025-11", iter(frames), {ONE: digest(*frames)}, references)
    path = Path(batches.root, "central/2025-11/2025-11-01.parquet")
    with pq.ParquetFile(path) as parquet:
        assert [parquet.metadata.row_group(n).num_rows for n in range(parquet.num_row_groups)] == [100] * 30
    reading = observations(batches).read_days([ONE], 1)
    assert len(next(reading)) == 100
    reading.close()


def test_small_frames_of_several_days_are_put_together_whole_and_in_order(batches):
    first, second, other = rows(ONE, 1, 2, 3), rows(ONE, 4, 5), rows(THREE, 6)
    days = {ONE: digest(first, second), THREE: digest(other)}
    observations(batches).write_days("2025-11", iter([first, second, other]), days, references)
    read = [frame["obs_id"].tolist() for frame in observations(batches).read_days([ONE, TWO, THREE], 4)]
    assert read == [[1, 2, 3], [4, 5, 6]]
    (together,) = observations(batches).read_days([ONE, TWO, THREE], 100)
    assert together.dtypes.astype(str).to_dict() == OBSERVATION_COLUMNS and len(together) == 6


def test_folders_and_files_are_readable_by_this_account_alone(batches):
    frame = rows(ONE, 1)
    observations(batches).write_days("2025-11", iter([frame]), {ONE: digest(frame)}, references)
    batches.write_frames("central", "matches", {"matches": frame}, {})
    root = Path(batches.root)
    for path in (root, *root.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


class FullDisk:
    """A file on a disk that is full after some bytes."""

    def __init__(self, path, room, code):
        self.file = path.open("xb")
        self.room = room
        self.code = code

    def write(self, content):
        self.room -= len(content)
        if self.room < 0:
            raise OSError(self.code, os.strerror(self.code))
        return self.file.write(content)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 100, 5_000])
@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "the disk is full; free space or set PASSPORT_BATCHES"), (errno.EDQUOT, "quota is used up")],
)
def test_a_full_disk_is_reported_and_leaves_the_old_files(batches, monkeypatch, room, code, words):
    old, new = rows(ONE, 1), rows(ONE, *range(2_000), text="a longer text")
    observations(batches).write_days("2025-11", iter([old]), {ONE: digest(old)}, references)
    batches.write_frames("central", "matches", {"matches": old}, {"a": "1"})
    monkeypatch.setattr(module, "_private_file", lambda path: FullDisk(path, room, code))
    with pytest.raises(BatchError, match=words):
        observations(batches).write_days("2025-11", iter([new]), {ONE: digest(new)}, references)
    with pytest.raises(BatchError, match=words):
        batches.write_frames("central", "matches", {"matches": new}, {})
    assert batches.days("central", "2025-11") == {ONE: digest(old)}
    assert batches.read_frames("central", "matches")[1] == {"a": "1"}
    assert not list(Path(batches.root).rglob("*.partial"))


def test_a_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").write_text("in the way")
    frame = rows(ONE, 1)
    with pytest.raises(BatchError, match="file/batches"):
        observations(Batches(tmp_path / "file" / "batches")).write_days(
            "2025-11", iter([frame]), {ONE: digest(frame)}, references
        )


def test_frames_are_stored_under_a_name_with_their_texts_and_dtypes(batches):
    assert batches.read_frames("central", "survey") is None
    cells = pd.DataFrame(
        {
            "day": pd.Series(["2025-11-01", None], dtype="datetime64[s]"),
            "n": pd.Series([1, None], dtype="Int64"),
            "flag": pd.Series([True, None], dtype="boolean"),
            "text": pd.Series(["a", None], dtype="str"),
            "value": [0.1, np.nan],
        }
    )
    nothing = cells.iloc[:0]
    batches.write_frames("central", "survey", {"cells": cells, "none": nothing}, {"takenAt": "now"})
    frames, texts = batches.read_frames("central", "survey")
    pd.testing.assert_frame_equal(frames["cells"], cells)
    pd.testing.assert_frame_equal(frames["none"], nothing)
    assert texts == {"takenAt": "now"} and list(frames) == ["cells", "none"]
    assert batches.read_texts("central", "survey") == texts and batches.read_texts("central", "matches") is None
    batches.write_frames("central", "survey", {}, {})
    assert batches.read_frames("central", "survey") == ({}, {})


def test_damaged_frames_are_reported(batches):
    batches.write_frames("central", "survey", {"cells": rows(ONE, 1)}, {})
    (path,) = Path(batches.root).rglob("survey.zip")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BatchError, match=r"survey.zip: is damaged"):
        batches.read_frames("central", "survey")


def test_readers_get_frames_of_one_write_while_others_write(batches):
    def write(value):
        for _ in range(20):
            frame = pd.DataFrame({"value": [value] * 50})
            batches.write_frames("central", "matches", {"one": frame, "two": frame}, {"value": str(value)})

    write(0)
    writers = [threading.Thread(target=write, args=(value,)) for value in (1, 2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        frames, texts = batches.read_frames("central", "matches")
        assert {*frames["one"]["value"], *frames["two"]["value"]} == {int(texts["value"])}
    for writer in writers:
        writer.join()


def test_a_location_that_is_not_a_local_folder_works_the_same():
    batches = Batches("memory://passport-tests/batches")
    frame, other = rows(ONE, 1, 2), rows(TWO, 3)
    digests = {ONE: digest(frame), TWO: digest(other)}
    assert observations(batches).write_days("2025-11", iter([frame, other]), digests, references) == 3
    assert batches.days("central", "2025-11") == digests
    pd.testing.assert_frame_equal(next(observations(batches).read_days([ONE], 1)), frame)
    batches.write_frames("central", "matches", {"matches": frame}, {"a": "b"})
    assert batches.read_frames("central", "matches")[1] == {"a": "b"}
    assert len(batches.persons("central", "2025-11")) == 3
    observations(batches).delete_day(ONE)
    observations(batches).delete_day(TWO)
    assert batches.days("central", "2025-11") == {}


@pytest.mark.parametrize("location", ["s3://bucket/passport", "rubbish://passport"])
def test_a_location_whose_driver_is_not_installed_is_reported(location):
    with pytest.raises(ConfigurationError, match="PASSPORT_BATCHES"):
        Batches(location)
