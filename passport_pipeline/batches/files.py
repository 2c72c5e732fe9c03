"""Files of the raw batches: each exists whole or not at all.

What belongs here: writing a file and putting it in its place, converting tables, and explaining errors. What
does not: which files there are (store).
"""

from __future__ import annotations

import io
import json
import os
import secrets
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from passport_pipeline.batches.known_errors import FILES
from passport_pipeline.core.errors import BatchError, PipelineError

DTYPES = b"passport.dtypes"

DAMAGE = (
    pa.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    ValueError,
)
"""Errors that Arrow, zipfile and json raise over damaged files, besides OSError without a number."""


@contextmanager
def writing(fs: AbstractFileSystem, root: str, path: str) -> Iterator[IO[bytes]]:
    """A file that is put in its place if the block succeeds, and is removed if it fails."""
    with explaining(path):
        if isinstance(fs, LocalFileSystem):
            place = Path(path)
            _private_folder(Path(root), place.parent)
            partial = place.with_name(f"{place.name}.{secrets.token_hex(4)}.partial")
        else:
            # An object store takes whole files, so the file is completed here first.
            partial = Path(tempfile.gettempdir()) / f"passport-{secrets.token_hex(8)}.partial"
        try:
            with _private_file(partial) as file:
                yield file
            if isinstance(fs, LocalFileSystem):
                partial.replace(path)
            else:
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                fs.put_file(str(partial), path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def explaining(path: str) -> Iterator[None]:
    """Turn errors of files and their stores into BatchError; the message names the file and what to do."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        if FILES.find(error) or (isinstance(error, OSError) and error.errno):
            raise FILES.explained(path, error) from error
        if isinstance(error, pa.ArrowException | OSError):  # Arrow raises OSError without a number
            raise damaged(path, error) from error
        raise


@contextmanager
def reading(path: str) -> Iterator[None]:
    """The same for reading an existing file: more kinds of errors then mean that it is damaged."""
    with explaining(path):
        try:
            yield
        except DAMAGE as error:
            if FILES.find(error):
                raise
            raise damaged(path, error) from error


def damaged(path: str, error: Exception) -> BatchError:
    """The error for a damaged file."""
    return BatchError(f"{path}: is damaged or of another kind; remove it and run again ({type(error).__name__})")


def parquet_file(file: IO[bytes]) -> pq.ParquetFile:
    """The file; its pages are compared with their checksums, so that no flipped bit becomes a value."""
    return pq.ParquetFile(file, page_checksum_verification=True)


def _private_folder(root: Path, folder: Path) -> None:
    """Create the folder and its parents below and including the root, for this account alone."""
    for part in (root, *reversed([above for above in folder.parents if above.is_relative_to(root)]), folder):
        if not part.exists():
            part.parent.mkdir(parents=True, exist_ok=True)
            part.mkdir(mode=0o700, exist_ok=True)


def _private_file(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame as a table that stores its dtypes."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    dtypes = json.dumps({str(name): str(dtype) for name, dtype in frame.dtypes.items()}).encode()
    return table.replace_schema_metadata({**(table.schema.metadata or {}), DTYPES: dtypes})


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """The frame with the dtypes that it was written with; Parquet lacks some, like datetime64[s]."""
    dtypes = json.loads((table.schema.metadata or {}).get(DTYPES, b"{}"))
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype({name: dtype for name, dtype in dtypes.items() if name in frame})


def table_of(content: bytes) -> pd.DataFrame:
    """The frame in the bytes of a Parquet file."""
    return to_pandas(pq.read_table(io.BytesIO(content)))


def stem(path: str) -> str:
    """The name of a file or folder up to its first dot."""
    return path.rstrip("/").rpartition("/")[2].partition(".")[0]
