"""Which source rows the records of days are made of: those that are loaded or attached.

What belongs here: reading them. What does not: how many there are by outcome (state, counts).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from passport_pipeline.core.row_references import Ids
from passport_pipeline.passport.mongo.collections import RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

RECORDS_PER_BATCH = 10_000


@dataclass(frozen=True)
class RecordRows:
    """The rows that lead or belong to a record, in no order: the obs_id of each, and a number for its person."""

    rows: Ids
    persons: Ids


@answering("reading which rows records are made of")
def record_rows(passport: Passport, hospital_key: str, days: Iterable[date]) -> RecordRows:
    """The loaded and attached rows of these days, each once. Raises PassportError."""
    query = {"source.hospital": hospital_key, "source.day": {"$in": [day.isoformat() for day in days]}}
    # Versions before 0.2 called the number of a row obsId.
    number = {"$ifNull": ["$$this.rowId", "$$this.obsId"]}
    ids = {"$map": {"input": "$source.rows", "in": number}}
    fields: Document = {"_id": 0, "ids": ids, "person": "$source.personUuid"}
    numbers: dict[str, int] = {}
    rows: list[int] = []
    persons: list[int] = []
    for record in passport[RECORDS].find(query, fields, batch_size=RECORDS_PER_BATCH):
        rows += record["ids"]
        persons += [numbers.setdefault(record["person"], len(numbers))] * len(record["ids"])
    return RecordRows(np.array(rows, dtype=np.int64), np.array(persons, dtype=np.int64))
