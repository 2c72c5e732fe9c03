"""Parked rows: what could not be stored, why, and enough to try again.

What belongs here: the documents of parkedrows, also for records that MongoDB refused, and counting attempts. What does
not: deciding that a row is parked (identity, records, reconcile), or when it is tried again (retry_policy). A parked
row holds ids, checksums and field names, and never a value; its values are in the raw batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONTRACT_VERSION, PARKED
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.passport.mongo.states import PARKED_ROW
from passport_pipeline.passport.parked.retry_policy import EXHAUSTED, Retries, due

# What a parked row is about; everything else says when it was parked and tried.
SUBJECT = ("hospital", "stream", "rowUuid", "rowId", "personUuid", "window", "day", "rows")
CONTENT = (*SUBJECT, "reason", "fields", "refused", "error")
SCHEDULE = ("tries", "nextAttempt")
IDS_PER_DELETE = 20_000


def find(passport: Passport, ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
    """Those of these rows that are parked, by _id."""
    keys = list(ids)
    cursor = passport[PARKED].find({"_id": {"$in": keys}}, batch_size=len(keys) + 1) if keys else ()
    return {row["_id"]: row for row in cursor}


def is_refused_again(parked: Document, record: Document, now: datetime) -> bool:
    """Whether MongoDB refused just this record under just this contract, and it is not time to try again."""
    return parked.get("refused") == _refusal(record) and not due(parked, now)


def _refusal(record: Document) -> str:
    return f"{record['source']['checksum']}/{CONTRACT_VERSION}"


def of_record(record: Document, reason: str, now: datetime, fields: Sequence[str] | None = None) -> Document:
    """The parked row of a record that cannot be stored; `fields` are those that are invalid, if MongoDB refused it."""
    parked = {name: record["source"][name] for name in (*SUBJECT, "runId")} | {
        "_id": record["_id"],
        "reason": reason,
        **PARKED_ROW.begin(now),
        "attempts": 1,
        "firstSeen": now,
        "lastSeen": now,
    }
    return parked | ({"fields": list(fields), "refused": _refusal(record)} if fields else {})


def changed(stored: Mapping[ObjectId, Document], rows: Mapping[ObjectId, Document], now: datetime) -> list[Document]:
    """Those of these rows that are not stored with the same content, or that were due and failed again."""
    before = {key: stored.get(key, {}) for key in rows}
    return [row for key, row in rows.items() if _content(before[key]) != _content(row) or due(before[key], now)]


def store(
    passport: Passport, stored: Mapping[ObjectId, Document], rows: Sequence[Document], now: datetime, retries: Retries
) -> Counter[str]:
    """Park these rows, each of which counts one more attempt; returns by reason how many are exhausted now.

    A row that failed for the same reason once more waits longer than before; any other begins anew.
    """
    new = {row["_id"]: row | retries.schedule(row["reason"], 1, now) for row in rows if row["_id"] not in stored}
    outcome = bulk.insert(passport[PARKED], list(new.values()))
    _raise_invalid(outcome)
    # Another run that parks the same row right now has counted the attempt.
    updates = {key: _update({"attempts": 1}, new[key], new[key], now) for key in outcome.same_id}
    last: defaultdict[str, dict[ObjectId, UpdateOne]] = defaultdict(dict)
    for row in rows:
        if (before := stored.get(row["_id"])) is not None:
            after = _failed_again(before, row, now, retries)
            unchanged = {"attempts": before["attempts"], "nextAttempt": before.get("nextAttempt")}
            group = last[row["reason"]] if after["state"] == EXHAUSTED else updates
            group[row["_id"]] = _update(unchanged, before, after, now)
    _write(passport, updates)
    return Counter({reason: _write(passport, exhausted) for reason, exhausted in last.items()})


def _failed_again(before: Document, row: Document, now: datetime, retries: Retries) -> Document:
    """What a parked row becomes that could not be loaded this time either."""
    tries = before.get("tries", 0) + 1 if _content(before) == _content(row) else 1
    after = row | retries.schedule(row["reason"], tries, now)
    return after | {"state": EXHAUSTED} if "tries" in after and "nextAttempt" not in after else after


def _update(unchanged: Document, before: Document, after: Document, now: datetime) -> UpdateOne:
    """The update from one parked row to the next, if these fields of it are still `unchanged`."""
    fields = {name: after[name] for name in (*CONTENT, *SCHEDULE, "runId", "fence") if name in after}
    fields |= {"attempts": before["attempts"] + (before is not after), "lastSeen": now}
    gone = tuple(name for name in (*CONTENT, *SCHEDULE) if name in before and name not in after)
    query = {"_id": after["_id"]} | unchanged
    if before["state"] != after["state"]:
        run_id = after["runId"]
        return PARKED_ROW.transition(query, after["state"], now, run_id=run_id, fields=fields, without=gone)
    return UpdateOne(query, {"$set": fields} | ({"$unset": dict.fromkeys(gone, "")} if gone else {}))


def clear(passport: Passport, ids: Sequence[ObjectId], not_newer: Document) -> None:
    """Delete parked rows that were loaded, or are gone, as far as the filter `not_newer` finds them."""
    for some_ids in bulk.chunks(ids, IDS_PER_DELETE):
        passport[PARKED].delete_many({"_id": {"$in": some_ids}} | not_newer)


def _content(parked: Mapping[str, Any]) -> Document:
    return {name: parked[name] for name in CONTENT if name in parked}


def _write(passport: Passport, updates: Mapping[ObjectId, UpdateOne]) -> int:
    outcome = bulk.write(passport[PARKED], list(updates.values()), list(updates))
    _raise_invalid(outcome)
    return outcome.matched


def _raise_invalid(outcome: bulk.Outcome) -> None:
    if outcome.invalid:
        raise PassportRefused(f"MongoDB refused {len(outcome.invalid)} parked rows for: {outcome.invalid_fields}")
