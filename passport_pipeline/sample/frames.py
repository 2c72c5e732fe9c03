"""Shaping rows into the frames of a sample hospital.

What belongs here: uuids, the columns that every OpenMRS table carries, column types. What does not: what
rows say.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable

import numpy as np
import pandas as pd

from passport_pipeline.sample.hospital import PASSWORD_CANARY, ZERO_DATE
from passport_pipeline.sample.schema import VERSIONS, columns, tables

LONG_AGO = pd.Timestamp("2018-01-15 08:00:00")
"""When the metadata of every sample hospital was set up."""

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
    frame = rows.copy() if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    kinds = _kinds(name)
    count = len(frame)
    usual: dict[str, object] = {"creator": ADMIN, "date_created": LONG_AGO}
    usual |= {"voided": 0, "retired": 0, "preferred": 0}
    for column, kind in kinds.items():
        if column not in frame:
            if column == "uuid":
                frame[column] = [uuid_of(*owner, name, n) for n in range(count)]
            else:
                frame[column] = usual.get(column)
        elif column in usual:
            frame[column] = frame[column].fillna(usual[column])
        if kind == "int":
            frame[column] = frame[column].astype("Int64")
        elif kind == "time":
            frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
        elif kind == "double":
            frame[column] = frame[column].astype("float64")
        else:
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
    key = next(iter(kinds))
    frame = frame[list(kinds)]
    return frame.set_index(frame[key].astype("int64").rename(None)) if kinds[key] == "int" else frame


def _kinds(name: str) -> dict[str, str]:
    """The columns that any version of a table has, in order, with int, double, time or text."""
    found: dict[str, str] = {}
    for version in VERSIONS:
        if name in tables(version):
            for each in columns(version, name):
                kind = each.type.partition("(")[0]
                found[each.name] = {
                    "int": "int",
                    "tinyint": "int",
                    "double": "double",
                    "datetime": "time",
                }.get(kind, "text")
    return found


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
