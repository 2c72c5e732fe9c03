"""Conflicts: records that the application and the hospital both changed.

What belongs here: the documents of conflicts: opening one, bringing it up to date, and ending it. What does not:
telling that there is one (merging), deciding one (decisions, resolving), or showing them (conflict_queue).

A conflict is open until a person has decided it, or nothing is left to decide; then it is not touched again, and a
later one of the same record is another document. At most one of a record is open, by a unique index. As long as it is,
its rows count in place of the record's own. Whatever changes an open one counts its `revision` up, so that nobody
decides on anything else than what he saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReplaceOne, ReturnDocument, UpdateOne

from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONFLICTS
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.passport.mongo.states import CONFLICT, RESOLVED, WITHDRAWN
from passport_pipeline.passport.run import Run
from passport_pipeline.records.checksums import NOT_COMPARED_DATA


def find(run: Run, ids: Sequence[ObjectId]) -> dict[ObjectId, Document]:
    """The open conflicts of these records, by record."""
    wanted = {"record": {"$in": list(ids)}, **CONFLICT.unfinished}
    cursor = run.passport[CONFLICTS].find(wanted, batch_size=len(ids) + 1) if ids else ()
    return {one["record"]: one for one in cursor}


def told(record: Document, wanted: Document, before: Document | None) -> bool:
    """Whether the open conflict of a record, if any, is just this one."""
    return bool(before and before["checksum"] == wanted["source"]["checksum"] and _same(before, record))


def open_one(run: Run, record: Document, wanted: Document, before: Document | None) -> bulk.Outcome:
    """Open a conflict over a record, or bring the open one (`before`) up to date; a decision on what it was is void.

    The outcome goes by the record's _id, and has matched nothing where somebody else was at it at the same time.
    """
    source = wanted["source"]
    about = {name: source[name] for name in ("hospital", "window", "day", "obsUuid", "rows", "checksum")}
    content = about | {"theirs": record["data"], "ours": wanted, "runId": run.run_id, "lastSeen": run.now}
    operation: UpdateOne | ReplaceOne[Document]
    if before:
        operation = UpdateOne(_as_seen(before), _revised(content))
    else:
        begun = {"record": record["_id"], "revision": 1, **CONFLICT.begin(run.now, run_id=run.run_id)}
        operation = ReplaceOne({"_id": ObjectId()}, content | begun, upsert=True)
    return bulk.write(run.passport[CONFLICTS], [operation], [record["_id"]])


def brought_up_to_date(passport: Passport, conflict: Document, record: Document, now: datetime) -> Document:
    """An open conflict with what the application has written by now; no run looks at a day again because of an edit."""
    if _same(conflict, record):
        return conflict
    change = _revised({"theirs": record["data"], "lastSeen": now})
    after = passport[CONFLICTS].find_one_and_update(_as_seen(conflict), change, return_document=ReturnDocument.AFTER)
    return after or passport[CONFLICTS].find_one({"_id": conflict["_id"]}) or conflict


def write_decision(passport: Passport, conflict: Document, decision: Document | None) -> bool:
    """Note in an open conflict how it is to end, or (None) that this came to nothing; False where it has changed."""
    change = {"$unset": {"decision": ""}} if decision is None else {"$set": {"decision": decision}}
    return bool(passport[CONFLICTS].update_one(_as_seen(conflict), change).matched_count)


def carried_out(conflict: Document, record: Document) -> bool:
    """Whether the record's present version is the one in which just this conflict was decided."""
    decided = record["source"].get("decided") or {}
    return (decided.get("conflict"), decided.get("revision")) == (conflict["_id"], conflict["revision"])


def owed(known: Mapping[ObjectId, Document], records: Iterable[Document]) -> list[tuple[Document, Document]]:
    """Those of these open conflicts (by record) that are carried out, each with its record."""
    return [(known[one["_id"]], one) for one in records if one["_id"] in known and carried_out(known[one["_id"]], one)]


def mark_resolved(run: Run, pairs: Iterable[tuple[Document, Document]]) -> int:
    """End these conflicts, each given with the record in which it is carried out; returns how many were still open."""
    operations = []
    for conflict, record in pairs:
        decided = record["source"]["decided"]
        decision = {name: decided[name] for name in ("take", "fields", "by", "at") if name in decided}
        seen = {"_id": conflict["_id"], "revision": conflict["revision"]}
        who = {"by": decided["by"], "run_id": run.run_id}
        operations.append(CONFLICT.transition(seen, RESOLVED, run.now, **who, fields={"decision": decision}))
    return _end(run, operations)


def withdraw(run: Run, conflicts: Iterable[Document]) -> int:
    """End these conflicts, because there is nothing left to decide; returns how many were still open."""
    return _end(
        run,
        [
            CONFLICT.transition({"_id": one["_id"]}, WITHDRAWN, run.now, run_id=run.run_id, without=("decision",))
            for one in conflicts
        ],
    )


def settle(run: Run, records: Sequence[Document]) -> None:
    """End the open conflicts of records that go: as resolved where that is owed, else as withdrawn."""
    known = find(run, [one["_id"] for one in records])
    mark_resolved(run, owed(known, records))
    withdraw(run, known.values())


def said(data: Mapping[str, Any]) -> Document:
    """What a record says: without what the application's timer changes."""
    return {name: value for name, value in data.items() if name not in NOT_COMPARED_DATA}


def _same(conflict: Document, record: Document) -> bool:
    return said(conflict["theirs"]) == said(record["data"])


def _as_seen(conflict: Document) -> Document:
    return {"_id": conflict["_id"], "revision": conflict["revision"], **CONFLICT.unfinished}


def _revised(content: Document) -> Document:
    return {"$set": content, "$unset": {"decision": ""}, "$inc": {"revision": 1}}


def _end(run: Run, operations: Sequence[UpdateOne]) -> int:
    if not operations:
        return 0
    return run.passport[CONFLICTS].bulk_write(operations, ordered=False).matched_count
