"""What each day of a hospital holds in the passport, counted in the documents themselves.

What belongs here: reading the row checksums that records, parked rows and open conflicts carry, by day or by row.
What does not: what a run recorded of a day (state), comparing with a hospital (verification).

MongoDB collects the checksums of a window's days into a few documents of numbers, so that a million rows take about
as long as reading the collection once; its XOR is folded here, since MongoDB has none before 6.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date

import pandas as pd

from passport_pipeline.core.digests import ROW_COLUMNS, Digest
from passport_pipeline.passport.days.state import DayCount, held_months
from passport_pipeline.passport.mongo.collections import CONFLICTS, DAYS, PARKED, RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.states import CONFLICT
from passport_pipeline.sources.drafts import LEAD

# Rows whose ids lie in one such range come in one document, which MongoDB limits to 16 MB however many rows a day has.
IDS_PER_DOCUMENT = 65_536


@answering("counting rows in the documents")
def recounted(passport: Passport, hospital_key: str, months: Iterable[str] | None = None) -> dict[date, DayCount]:
    """Every day's digest and outcomes out of the documents, for these windows (`YYYY-MM`; None: all that hold any),
    oldest first. Days that hold nothing are absent.

    Records count with their rows, or with those of their open conflict; parked rows count, and what was skipped as
    the day recorded it. Memory does not grow with the hospital. Raises PassportError.
    """
    chosen = None if months is None else set(months)
    days = defaultdict[str, DayCount](DayCount)
    for month in held_months(passport, hospital_key) if chosen is None else sorted(chosen):
        for day, count in _records_in(passport, hospital_key, _days(month)):
            days[day] += count
        for group in passport[PARKED].aggregate(_parked_in(hospital_key, month), allowDiskUse=True):
            parked = {group["_id"]["reason"]: len(group["crcs"])}
            days[group["_id"]["day"]] += DayCount(Digest.of(group["crcs"]), parked=parked)
    conflicts, disputed = _in_conflict(passport, hospital_key)
    for conflict in conflicts:
        days[conflict["day"]] += _count(conflict["rows"])
    for record in disputed:
        days[record["day"]] += _without(record["rows"])
    for document in passport[DAYS].find(_skipping(hospital_key, chosen), {"day": 1, "outcomes.skipped": 1}):
        for reason, part in document["outcomes"]["skipped"].items():
            digest = Digest.from_json(part)
            days[document["day"]] += DayCount(digest, skipped={reason: digest.live}, left_out=digest)
    return {
        date.fromisoformat(day): days[day]
        for day in sorted(days)
        if days[day].digest and (chosen is None or day[:7] in chosen)
    }


def records_of_day(passport: Passport, hospital_key: str, day: str) -> DayCount:
    """What the records of a day (ISO) hold, each with its own rows, whether or not it is in conflict."""
    return sum((count for _, count in _records_in(passport, hospital_key, day)), DayCount())


def conflicts_of_day(passport: Passport, hospital_key: str, day: str) -> tuple[int, DayCount]:
    """How many open conflicts a day (ISO) has, and what their rows add to its count in place of their records' own."""
    conflicts, disputed = _in_conflict(passport, hospital_key, day)
    added = [_count(conflict["rows"]) for conflict in conflicts]
    removed = [_without(record["rows"]) for record in disputed if record["day"] == day]
    return len(conflicts), sum([*added, *removed], DayCount())


@answering("reading a day's rows")
def rows_of_day(passport: Passport, hospital_key: str, day: date) -> pd.DataFrame:
    """The rows that the documents of a day name, with ROW_COLUMNS, nothing null; a row that two documents name comes
    twice. Skipped rows have no document. Raises PassportError.
    """
    conflicts, disputed = _in_conflict(passport, hospital_key)
    disputed_ids = {record["record"] for record in disputed}
    rows = [row for conflict in conflicts if conflict["day"] == day.isoformat() for row in conflict["rows"]]
    of_day = {"source.hospital": hospital_key, "source.day": day.isoformat()}
    for record in passport[RECORDS].find(of_day, {"source.rows": 1}):
        rows += record["source"]["rows"] if record["_id"] not in disputed_ids else ()
    of_day = {"hospital": hospital_key, "day": day.isoformat()}
    for parked in passport[PARKED].find(of_day, {"rows": 1}):
        rows += parked["rows"]
    data = {"row_id": [number_of(row) for row in rows], "row_crc": [int(row["crc"]) for row in rows]}
    return pd.DataFrame(data).astype(ROW_COLUMNS)


