"""Raw batches: what was read at a hospital, as Parquet files by hospital, month and day, kept for replays.

    {location}/{hospital}/{month}/{day}.parquet   observations; a row group is one frame, so no group is split
    {location}/{hospital}/_lookups/{name}.zip     frames under a name: lookups, identifiers, survey, matches

A file stands or does not stand: it is written beside its place and moved there when it is whole, and it
carries the digest of its rows and the ids of what they refer to. A file that cannot be read, or lacks either,
counts as absent, so that it is written again.

What belongs here: files. What does not: what is in them; the columns `day`, `row_crc`, `person_id` and
`person_uuid` are all that is known of a frame.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import secrets
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import BatchError, ConfigurationError, PipelineError
from passport_pipeline.core.known_errors import Origin, explained, find
from passport_pipeline.core.row_references import References
from passport_pipeline.core.windows import month_of

_DIGEST, _REFERENCES, _DTYPES = b"passport.digest", b"passport.references", b"passport.dtypes"
_KEPT, _TEXTS = "_lookups", "metadata.json"

# What Arrow, zipfile and json raise over damaged files, besides OSError without a number.
_DAMAGE = (
    pa.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class DayBatch:
    """What the file of a day says of its rows: their digest, and what they refer to."""

    digest: Digest
    references: References


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

    # Observations, by day

    def months(self, hospital_key: str) -> list[str]:
        """The months (`YYYY-MM`) that there is a folder of, oldest first. Raises BatchError."""
        folders = self._listed(f"{self.root}/{hospital_key}")
        return [_stem(folder) for folder in folders if not _stem(folder).startswith("_")]

    def month(self, hospital_key: str, month: str) -> dict[date, DayBatch | None]:
        """What each file of a month says of its day, in the order of days; None where it cannot be read.

        Only the ends of files are read. Raises BatchError.
        """
        found = {path: self._day_batch(path) for path in self._files(hospital_key, month)}
        # What is neither readable nor there any more was removed meanwhile.
        return {date.fromisoformat(_stem(path)): day for path, day in found.items() if day or self.fs.exists(path)}

    def days(self, hospital_key: str, month: str) -> dict[date, Digest]:
        """The digest of each day of a month that there is a readable file for. Raises BatchError."""
        return {day: batch.digest for day, batch in self.month(hospital_key, month).items() if batch}

    def write_days(
        self,
        hospital_key: str,
        month: str,
        frames: Iterator[pd.DataFrame],
        digests: Mapping[date, Digest | int],
        references: Callable[[pd.DataFrame], References],
        *,
        confirm: Callable[[], None] = lambda: None,
    ) -> int:
        """Replace the files of the days in `digests` by what the frames hold, and give the number of rows.

        The frames are ordered by `day`; `references` says what the rows of one refer to. Each day is put in
        place when it is whole and its rows have the digest that was given for it, or are as many as were given where
        nobody has computed it yet; a day without any is removed. Before each, `confirm` is called; where it raises,
        the day's file stays as it was. Memory holds one frame. Raises BatchError, also where the rows of a day are
        others; days before it stand by then.
        """
        self._sweep(f"{self.root}/{hospital_key}/{month}")
        rows = 0
        expected = {day: digest for day, digest in digests.items() if digest}
        for day in digests.keys() - expected.keys():
            confirm()
            self.delete_day(hospital_key, day)
        for day in expected:
            if month_of(day) != month:
                raise BatchError(f"{hospital_key}: {day} is no day of {month}")
        written: set[date] = set()
        for day, slices in _by_day(frames):
            if day not in expected or day in written:
                raise BatchError(f"{hospital_key} {day}: rows of a day that was not asked for, or came twice")
            rows += self._write_day(hospital_key, day, slices, expected[day], references, confirm=confirm)
            written.add(day)
        missing = sorted(expected.keys() - written)
        if missing:
            raise BatchError(f"{hospital_key} {missing[0]}: no rows were read of a day that has live rows; run again")
        return rows

    def read_days(self, hospital_key: str, days: Iterable[date], batch_rows: int) -> Iterator[pd.DataFrame]:
        """The frames of these days, one after another, in memory one at a time; small ones come together.

        A frame holds whole frames as they were written, so no group is split, and about `batch_rows` rows at
        most, unless a single one has more. A day without a file gives nothing. Raises BatchError.
        """
        waiting: list[pa.Table] = []
        for table in self._row_groups(hospital_key, days):
            full = sum(each.num_rows for each in waiting) + table.num_rows > batch_rows
            # Files of an earlier version may lack columns: these come by themselves.
            if waiting and (full or table.schema != waiting[0].schema):
                yield _to_pandas(pa.concat_tables(waiting))
                waiting = []
            waiting.append(table)
        if waiting:
            yield _to_pandas(pa.concat_tables(waiting))

    def _row_groups(self, hospital_key: str, days: Iterable[date]) -> Iterator[pa.Table]:
        for day in days:
            path = self._day(hospital_key, day)
            with _reading(path):
                if not self.fs.exists(path):
                    continue
                with self.fs.open(path, "rb") as file, _parquet(file) as parquet:
                    for number in range(parquet.num_row_groups):
                        yield parquet.read_row_group(number)

    def delete_day(self, hospital_key: str, day: date) -> None:
        """Remove a day's file, if there is one. Raises BatchError."""
        path = self._day(hospital_key, day)
        with _explained(path):
            if self.fs.exists(path):
                self.fs.rm_file(path)

    def persons(self, hospital_key: str, month: str) -> pd.DataFrame:
        """The persons of a month, each once: person_id int64, person_uuid str. Raises BatchError."""
        columns = ["person_id", "person_uuid"]
        found = []
        for path in self._files(hospital_key, month):
            with _reading(path), self.fs.open(path, "rb") as file, _parquet(file) as parquet:
                found.append(parquet.read(columns=columns).group_by(columns).aggregate([]))
        if not found:
            return pd.DataFrame({"person_id": pd.Series(dtype="int64"), "person_uuid": pd.Series(dtype="str")})
        persons = _to_pandas(pa.concat_tables(found)).drop_duplicates("person_id")
        return persons.sort_values("person_id", ignore_index=True)

    # Anything else, under a name

    def write_frames(
        self, hospital_key: str, name: str, frames: Mapping[str, pd.DataFrame], metadata: Mapping[str, str]
    ) -> None:
        """Keep frames and a few texts under a name, in place of what was there. Raises BatchError.

        They are one file, so that a reader has all of the old ones or all of the new ones, whoever else writes.
        """
        with (
            self._writing(self._kept(hospital_key, name)) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
        ):
            archive.writestr(_TEXTS, json.dumps(dict(metadata)))
            for key, frame in frames.items():
                with archive.open(f"{key}.parquet", "w", force_zip64=True) as member:
                    pq.write_table(_to_arrow(frame), member, compression="zstd")

    def read_texts(self, hospital_key: str, name: str) -> dict[str, str] | None:
        """The texts alone that are kept under a name, or None where there are none. Raises BatchError."""
        path = self._kept(hospital_key, name)
        with _reading(path):
            if not self.fs.exists(path):
                return None
            with self.fs.open(path, "rb") as file, zipfile.ZipFile(file) as archive:
                texts: dict[str, str] = json.loads(archive.read(_TEXTS))
                return texts

    def read_frames(self, hospital_key: str, name: str) -> tuple[dict[str, pd.DataFrame], dict[str, str]] | None:
        """The frames and texts kept under a name, or None where there are none. Raises BatchError."""
        path = self._kept(hospital_key, name)
        with _reading(path):
            if not self.fs.exists(path):
                return None
            with self.fs.open(path, "rb") as file, zipfile.ZipFile(file) as archive:
                members = [member for member in archive.namelist() if member != _TEXTS]
                frames = {_stem(member): _table_of(archive.read(member)) for member in members}
                return frames, json.loads(archive.read(_TEXTS))

    def _kept(self, hospital_key: str, name: str) -> str:
        return f"{self.root}/{hospital_key}/{_KEPT}/{name}.zip"

    def _day(self, hospital_key: str, day: date) -> str:
        return f"{self.root}/{hospital_key}/{month_of(day)}/{day.isoformat()}.parquet"

    def _files(self, hospital_key: str, month: str) -> list[str]:
        return [path for path in self._listed(f"{self.root}/{hospital_key}/{month}") if path.endswith(".parquet")]

    def _listed(self, folder: str) -> list[str]:
        with _explained(folder):
            if not self.fs.exists(folder):
                return []
            self.fs.invalidate_cache(folder)
            return sorted(str(path).rstrip("/") for path in self.fs.ls(folder, detail=False))

    def _day_batch(self, path: str) -> DayBatch | None:
        with _explained(path):
            try:
                with self.fs.open(path, "rb") as file, _parquet(file) as parquet:
                    footer = parquet.metadata.metadata or {}
                digest, _, _ = (json.loads(footer[name]) for name in (_DIGEST, _DTYPES, b"pandas"))
                return DayBatch(Digest.from_json(digest), References.from_bytes(footer[_REFERENCES]))
            except FileNotFoundError:
                return None
            except (OSError, *_DAMAGE) as error:
                # What cannot be reached is not gone: a day without a file loses its records.
                if getattr(error, "errno", None) or find(Origin.FILES, error):
                    raise
                return None

    def _write_day(
        self,
        hospital_key: str,
        day: date,
        slices: Iterator[pd.DataFrame],
        expected: Digest | int,
        references: Callable[[pd.DataFrame], References],
        *,
        confirm: Callable[[], None],
    ) -> int:
        path = self._day(hospital_key, day)
        found, named = Digest(), References()
        with self._writing(path) as file:
            first = next(slices)
            table = _to_arrow(first)
            # Without dictionaries: measured, a quarter less of time and of space.
            with pq.ParquetWriter(
                file, table.schema, compression="zstd", use_dictionary=False, write_page_checksum=True
            ) as writer:
                while True:
                    writer.write_table(table, row_group_size=max(1, len(first)))
                    found += Digest.of(first["row_crc"].to_numpy())
                    named = References.union([named, references(first)])
                    following = next(slices, None)
                    if following is None:
                        break
                    first, table = following, _to_arrow(following).cast(table.schema)
                told = {_DIGEST: json.dumps(found.to_json()).encode(), _REFERENCES: named.to_bytes()}
                writer.add_key_value_metadata(told)  # type: ignore[arg-type] # takes bytes
            if expected != (found if isinstance(expected, Digest) else found.live):
                raise BatchError(
                    f"{hospital_key} {day}: the rows that were read ({found.live}) are not those that the hospital's "
                    "digest tells of; nothing was kept of the day, run again"
                )
            confirm()
        return found.live

    def _sweep(self, folder: str) -> None:
        """Remove what a killed run left half-written, a day after: no run takes that long over one file."""
        if isinstance(self.fs, LocalFileSystem):
            with _explained(folder):
                for partial in Path(folder).glob("*.partial"):
                    if partial.stat().st_mtime < time.time() - 86_400:
                        partial.unlink(missing_ok=True)

    @contextmanager
    def _writing(self, path: str) -> Iterator[IO[bytes]]:
        """A file that takes its place when the block ends well, and leaves nothing when it does not."""
        with _explained(path):
            if isinstance(self.fs, LocalFileSystem):
                place = Path(path)
                _private_folder(Path(self.root), place.parent)
                partial = place.with_name(f"{place.name}.{secrets.token_hex(4)}.partial")
            else:
                # Object stores put a file in place when it is whole, so it is made whole here first.
                partial = Path(tempfile.gettempdir()) / f"passport-{secrets.token_hex(8)}.partial"
            try:
                with _private_file(partial) as file:
                    yield file
                if isinstance(self.fs, LocalFileSystem):
                    partial.replace(path)
                else:
                    self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                    self.fs.put_file(str(partial), path)
            finally:
                partial.unlink(missing_ok=True)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn what files and their stores do into BatchError; the message names the file and what to do."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        if find(Origin.FILES, error) or (isinstance(error, OSError) and error.errno):
            raise explained(Origin.FILES, path, error) from error
        if isinstance(error, pa.ArrowException | OSError):  # Arrow raises OSError without a number
            raise _damaged(path, error) from error
        raise


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """The same where nothing but a file that stands is read: then more kinds of errors mean that it is damaged."""
    with _explained(path):
        try:
            yield
        except _DAMAGE as error:
            if find(Origin.FILES, error):
                raise
            raise _damaged(path, error) from error


