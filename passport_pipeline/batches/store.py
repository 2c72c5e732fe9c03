"""Raw batches: the rows that were read at a hospital, as Parquet files by hospital, stream, month and day, for replays.

    {location}/{hospital}/{month}/{day}.parquet            observations; a row group is one frame, so no group is split
    {location}/{hospital}/{stream}/{month}/{day}.parquet   any other stream
    {location}/{hospital}/_lookups/{name}.zip              frames under a name: lookups, identifiers, surveys, matches

A file holds the digest of its rows and the ids that they refer to. A file that cannot be read, or lacks either, counts
as absent, so that it is written again. A hospital's day is the sum of its streams' days.

What belongs here: which files there are. What does not: how a file is written and read (files), and what rows mean; of
the columns of a frame, only `day`, `row_crc`, `person_id` and `person_uuid` are known here.
"""

from __future__ import annotations

import itertools
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from passport_pipeline.batches.files import (
    DAMAGE,
    DTYPES,
    explaining,
    parquet_file,
    reading,
    stem,
    table_of,
    to_arrow,
    to_pandas,
    writing,
)
from passport_pipeline.batches.known_errors import FILES
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import BatchError, ConfigurationError
from passport_pipeline.core.row_references import References
from passport_pipeline.core.windows import month_of

OLDEST_STREAM = "observations"
"""The stream whose files have no folder of their own, since it was once the only one."""

_DIGEST, _REFERENCES = b"passport.digest", b"passport.references"
_NAMED, _TEXTS = "_lookups", "metadata.json"
_MONTH = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True, slots=True)
class DayBatch:
    """The metadata of a day's file: the digest of its rows, and what they refer to."""

    digest: Digest
    references: References

    def __add__(self, other: DayBatch) -> DayBatch:
        """The metadata of two streams' rows together."""
        return DayBatch(self.digest + other.digest, References.union([self.references, other.references]))


def of_stream(name: str, stream: str) -> str:
    """The name under which frames of one stream alone are stored."""
    return name if stream == OLDEST_STREAM else f"{name}-of-{stream}"


