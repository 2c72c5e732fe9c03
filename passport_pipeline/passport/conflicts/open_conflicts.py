"""Open conflicts: records that the application and the hospital both changed.

What belongs here: the documents of conflicts: opening one, revising it, and ending it. What does not: detecting that
there is one (merge), deciding one (decision, resolve), or listing them (queue).

A conflict is open until an operator has decided it, or nothing is left to decide; then it is not touched again, and a
later one of the same record is another document. At most one of a record is open, by a unique index. As long as it is,
its rows count in place of the record's own. Every change of an open conflict raises its `revision`: a decision is
refused if the conflict changed after it was displayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bson import ObjectId
from pymongo import ReplaceOne, ReturnDocument, UpdateOne

from passport_pipeline.passport.conflicts import edits
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONFLICTS
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.passport.mongo.states import CONFLICT, RESOLVED, WITHDRAWN
from passport_pipeline.passport.run import Run
from passport_pipeline.records.checksums import field_digests


def find(run: Run, record_ids: Sequence[ObjectId]) -> dict[ObjectId, Document]:
    """The open conflicts of these records, by record."""
    query = {"record": {"$in": list(record_ids)}, **CONFLICT.unfinished}
    cursor = run.passport[CONFLICTS].find(query, batch_size=len(record_ids) + 1) if record_ids else ()
    return {conflict["record"]: conflict for conflict in cursor}


def is_about(conflict: Document | None, record: Document, incoming: Document) -> bool:
    """Whether this conflict is open over just this version of the record and this incoming one."""
    return bool(conflict and conflict["checksum"] == incoming["source"]["checksum"] and _same_data(conflict, record))


def open_or_revise(run: Run, record: Document, incoming: Document, conflict: Document | None) -> bulk.Outcome:
    """Open a conflict between a record and the incoming one, or revise the open one, which voids its decision.

    The outcome goes by the record's _id, and has matched nothing where the conflict changed at the same time.
    """
    source = incoming["source"]
    about = {name: source[name] for name in ("hospital", "window", "day", "rowUuid", "rows", "checksum")}
    content = about | {"theirs": record["data"], "ours": incoming, "written": sorted(edits.written(record))}
    content |= {"runId": run.run_id, "lastSeen": run.now}
    operation: UpdateOne | ReplaceOne[Document]
    if conflict:
        operation = UpdateOne(_as_read(conflict), _revision(content))
    else:
        new = {"record": record["_id"], "revision": 1, **CONFLICT.begin(run.now, run_id=run.run_id)}
        operation = ReplaceOne({"_id": ObjectId()}, content | new, upsert=True)
    return bulk.write(run.passport[CONFLICTS], [operation], [record["_id"]])


def refreshed(passport: Passport, conflict: Document, record: Document, now: datetime) -> Document:
    """An open conflict with what the application has written by now; an edit alone makes no run reconcile the day."""
    if _same_data(conflict, record):
        return conflict
    change = _revision({"theirs": record["data"], "lastSeen": now})
    after = passport[CONFLICTS].find_one_and_update(_as_read(conflict), change, return_document=ReturnDocument.AFTER)
    return after or passport[CONFLICTS].find_one({"_id": conflict["_id"]}) or conflict


def write_decision(passport: Passport, conflict: Document, decision: Document | None) -> bool:
    """Note in an open conflict how it is to end, or (None) drop that note; False where the conflict has changed."""
    change = {"$unset": {"decision": ""}} if decision is None else {"$set": {"decision": decision}}
    return bool(passport[CONFLICTS].update_one(_as_read(conflict), change).matched_count)


def is_carried_out(conflict: Document, record: Document) -> bool:
    """Whether the record's present version is the one in which just this conflict was decided."""
    decided = record["source"].get("decided") or {}
    return (decided.get("conflict"), decided.get("revision")) == (conflict["_id"], conflict["revision"])


def carried_out(conflicts: Mapping[ObjectId, Document], records: Iterable[Document]) -> list[tuple[Document, Document]]:
    """Those of these open conflicts (by record) whose decision is carried out, each with its record."""
    pairs = [(conflicts[record["_id"]], record) for record in records if record["_id"] in conflicts]
    return [(conflict, record) for conflict, record in pairs if is_carried_out(conflict, record)]


def mark_resolved(run: Run, pairs: Iterable[tuple[Document, Document]]) -> None:
    """End these conflicts, each given with the record in which it is carried out, as far as they are still open."""
    operations = []
    for conflict, record in pairs:
        decided = record["source"]["decided"]
        decision = {name: decided[name] for name in ("take", "fields", "by", "at") if name in decided}
        as_decided = {"_id": conflict["_id"], "revision": conflict["revision"]}
        who = {"by": decided["by"], "run_id": run.run_id}
        operations.append(CONFLICT.transition(as_decided, RESOLVED, run.now, **who, fields={"decision": decision}))
    _write(run, operations)


def withdraw(run: Run, conflicts: Iterable[Document]) -> None:
    """End these conflicts, as far as they are still open, because nothing is left to decide."""
    ids = [{"_id": conflict["_id"]} for conflict in conflicts]
    _write(
        run, [CONFLICT.transition(by_id, WITHDRAWN, run.now, run_id=run.run_id, without=("decision",)) for by_id in ids]
    )


def end_all(run: Run, records: Sequence[Document]) -> None:
    """End the open conflicts of records that are taken out: as resolved where the decision is carried out, else as
    withdrawn.
    """
    conflicts = find(run, [record["_id"] for record in records])
    mark_resolved(run, carried_out(conflicts, records))
    withdraw(run, conflicts.values())


def end_deletions(run: Run, record_ids: Sequence[ObjectId]) -> None:
    """End the open conflicts over records that were deleted through the application, and that the source no longer
    has either.
    """
    withdraw(run, [conflict for conflict in find(run, record_ids).values() if "kind" in conflict])


def _same_data(conflict: Document, record: Document) -> bool:
    """Whether the conflict holds what the record's `data` says, but for what the application sets by itself."""
    return field_digests(conflict["theirs"]) == field_digests(record["data"])


def _as_read(conflict: Document) -> Document:
    """A filter that finds the conflict only if it has not changed since it was read."""
    return {"_id": conflict["_id"], "revision": conflict["revision"], **CONFLICT.unfinished}


def _revision(content: Document) -> Document:
    # It may have been opened because the record had been deleted, which is there again.
    return {"$set": content, "$unset": dict.fromkeys(("decision", "kind", "version"), ""), "$inc": {"revision": 1}}


def _write(run: Run, operations: Sequence[UpdateOne]) -> None:
    if operations:
        run.passport[CONFLICTS].bulk_write(operations, ordered=False)
