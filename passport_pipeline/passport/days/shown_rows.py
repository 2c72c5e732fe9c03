"""Which source rows the passport shows: those that its records were made of.

What belongs here: reading them. What does not: how many there are by outcome (days, recounting).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from passport_pipeline.core.row_references import Ids
from passport_pipeline.passport.mongo.collections import RECORDS
from passport_pipeline.passport.mongo.database import Passport, answering

CHUNK = 10_000


@dataclass(frozen=True)
class Shown:
    """The rows that lead or belong to a record, in no order: the obs_id of each, and a number for its person."""

    rows: Ids
    persons: Ids


@answering("reading which rows are shown")
def shown_rows(passport: Passport, hospital_key: str, days: Iterable[date]) -> Shown:
    """The rows of these days that are shown, each once. Raises PassportError."""
    wanted = {"source.hospital": hospital_key, "source.day": {"$in": [day.isoformat() for day in days]}}
    fields = {"_id": 0, "ids": "$source.rows.obsId", "person": "$source.personUuid"}
    numbers: dict[str, int] = {}
    rows: list[int] = []
    persons: list[int] = []
    for record in passport[RECORDS].find(wanted, fields, batch_size=CHUNK):
        rows += record["ids"]
        persons += [numbers.setdefault(record["person"], len(numbers))] * len(record["ids"])
    return Shown(np.array(rows, dtype=np.int64), np.array(persons, dtype=np.int64))