class Batches:
    """The raw batches below one fsspec location. Opening it touches nothing. Raises ConfigurationError."""

    def __init__(self, location: str | Path) -> None:
        try:
            self.fs, self.root = fsspec.core.url_to_fs(str(location))
        except (ImportError, ValueError, TypeError) as error:
            raise ConfigurationError(
                "PASSPORT_BATCHES must be a path, or an fsspec URL whose driver is installed, like s3fs for s3:// "
                f"({type(error).__name__})"
            ) from None
        self.root = self.root.rstrip("/")

    def stream(self, hospital_key: str, stream: str) -> StreamBatches:
        """The batches of one stream of a hospital."""
        folder = f"{self.root}/{hospital_key}"
        return StreamBatches(self.fs, self.root, stream, folder if stream == OLDEST_STREAM else f"{folder}/{stream}")

    # Days of a hospital, all of its streams together

    def months(self, hospital_key: str) -> list[str]:
        """The months (`YYYY-MM`) that have a folder, oldest first. Raises BatchError."""
        return sorted({month for stream in self._streams(hospital_key) for month in stream.months()})

    def month(self, hospital_key: str, month: str) -> dict[date, DayBatch | None]:
        """The metadata of each day of a month, in the order of days; None where a file cannot be read.

        Only the footers of files are read. Raises BatchError.
        """
        days: dict[date, DayBatch | None] = {}
        for stream in self._streams(hospital_key):
            for day, batch in stream.month(month).items():
                before = days.get(day, batch)
                days[day] = before + batch if day in days and before and batch else before and batch
        return dict(sorted(days.items()))

    def days(self, hospital_key: str, month: str) -> dict[date, Digest]:
        """The digest of each day of a month whose files are readable. Raises BatchError."""
        return {day: batch.digest for day, batch in self.month(hospital_key, month).items() if batch}

    def read_days(self, hospital_key: str, days: Sequence[date], batch_rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """The frames of these days, each with its stream, in the order of the days; as StreamBatches.read_days. Raises
        BatchError.
        """
        streams = self._streams(hospital_key)
        for together in [days] if len(streams) == 1 else [[day] for day in days]:
            for stream in streams:
                yield from ((stream.name, frame) for frame in stream.read_days(together, batch_rows))

    def persons(self, hospital_key: str, month: str) -> pd.DataFrame:
        """The persons of a month, each once: person_id int64, person_uuid str. Raises BatchError."""
        persons = pd.concat([stream.persons(month) for stream in self._streams(hospital_key)])
        return persons.drop_duplicates("person_id").sort_values("person_id", ignore_index=True)

    def _streams(self, hospital_key: str) -> list[StreamBatches]:
        """The streams that have files; that of observations always."""
        names = map(stem, listed(self.fs, f"{self.root}/{hospital_key}"))
        others = [name for name in names if not name.startswith("_") and not _MONTH.fullmatch(name)]
        return [self.stream(hospital_key, name) for name in (OLDEST_STREAM, *others)]

    # Frames under a name

    def write_frames(
        self, hospital_key: str, name: str, frames: Mapping[str, pd.DataFrame], metadata: Mapping[str, str]
    ) -> None:
        """Store frames and a few texts under a name, in place of the old ones. Raises BatchError.

        They are one file, so that a reader gets all of the old ones or all of the new ones, whoever else writes.
        """
        with (
            writing(self.fs, self.root, self._named(hospital_key, name)) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
        ):
            archive.writestr(_TEXTS, json.dumps(dict(metadata)))
            for key, frame in frames.items():
                with archive.open(f"{key}.parquet", "w", force_zip64=True) as member:
                    pq.write_table(to_arrow(frame), member, compression="zstd")

    def read_texts(self, hospital_key: str, name: str) -> dict[str, str] | None:
        """The texts alone that are stored under a name, or None where there are none. Raises BatchError."""
        with self._archive(hospital_key, name) as archive:
            texts: dict[str, str] | None = json.loads(archive.read(_TEXTS)) if archive else None
        return texts

    def read_frames(self, hospital_key: str, name: str) -> tuple[dict[str, pd.DataFrame], dict[str, str]] | None:
        """The frames and texts stored under a name, or None where there are none. Raises BatchError."""
        with self._archive(hospital_key, name) as archive:
            if archive is None:
                return None
            members = [member for member in archive.namelist() if member != _TEXTS]
            frames = {stem(member): table_of(archive.read(member)) for member in members}
            return frames, json.loads(archive.read(_TEXTS))

    @contextmanager
    def _archive(self, hospital_key: str, name: str) -> Iterator[zipfile.ZipFile | None]:
        """The file of a name, open; None where there is none."""
        path = self._named(hospital_key, name)
        with reading(path):
            if not self.fs.exists(path):
                yield None
                return
            with self.fs.open(path, "rb") as file, zipfile.ZipFile(file) as archive:
                yield archive

    def names(self, hospital_key: str) -> list[str]:
        """The names under which there are frames or texts, in order. Raises BatchError."""
        return [stem(path) for path in listed(self.fs, f"{self.root}/{hospital_key}/{_NAMED}") if path.endswith(".zip")]

    def delete_frames(self, hospital_key: str, name: str) -> None:
        """Remove what is kept under a name, if anything is. Raises BatchError."""
        delete(self.fs, self._named(hospital_key, name))

    def _named(self, hospital_key: str, name: str) -> str:
        return f"{self.root}/{hospital_key}/{_NAMED}/{name}.zip"


class StreamBatches:
    """The raw batches of one stream of a hospital, below `folder`; made by Batches.stream."""

    def __init__(self, fs: AbstractFileSystem, root: str, name: str, folder: str) -> None:
        self.fs, self.root, self.name, self.folder = fs, root, name, folder

    def months(self) -> list[str]:
        """The months (`YYYY-MM`) that have a folder, oldest first. Raises BatchError."""
        return [stem(folder) for folder in listed(self.fs, self.folder) if _MONTH.fullmatch(stem(folder))]

    def month(self, month: str) -> dict[date, DayBatch | None]:
        """The metadata of each file of a month, in the order of days; None where it cannot be read.

        Only the footers of files are read. Raises BatchError.
        """
        batches = {path: self._day_batch(path) for path in self._files(month)}
        # An unreadable file that no longer exists was removed meanwhile.
        return {date.fromisoformat(stem(path)): day for path, day in batches.items() if day or self.fs.exists(path)}

    def write_days(
        self,
        month: str,
        frames: Iterator[pd.DataFrame],
        digests: Mapping[date, Digest | int],
        references: Callable[[pd.DataFrame], References],
        *,
        confirm: Callable[[], None] = lambda: None,
    ) -> int:
        """Replace the files of the days in `digests` by the rows of the frames; returns the number of rows.

        The frames are ordered by `day`; `references` returns what the rows of a frame refer to. A day's file is put in
        place when it is whole and its rows have the given digest, or the given number where the digest is not yet
        computed; a day without rows is removed. Before each file, `confirm` is called; if it raises, the day's file
        stays as it was. Memory holds one frame. Raises BatchError, also where the rows of a day are others; earlier
        days are in place by then.
        """
        self._sweep(f"{self.folder}/{month}")
        rows = 0
        expected = {day: digest for day, digest in digests.items() if digest}
        for day in digests.keys() - expected.keys():
            confirm()
            self.delete_day(day)
        for day in expected:
            if month_of(day) != month:
                raise BatchError(f"{self._label}: {day} is no day of {month}")
        written: set[date] = set()
        for day, slices in _by_day(frames):
            if day not in expected or day in written:
                raise BatchError(f"{self._label} {day}: rows of a day that was not asked for, or came twice")
            rows += self._write_day(day, slices, expected[day], references, confirm=confirm)
            written.add(day)
        missing = sorted(expected.keys() - written)
        if missing:
            raise BatchError(f"{self._label} {missing[0]}: no rows were read of a day that has live rows; run again")
        return rows

    def read_days(self, days: Iterable[date], batch_rows: int) -> Iterator[pd.DataFrame]:
        """The frames of these days, one after another, one in memory at a time; small ones are put together.

        A frame holds whole frames as they were written, so no group is split, and about `batch_rows` rows at
        most, unless a single one has more. A day without a file has no frame. Raises BatchError.
        """
        waiting: list[pa.Table] = []
        for table in self._row_groups(days):
            full = sum(part.num_rows for part in waiting) + table.num_rows > batch_rows
            # Files of an earlier version may lack columns, so they are not put together with others.
            if waiting and (full or table.schema != waiting[0].schema):
                yield to_pandas(pa.concat_tables(waiting))
                waiting = []
            waiting.append(table)
        if waiting:
            yield to_pandas(pa.concat_tables(waiting))

    def delete_day(self, day: date) -> None:
        """Remove a day's file, if there is one. Raises BatchError."""
        delete(self.fs, self._day(day))

    def persons(self, month: str) -> pd.DataFrame:
        """The persons of a month, each once: person_id int64, person_uuid str. Raises BatchError."""
        columns = ["person_id", "person_uuid"]
        tables = []
        for path in self._files(month):
            with reading(path), self.fs.open(path, "rb") as file, parquet_file(file) as parquet:
                tables.append(parquet.read(columns=columns).group_by(columns).aggregate([]))
        if not tables:
            return pd.DataFrame({"person_id": pd.Series(dtype="int64"), "person_uuid": pd.Series(dtype="str")})
        persons = to_pandas(pa.concat_tables(tables)).drop_duplicates("person_id")
        return persons.sort_values("person_id", ignore_index=True)

    @property
    def _label(self) -> str:
        """Its name in messages: the hospital, and the stream unless it is that of observations."""
        return self.folder.removeprefix(f"{self.root}/").replace("/", " ")

    def _day(self, day: date) -> str:
        return f"{self.folder}/{month_of(day)}/{day.isoformat()}.parquet"

    def _files(self, month: str) -> list[str]:
        return [path for path in listed(self.fs, f"{self.folder}/{month}") if path.endswith(".parquet")]

    def _row_groups(self, days: Iterable[date]) -> Iterator[pa.Table]:
        for day in days:
            path = self._day(day)
            with reading(path):
                if not self.fs.exists(path):
                    continue
                with self.fs.open(path, "rb") as file, parquet_file(file) as parquet:
                    for number in range(parquet.num_row_groups):
                        yield parquet.read_row_group(number)

    def _day_batch(self, path: str) -> DayBatch | None:
        with explaining(path):
            try:
                with self.fs.open(path, "rb") as file, parquet_file(file) as parquet:
                    footer = parquet.metadata.metadata or {}
                digest, _, _ = (json.loads(footer[name]) for name in (_DIGEST, DTYPES, b"pandas"))
                return DayBatch(Digest.from_json(digest), References.from_bytes(footer[_REFERENCES]))
            except FileNotFoundError:
                return None
            except (OSError, *DAMAGE) as error:
                # A file that cannot be reached is not taken for absent: a day without a file loses its records.
                if getattr(error, "errno", None) or FILES.find(error):
                    raise
                return None

    def _write_day(
        self,
        day: date,
        slices: Iterator[pd.DataFrame],
        expected: Digest | int,
        references: Callable[[pd.DataFrame], References],
        *,
        confirm: Callable[[], None],
    ) -> int:
        path = self._day(day)
        digest, all_references = Digest(), References()
        tables = ((frame, to_arrow(frame)) for frame in slices)
        first = next(tables)
        schema = first[1].schema
        with writing(self.fs, self.root, path) as file:
            # Without dictionaries: measured, a quarter less time and space.
            with pq.ParquetWriter(
                file, schema, compression="zstd", use_dictionary=False, write_page_checksum=True
            ) as writer:
                for frame, table in itertools.chain([first], tables):
                    writer.write_table(table.cast(schema), row_group_size=max(1, len(frame)))
                    digest += Digest.of(frame["row_crc"].to_numpy())
                    all_references = References.union([all_references, references(frame)])
                footer = {_DIGEST: json.dumps(digest.to_json()).encode(), _REFERENCES: all_references.to_bytes()}
                writer.add_key_value_metadata(footer)  # type: ignore[arg-type] # takes bytes
            if expected != (digest if isinstance(expected, Digest) else digest.live):
                raise BatchError(
                    f"{self._label} {day}: read {digest.live} rows, but they do not match the hospital's digest; the "
                    "day was not stored. Run again"
                )
            confirm()
        return digest.live

    def _sweep(self, folder: str) -> None:
        """Remove files that a killed run left half-written, a day later: no run takes that long over one file."""
        if isinstance(self.fs, LocalFileSystem):
            with explaining(folder):
                for partial in Path(folder).glob("*.partial"):
                    if partial.stat().st_mtime < time.time() - 86_400:
                        partial.unlink(missing_ok=True)


def delete(fs: AbstractFileSystem, path: str) -> None:
    """Remove a file, if there is one. Raises BatchError."""
    with explaining(path):
        if fs.exists(path):
            fs.rm_file(path)


def listed(fs: AbstractFileSystem, folder: str) -> list[str]:
    """The paths in a folder, in order; none where there is no folder. Raises BatchError."""
    with explaining(folder):
        if not fs.exists(folder):
            return []
        fs.invalidate_cache(folder)
        return sorted(str(path).rstrip("/") for path in fs.ls(folder, detail=False))


def _by_day(frames: Iterator[pd.DataFrame]) -> Iterator[tuple[date, Iterator[pd.DataFrame]]]:
    """The frames cut into days: each day once with its slices, if the frames are ordered."""
    slices = ((day, part) for frame in frames for day, part in frame.groupby("day", sort=False))
    for day, parts in itertools.groupby(slices, key=lambda day_and_part: day_and_part[0]):
        yield pd.Timestamp(day).date(), (part.reset_index(drop=True) for _, part in parts)
