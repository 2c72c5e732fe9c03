"""Records that somebody deleted through the application: the documents that say so, and deciding about them.

What belongs here: opening such a conflict, revising it, and what a decision on it writes. What does not: telling a
deletion from a loss (reconcile.deletions), edited records (open_conflicts), choosing conflicts (queue).

The application deletes a document and leaves no trace of who did, so an operator is asked. As long as nothing is
decided, and after a decision for the application (`theirs`), the record stays out: its rows are parked as
DELETED_RECORD, and count as such. A decision for the hospital (`ours`) brings it back with the next run of its window,
also after one for the application. `version` is the last one that the record had; a conflict says nothing of a later
one.
"""

from __future__ import annotations

from collections.abc import Collection

from bson import ObjectId
from pymongo import ReplaceOne

from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts.decision import OURS, THEIRS
from passport_pipeline.passport.days.dirty import DOUBTED, mark_dirty
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONFLICTS
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.passport.mongo.states import CONFLICT, OPEN, RESOLVED
from passport_pipeline.passport.run import Run

DELETED = "deleted"


def are_there_any(run: Run) -> bool:
    """Whether the hospital has any, open or not."""
    return run.passport[CONFLICTS].find_one({"hospital": run.hospital.key, "kind": DELETED}, {"_id": 1}) is not None


def latest(run: Run, record_ids: Collection[ObjectId]) -> dict[ObjectId, Document]:
    """The last one of each of these records, open or not."""
    query = {"record": {"$in": list(record_ids)}, "kind": DELETED}
    return {conflict["record"]: conflict for conflict in run.passport[CONFLICTS].find(query).sort("_id", 1)}


def is_latest(run: Run, conflict: Document) -> bool:
    """Whether nothing later is known of this conflict's record."""
    return bool(latest(run, [conflict["record"]])[conflict["record"]]["_id"] == conflict["_id"])


def stays_out(conflict: Document) -> bool:
    """Whether the record of this conflict is not to be brought back."""
    return bool(conflict["state"] != RESOLVED or conflict["decision"]["take"] == THEIRS)


def open_all(run: Run, incoming: Collection[Document]) -> bulk.Outcome:
    """Open a conflict over each of these incoming records, whose `source.version` is the last one that they had."""
    operations = []
    for record in incoming:
        new = {"record": record["_id"], "kind": DELETED, "version": record["source"]["version"], "theirs": {}}
        new |= {"revision": 1, **CONFLICT.begin(run.now, run_id=run.run_id)}
        operations.append(ReplaceOne({"_id": ObjectId()}, _content(run, record) | new, upsert=True))
    return bulk.write(run.passport[CONFLICTS], operations, [record["_id"] for record in incoming])


def revise(run: Run, conflict: Document, incoming: Document) -> None:
    """Have an open conflict say what the hospital says now."""
    same = {"_id": conflict["_id"], "revision": conflict["revision"], **CONFLICT.unfinished}
    change = {"$set": _content(run, incoming), "$inc": {"revision": 1}}
    run.passport[CONFLICTS].update_one(same, change)


def decide(run: Run, conflict: Document, decision: Document) -> bool:
    """Write down how a conflict is decided, by whom and when; False where it has changed. What was decided for the
    application before may be decided for the hospital afterwards, in a conflict of its own.
    """
    if decision["take"] == OURS:
        mark_dirty(run.passport, [(conflict["hospital"], conflict["day"])], DOUBTED)
    else:
        audit_log.record(run.passport, [audit_log.stays_deleted(run, _deleted_record(conflict), decision["by"])])
    if conflict["state"] != OPEN:
        again = {name: value for name, value in conflict.items() if name not in ("_id", "decision")}
        conflict = again | {"_id": ObjectId(), "revision": 1, **CONFLICT.begin(run.now, by=decision["by"])}
        run.passport[CONFLICTS].insert_one(conflict)
    as_read = {"_id": conflict["_id"], "revision": conflict["revision"]}
    who = {"by": decision["by"], "run_id": run.run_id}
    change = CONFLICT.transition(as_read, RESOLVED, run.now, **who, fields={"decision": decision})
    return bool(bulk.write(run.passport[CONFLICTS], [change], [conflict["_id"]]).matched)


def brought_back(conflict: Document, incoming: Document) -> Document:
    """The record in its next version, after it was decided that it comes back."""
    version = conflict["version"] + 1
    decided = {
        "conflict": conflict["_id"],
        "revision": conflict["revision"],
        **conflict["decision"],
        "version": version,
    }
    return incoming | {"source": incoming["source"] | {"version": version, "decided": decided}}


def _content(run: Run, incoming: Document) -> Document:
    source = incoming["source"]
    about = {name: source[name] for name in ("hospital", "window", "day", "rowUuid", "rows", "checksum")}
    return about | {"ours": incoming, "runId": run.run_id, "lastSeen": run.now}


def _deleted_record(conflict: Document) -> Document:
    record: Document = conflict["ours"]
    return record | {"source": record["source"] | {"version": conflict["version"]}}
