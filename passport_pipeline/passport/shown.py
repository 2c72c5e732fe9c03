"""Which source rows the passport shows: those that its records were made of.

What belongs here: reading them. What does not: how many there are by outcome (days, recounting).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import chain

import numpy as np

from passport_pipeline.passport.collections import RECORDS
from passport_pipeline.passport.database import Passport, answering
from passport_pipeline.references import Ids

CHUNK = 10_000


@answering("reading which rows are shown")
def shown_rows(passport: Passport, hospital_key: str, days: Iterable[date]) -> Ids:
    """The obs_ids of the rows that lead or belong to a record of these days, in no order. Raises PassportError."""
    wanted = {"source.hospital": hospital_key, "source.day": {"$in": [day.isoformat() for day in days]}}
    cursor = passport[RECORDS].find(wanted, {"_id": 0, "ids": "$source.rows.obsId"}, batch_size=CHUNK)
    return np.fromiter(chain.from_iterable(record["ids"] for record in cursor), np.int64)