def number_of(row: Document) -> int:
    """The number of a row of a document, or of the row that leads a record, by its `source`; versions before 0.2 called
    it obsId.
    """
    return int(row["rowId"] if "rowId" in row else row["obsId"])


def _count(rows: Sequence[Document]) -> DayCount:
    """What these rows of a record count for."""
    leading = sum(row["role"] == LEAD for row in rows)
    return DayCount(Digest.of([row["crc"] for row in rows]), loaded=leading, attached=len(rows) - leading)


def _without(rows: Sequence[Document]) -> DayCount:
    """What removes these rows from a count."""
    count = _count(rows)
    return DayCount(-count.digest, loaded=-count.loaded, attached=-count.attached)


def _in_conflict(
    passport: Passport, hospital_key: str, day: str | None = None
) -> tuple[list[Document], list[Document]]:
    """The open conflicts of a day (None: of all), whose rows count, and their records, whose own rows do not.

    Either as documents of `record` (its _id), `day` and `rows` (number, crc and role of each).
    """
    # The rows of a record that was deleted through the application are parked, and count as such.
    query = {"hospital": hospital_key, "kind": {"$exists": False}, **CONFLICT.unfinished}
    query |= {"day": day} if day else {}
    conflicts = list(passport[CONFLICTS].find(query, {"record": 1, "day": 1, "rows": 1}))
    records = {"_id": {"$in": [conflict["record"] for conflict in conflicts]}}
    disputed = passport[RECORDS].find(records, {"source.day": 1, "source.rows": 1}) if conflicts else ()
    return conflicts, [{"record": record["_id"], **record["source"]} for record in disputed]


def _records_in(passport: Passport, hospital_key: str, days: str | Document) -> Iterator[tuple[str, DayCount]]:
    """What the records of these days hold, in parts, each with its day."""
    of_days = {"$match": {"source.hospital": hospital_key, "source.day": days}}
    for group in passport[RECORDS].aggregate([of_days, *_collected("source.")], allowDiskUse=True):
        leading = group["leading"]
        attached = len(group["crcs"]) - leading
        digest, documents, versions = Digest.of(group["crcs"]), group["documents"], group["versions"]
        yield (
            group["_id"]["day"],
            DayCount(digest, loaded=leading, attached=attached, versions=versions, records=documents),
        )


def _parked_in(hospital_key: str, month: str) -> list[Document]:
    return [{"$match": {"hospital": hospital_key, "day": _days(month)}}, *_collected("", reason="$reason")]


def _days(month: str) -> Document:
    # A range, which the indexes on hospital and day serve.
    return {"$gte": f"{month}-01", "$lte": f"{month}-31"}


def _collected(prefix: str, **also_by: str) -> list[Document]:
    """The stages that collect the rows' checksums by day and block of ids, and count the documents they are from."""
    number = {"$ifNull": [f"${prefix}rows.rowId", f"${prefix}rows.obsId"]}
    block = {"$floor": {"$divide": [number, IDS_PER_DOCUMENT]}}
    first = {"$eq": [{"$ifNull": ["$place", 0]}, 0]}
    return [
        {
            "$unwind": {
                "path": f"${prefix}rows", "includeArrayIndex": "place", "preserveNullAndEmptyArrays": True
            }
        },
        {
            "$group": {
                "_id": {"day": f"${prefix}day", "block": block, **also_by},
                "crcs": {"$push": f"${prefix}rows.crc"},
                "leading": {"$sum": {"$cond": [{"$eq": [f"${prefix}rows.role", LEAD]}, 1, 0]}},
                "documents": {"$sum": {"$cond": [first, 1, 0]}},
                "versions": {"$sum": {"$cond": [first, f"${prefix}version", 0]}},
            }
        },
    ]  # fmt: skip


def _skipping(hospital_key: str, months: Collection[str] | None) -> Document:
    windows = {} if months is None else {"window": {"$in": sorted(months)}}
    return {"hospital": hospital_key, "outcomes.skipped": {"$exists": True, "$ne": {}}} | windows
