"""Parked rows: what could not be stored, why, and enough to try again.

What belongs here: the documents of parkedrows, also for records that MongoDB refused. What does not: deciding
that a row is parked (identity, records, reconciling). A parked row holds ids, checksums and field names, and
never a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.errors import PassportRefused
from passport_pipeline.passport import bulk
from passport_pipeline.passport.collections import CONTRACT_VERSION, PARKED
from passport_pipeline.passport.database import Document, Passport

INVALID = "invalid_document"
UNKNOWN_PATIENT = "unknown_patient"
# What a parked row is about; all else tells when it was seen.
CONTENT = (
    "hospital",
    "obsUuid",
    "obsId",
    "personUuid",
    "window",
    "day",
    "reason",
    "rows",
    "fields",
    "refused",
)
CHUNK = 20_000


def find(passport: Passport, ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
    """Those of these rows that are parked."""
    wanted = list(ids)
    cursor = passport[PARKED].find({"_id": {"$in": wanted}}, batch_size=len(wanted) + 1) if wanted else ()
    return {one["_id"]: one for one in cursor}


def refusal(record: Document) -> str:
    """What a refused record is known by: it is tried again when it, or the contract, has changed."""
    return f"{record['source']['checksum']}/{CONTRACT_VERSION}"


def of_record(record: Document, reason: str, now: datetime, fields: Sequence[str] | None = None) -> Document:
    """The parked row of a record that cannot be stored; `fields` failed, if MongoDB refused it."""
    source = record["source"]
    about = ("hospital", "obsUuid", "obsId", "personUuid", "window", "day", "rows", "runId")
    parked = {name: source[name] for name in about} | {
        "_id": record["_id"],
        "reason": reason,
        "state": "parked",
        "stateHistory": [{"state": "parked", "at": now}],
        "attempts": 1,
        "firstSeen": now,
        "lastSeen": now,
    }
    return parked | ({"fields": list(fields), "refused": refusal(record)} if fields else {})


def changed(known: Mapping[ObjectId, Document], wanted: Mapping[ObjectId, Document]) -> list[Document]:
    """Those of the wanted parked rows that are not parked just so already."""
    return [one for one in wanted.values() if _content(known.get(one["_id"], {})) != _content(one)]


def store(passport: Passport, known: Mapping[ObjectId, Document], rows: Sequence[Document], now: datetime) -> None:
    """Park these rows; a row that is parked for another reason than before counts one more attempt."""
    outcome = bulk.insert(passport[PARKED], [one for one in rows if one["_id"] not in known])
    _refuse(outcome)
    operations, ids = [], []
    for one in rows:
        if one["_id"] not in known and one["_id"] not in outcome.same_id:
            continue
        before = known.get(one["_id"], one)
        lost = {name: "" for name in CONTENT if name in before and name not in one}
        change: Document = {
            "$set": _content(one) | {"state": "parked", "lastSeen": now, "runId": one["runId"]},
        }
        if one["_id"] in known:
            change["$inc"] = {"attempts": 1}
        if before.get("state") != "parked":
            change["$push"] = {"stateHistory": {"state": "parked", "at": now}}
        if lost:
            change["$unset"] = lost
        # Whoever else parks the same row right now has counted the attempt.
        seen = {"_id": one["_id"], "attempts": before["attempts"]}
        operations.append(UpdateOne(seen, change))
        ids.append(one["_id"])
    _refuse(bulk.write(passport[PARKED], operations, ids))


def clear(passport: Passport, ids: Sequence[ObjectId]) -> None:
    """These rows are parked no longer: they were loaded, or are gone."""
    for start in range(0, len(ids), CHUNK):
        passport[PARKED].delete_many({"_id": {"$in": list(ids[start : start + CHUNK])}})


def _content(parked: Mapping[str, Any]) -> Document:
    return {name: parked[name] for name in CONTENT if name in parked}


def _refuse(outcome: bulk.Outcome) -> None:
    if outcome.unfit:
        fields = sorted({path for paths in outcome.unfit.values() for path in paths})
        raise PassportRefused(f"MongoDB refused {len(outcome.unfit)} parked rows for: {', '.join(fields)}")