def _damaged(path: str, error: Exception) -> BatchError:
    return BatchError(f"{path}: is damaged or of another kind; remove it and run again ({type(error).__name__})")


def _parquet(file: IO[bytes]) -> pq.ParquetFile:
    """The file, whose pages are compared with their checksums: a bit that a disk lost must not become a value."""
    return pq.ParquetFile(file, page_checksum_verification=True)


def _private_folder(root: Path, folder: Path) -> None:
    """Make the folder and those above it up to the root, for this account alone."""
    for part in (root, *reversed([above for above in folder.parents if above.is_relative_to(root)]), folder):
        if not part.exists():
            part.parent.mkdir(parents=True, exist_ok=True)
            part.mkdir(mode=0o700, exist_ok=True)


def _private_file(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _by_day(frames: Iterator[pd.DataFrame]) -> Iterator[tuple[date, Iterator[pd.DataFrame]]]:
    """The frames cut at days: each day once with its slices, as long as the frames are ordered."""
    slices = ((day, part) for frame in frames for day, part in frame.groupby("day", sort=False))
    for day, parts in itertools.groupby(slices, key=lambda one: one[0]):
        yield pd.Timestamp(day).date(), (part.reset_index(drop=True) for _, part in parts)


def _to_arrow(frame: pd.DataFrame, metadata: Mapping[bytes, bytes] | None = None) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    dtypes = json.dumps({str(name): str(dtype) for name, dtype in frame.dtypes.items()}).encode()
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _DTYPES: dtypes, **(metadata or {})})


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """The frame with the dtypes that it was written with; Parquet has no seconds, for one."""
    dtypes = json.loads((table.schema.metadata or {}).get(_DTYPES, b"{}"))
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype({name: dtype for name, dtype in dtypes.items() if name in frame})


def _table_of(content: bytes) -> pd.DataFrame:
    return _to_pandas(pq.read_table(io.BytesIO(content)))


def _stem(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].partition(".")[0]
