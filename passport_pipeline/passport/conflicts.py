"""Conflicts: records that the application and the hospital both changed.

What belongs here: opening a conflict and withdrawing one. What does not: telling that there is one (merging).

A conflict is open until a person resolves it. Whoever resolves one writes the record's `source` so that it
agrees with the record's data; until then the conflict's rows count in place of the record's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from bson import ObjectId
from pymongo import ReplaceOne, UpdateOne

from passport_pipeline.passport import bulk
from passport_pipeline.passport.collections import CONFLICTS
from passport_pipeline.passport.database import Document
from passport_pipeline.passport.run import Run


def find(run: Run, ids: Sequence[ObjectId]) -> dict[ObjectId, Document]:
    """The conflicts of these records, open or not."""
    cursor = run.passport[CONFLICTS].find({"_id": {"$in": list(ids)}}, batch_size=len(ids) + 1) if ids else ()
    return {one["_id"]: one for one in cursor}


def told(record: Document, wanted: Document, before: Document | None) -> bool:
    """Whether just this conflict is open already."""
    return bool(
        before
        and before["state"] == "open"
        and before["checksum"] == wanted["source"]["checksum"]
        and before["theirs"] == record["data"]
    )


def open_one(run: Run, record: Document, wanted: Document, before: Document | None) -> None:
    """Open a conflict over a record, or bring the one that is there (`before`) up to date."""
    source = wanted["source"]
    history = list((before or {}).get("stateHistory", ()))
    if not before or before["state"] != "open":
        history.append({"state": "open", "at": run.now})
    content = {
        "hospital": source["hospital"],
        "window": source["window"],
        "day": source["day"],
        "obsUuid": source["obsUuid"],
        "state": "open",
        "stateHistory": history,
        "theirs": record["data"],
        "ours": wanted,
        "rows": source["rows"],
        "checksum": source["checksum"],
        "runId": run.run_id,
        "lastSeen": run.now,
    }
    seen = {"_id": record["_id"]}
    if before:
        seen |= {"checksum": before["checksum"], "state": before["state"]}
    bulk.write(run.passport[CONFLICTS], [ReplaceOne(seen, content, upsert=before is None)], [record["_id"]])


def withdraw(run: Run, ids: Sequence[ObjectId]) -> None:
    """Close those of these records' conflicts that are open, because there is nothing left to decide."""
    still_open = run.passport[CONFLICTS].find({"_id": {"$in": list(ids)}, "state": "open"}, {"_id": 1})
    operations = [
        UpdateOne(
            {"_id": one["_id"], "state": "open"},
            {
                "$set": {"state": "withdrawn"},
                "$push": {"stateHistory": {"state": "withdrawn", "at": run.now}},
            },
        )
        for one in still_open
    ]
    if operations:
        run.passport[CONFLICTS].bulk_write(operations, ordered=False)
