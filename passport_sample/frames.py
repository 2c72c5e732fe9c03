"""Shaping rows into the frames of a sample hospital.

What belongs here: uuids, the columns that every OpenMRS table carries, column types. What does not: what
rows say.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from passport_sample.hospital import PASSWORD_CANARY, ZERO_DATE
from passport_sample.schema import VERSIONS, columns, tables

LONG_AGO = pd.Timestamp("2018-01-15 08:00:00")
"""When the metadata of every sample hospital was set up."""

_TYPES = {"int": "Int64", "double": "float64", "time": "datetime64[us]"}

DAEMON, ADMIN = 2, 1
"""user_id of the accounts that OpenMRS itself brings: the daemon types what modules and imports save."""


def rng_of(*parts: object) -> np.random.Generator:
    """A generator of random numbers that depends on the parts alone, in every process alike."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def uuid_of(*parts: object) -> str:
    """A uuid that depends on the parts alone."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def uuids(rng: np.random.Generator, count: int) -> list[str]:
    """`count` random uuids of 36 characters; like OpenMRS's own, not all of them RFC 4122."""
    text = rng.bytes(16 * count).hex()
    starts = range(0, 32 * count, 32)
    return [
        f"{text[i : i + 8]}-{text[i + 8 : i + 12]}-{text[i + 12 : i + 16]}-{text[i + 16 : i + 20]}-"
        f"{text[i + 20 : i + 32]}"
        for i in starts
    ]


def table(name: str, rows: Iterable[dict[str, object]] | pd.DataFrame, *owner: object) -> pd.DataFrame:
    """A frame of the table with every column that any version has, typed, with the usual columns filled in.

    Missing: creator is the administrator, date_created long ago, voided/retired 0, uuid made of `owner`,
    table and row. Indexed by the table's numeric key where it has one (kept as a column too).
    """
    given_rows = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    kinds = _kinds(name)
    usual: dict[str, Any] = {"creator": ADMIN, "date_created": LONG_AGO}
    usual |= {"voided": 0, "retired": 0, "preferred": 0}
    made: dict[str, Any] = {}
    for column, kind in kinds.items():
        if column in given_rows:
            values = given_rows[column].reset_index(drop=True)
            values = values.fillna(usual[column]) if column in usual else values
        elif column == "uuid":
            values = pd.Series([uuid_of(*owner, name, n) for n in range(len(given_rows))], dtype=object)
        else:
            made[column] = _constant(usual.get(column), kind, len(given_rows))
            continue
        made[column] = _typed(values, kind)
    key = next(iter(kinds))
    frame = pd.DataFrame(made)
    return frame.set_index(frame[key].to_numpy(dtype="int64")) if kinds[key] == "int" else frame


def _typed(values: pd.Series, kind: str) -> pd.Series:
    if kind == "text":
        return values.astype(object).where(values.notna(), None)
    dtype: Any = _TYPES[kind]
    typed: pd.Series[Any] = (pd.to_datetime(values) if kind == "time" else values).astype(dtype)
    return typed


def _constant(value: object, kind: str, count: int) -> Any:
    """A column that says the same in every row, without looking at each."""
    if kind == "text":
        return np.full(count, value, dtype=object)
    missing = pd.NaT if kind == "time" else pd.NA if kind == "int" else np.nan
    return pd.Series([missing if value is None else value], dtype=_TYPES[kind]).repeat(count).array


@cache
def _kinds(name: str) -> dict[str, str]:
    """The columns that any version of a table has, in order, with int, double, time or text."""
    kinds: dict[str, str] = {}
    for version in VERSIONS:
        if name in tables(version):
            for each in columns(version, name):
                kind = each.type.partition("(")[0]
                kinds[each.name] = {
                    "int": "int",
                    "tinyint": "int",
                    "double": "double",
                    "datetime": "time",
                }.get(kind, "text")
    return kinds


def is_zero(values: pd.Series) -> pd.Series:
    """Which datetimes stand for MySQL's zero date."""
    return values == ZERO_DATE


def account(user_id: int, person_id: int, name: str, *owner: object) -> dict[str, object]:
    """A row of users whose secret columns hold the canary."""
    return {
        "user_id": user_id,
        "system_id": name,
        "username": name,
        "person_id": person_id,
        "password": PASSWORD_CANARY,
        "salt": PASSWORD_CANARY,
        "secret_question": PASSWORD_CANARY,
        "secret_answer": PASSWORD_CANARY,
        "activation_key": PASSWORD_CANARY,
        "uuid": uuid_of(*owner, "users", user_id),
    }
