"""Writing sample hospitals into MariaDB, and the passport's people into MongoDB.

What belongs here: writing databases, tables and rows fast. What does not: the content of the rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pymongo.database import Database
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from passport_sample.hospital import ZERO_DATE, SampleHospital
from passport_sample.population import PassportPeople
from passport_sample.schema import columns, create_statements, tables

ROWS_AT_ONCE = 100_000
"""How many rows one LOAD DATA brings; bounds the temporary file and the text held in memory."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "latin1"})


def load(engine: Engine, database: str, hospital: SampleHospital) -> dict[str, int]:
    """Create the database anew and fill it with the hospital's rows; returns the rows by table.

    `engine` is of an account that may create databases; the server must allow LOCAL INFILE (MariaDB's
    default).
    """
    spec = hospital.spec
    create_schema(engine, database, spec.version, charset=spec.charset, latin1=spec.latin1)
    loader = engine_of(engine, database)
    counts = {}
    try:
        with loader.begin() as connection, tempfile.TemporaryDirectory(prefix="passport-sample-") as folder:
            connection.execute(text("SET SESSION unique_checks=0, foreign_key_checks=0"))
            path = Path(folder) / "rows.tsv"
            for name in tables(spec.version):
                frame = rows_of(hospital.tables, spec.version, name)
                counts[name] = len(frame)
                for first in range(0, len(frame), ROWS_AT_ONCE):
                    path.write_text(_lines(frame.iloc[first : first + ROWS_AT_ONCE]), "utf-8", newline="\n")
                    names = ", ".join(f"`{column}`" for column in frame.columns)
                    connection.exec_driver_sql(
                        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE `{name}` CHARACTER SET utf8mb4 ({names})"
                    )
    finally:
        loader.dispose()
    return counts


def create_schema(
    engine: Engine, database: str, version: str, *, charset: str = "utf8mb4", latin1: bool = False
) -> None:
    """Create the database anew with a version's empty tables. Raises ValueError for a charset we do not
    use."""
    if charset not in _CHARSETS:
        raise ValueError(charset)
    quoted = engine.dialect.identifier_preparer.quote_identifier(database)
    with engine.begin() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {quoted}"))
        connection.execute(text(f"CREATE DATABASE {quoted} CHARACTER SET {charset}"))
    maker = engine_of(engine, database)
    with maker.begin() as connection:
        for statement in create_statements(version, charset=charset, latin1=latin1):
            connection.exec_driver_sql(statement)
    maker.dispose()


def engine_of(engine: Engine, database: str) -> Engine:
    """An engine of the same account for one database; its sessions take zero dates and local files.

    It keeps no idle connection open.
    """
    url = engine.url.set(database=database).update_query_dict({"charset": "utf8mb4"})
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args={"local_infile": True, "init_command": "SET SESSION sql_mode=''"},
    )


def rows_of(tables_of: Mapping[str, pd.DataFrame], version: str, name: str) -> pd.DataFrame:
    """The rows of a table with the columns that the version has and somebody filled; empty columns are
    left out,
    so that their defaults hold."""
    frame = tables_of.get(name, pd.DataFrame())
    names = [each.name for each in columns(version, name)]
    present = [each for each in names if each in frame and frame[each].notna().any()]
    return frame[present]


def _lines(frame: pd.DataFrame) -> str:
    """The rows as LOAD DATA reads them by default: tabs between, backslash escapes, \\N for NULL."""
    texts = [_texts(frame[column]) for column in frame.columns]
    return "".join(f"{line}\n" for line in map("\t".join, zip(*texts, strict=True)))


def _texts(values: pd.Series) -> list[str]:
    """A column as texts."""
    missing = values.isna().to_numpy()
    if missing.all():
        return list(repeat("\\N", len(values)))
    if pd.api.types.is_datetime64_dtype(values.dtype):
        texts = np.datetime_as_string(values.to_numpy().astype("datetime64[s]"))
        texts = np.where(values.eq(ZERO_DATE).to_numpy(), "0000-00-00 00:00:00", texts)
        return np.where(missing, "\\N", texts).tolist()  # type: ignore[no-any-return]
    plain: list[Any] = values.astype(object).tolist()
    if pd.api.types.is_float_dtype(values.dtype) and values.dtype != "Int64":
        return ["\\N" if gone else repr(each) for each, gone in zip(plain, missing.tolist(), strict=True)]
    return [
        "\\N" if gone else each.translate(_ESCAPES) if isinstance(each, str) else str(each)
        for each, gone in zip(plain, missing.tolist(), strict=True)
    ]


def load_passport(database: Database[dict[str, Any]], people: PassportPeople) -> None:
    """Put the passport's users and patients into MongoDB; existing ones stay as they are."""
    for name, documents in (("users", people.users), ("patients", people.patients)):
        collection = database[name]
        for first in range(0, len(documents), 5_000):
            chunk = documents[first : first + 5_000]
            have = {each["_id"] for each in collection.find({"_id": {"$in": [d["_id"] for d in chunk]}}, {"_id": 1})}
            if missing := [each for each in chunk if each["_id"] not in have]:
                collection.insert_many(missing, ordered=False)
