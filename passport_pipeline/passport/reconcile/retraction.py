"""Taking records out of passports, with everything kept that brings them back as they were.

What belongs here: the steps of a retraction and finishing one that was interrupted. What does not: deciding
which records have to go (reconciling), or bringing one back (merging, reconciling).

The order of the steps: out of the patient's array; into retractedrecords as `retracting`; deleted; audited;
marked `retracted`. Whichever step is the last one to happen, the next run knows where it stands.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from bson import ObjectId
from pymongo import DeleteOne, ReplaceOne

from passport_pipeline.core.errors import PassportUnreachable
from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import conflict
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import RECORDS, RETRACTED
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.run import Run

CHUNK = 2_000
ATTEMPTS = 10

log = logging.getLogger(__name__)


def retract(run: Run, ids: Sequence[ObjectId], why: str) -> int:
    """Take these records out, as far as they are there; returns how many went.

    `why` is not_live, parked or replaced. An edit that the application makes at the same time is kept, too. Those that
    a newer run of the window has written are left to it. A record that the application has made so large that it cannot
    be kept stays, and its day is not in line: nothing is lost that cannot be brought back. It is out of its patient's
    list, and a warning names it.
    """
    gone = 0
    for some in bulk.chunks(ids, CHUNK):
        remaining = some
        for _ in range(ATTEMPTS):
            wanted = {"_id": {"$in": remaining}} | run.not_newer("source.")
            records = list(run.passport[RECORDS].find(wanted, batch_size=CHUNK + 1))
            if not records:
                break
            deleted, too_large = _take_out(run, records, why)
            gone += deleted
            remaining = [record["_id"] for record in records if record["_id"] not in too_large]
        else:
            raise PassportUnreachable("others keep changing records that have to go; run again")
    return gone


def _take_out(run: Run, records: Sequence[Document], why: str) -> tuple[int, AbstractSet[ObjectId]]:
    """How many went, and which are too large to go."""
    patients.remove(run.passport, [patients.Reference.to(one) for one in records], run.now)
    too_large = archive(run, records, why)
    records = [one for one in records if one["_id"] not in too_large]
    if not records:
        return 0, too_large
    deleted = delete(run, records)
    if deleted == len(records):
        finish(run, records, why)
        return deleted, too_large
    left = {one["_id"] for one in run.passport[RECORDS].find({"_id": {"$in": _ids(records)}}, {"_id": 1})}
    finish(run, [one for one in records if one["_id"] not in left], why)
    return deleted, too_large


def archive(run: Run, records: Sequence[Document], why: str) -> AbstractSet[ObjectId]:
    """Keep the records whole, as being retracted; returns those that are too large for it, and are not kept."""
    operations = [
        ReplaceOne(
            {"_id": one["_id"]},
            {
                "hospital": one["source"]["hospital"],
                "day": one["source"]["day"],
                "state": "retracting",
                "why": why,
                "version": one["source"]["version"],
                "retractedAt": run.now,
                "runId": run.run_id,
                "document": one,
            },
            upsert=True,
        )
        for one in records
    ]
    # Two runs that archive the same record for the first time: either one's copy will do.
    outcome = bulk.write(run.passport[RETRACTED], operations, _ids(records))
    for record_id in outcome.unfit:
        log.warning(
            "record %s is to be taken out of the passport (%s), and is too large to be kept in %s: it stays in %s. "
            "Have its data made smaller in the application, then run again",
            record_id,
            why,
            RETRACTED,
            RECORDS,
        )
    return outcome.unfit.keys()


def delete(run: Run, records: Sequence[Document]) -> int:
    """Delete the records as far as they still are what was archived; returns how many were deleted."""
    operations = [
        DeleteOne({"_id": one["_id"], "data": one["data"], "source.version": one["source"]["version"]})
        for one in records
    ]
    return run.passport[RECORDS].bulk_write(operations, ordered=False).deleted_count


def finish(run: Run, records: Sequence[Document], why: str) -> None:
    """Audit retractions, end the records' conflicts, and mark the retractions as done."""
    if not records:
        return
    audit_log.record(run.passport, retraction_entries(run, records, why))
    conflict.settle(run, records)
    run.passport[RETRACTED].update_many(
        {"_id": {"$in": _ids(records)}, "state": "retracting"}, {"$set": {"state": "retracted"}}
    )


def retraction_entries(run: Run, records: Sequence[Document], why: str) -> Iterator[Document]:
    """Entries of the records' last versions (which an interrupted run may owe) and of their retraction."""
    for one in records:
        yield from audit_log.entries(run, one)
        yield audit_log.retraction(run, one, why)


def heal(run: Run, day: str) -> None:
    """Finish what an interrupted run left of a day's retractions and restorations, and take out of patients' lists
    what has come back into them: with a patient who was restored from a dump.
    """
    archived = list(
        run.passport[RETRACTED].find(
            {"hospital": run.hospital.key, "day": day},
            {"state": 1, "why": 1, "version": 1, "document.patientId": 1, "document.type": 1},
            batch_size=CHUNK * 10,
        )
    )
    if not archived:
        return
    live = {
        one["_id"]: one["source"]["version"]
        for one in run.passport[RECORDS].find(
            {"_id": {"$in": _ids(archived)}}, {"source.version": 1}, batch_size=len(archived) + 1
        )
    }
    unfinished = [one for one in archived if one["state"] == "retracting" and one["_id"] not in live]
    by_reason: dict[str, list[ObjectId]] = {}
    for one in unfinished:
        by_reason.setdefault(one["why"], []).append(one["_id"])
    for why, ids in by_reason.items():
        whole = run.passport[RETRACTED].find({"_id": {"$in": ids}}, {"document": 1})
        finish(run, [one["document"] for one in whole], why)
    gone = [patients.Reference.to(one["document"] | {"_id": one["_id"]}) for one in archived if one["_id"] not in live]
    patients.remove(run.passport, patients.listed(run.passport, gone), run.now)
    back = [one for one in archived if live.get(one["_id"], 0) > one["version"]]
    forget(run, {one["_id"]: one["version"] for one in back})


def kept(run: Run, records: Iterable[Document]) -> list[Document]:
    """The copies of retracted records of the same observations, the one that was retracted last at the end."""
    # Asked at first only whether there is any. Nothing is deleted that was not archived before, so what was read as
    # absent, and is not kept now, was not there to be retracted.
    if run.passport[RETRACTED].find_one({"hospital": run.hospital.key}, {"_id": 1}) is None:
        return []
    observed = {one["_id"]: one["source"]["obsUuid"] for one in records}
    same = {"hospital": run.hospital.key, "document.source.obsUuid": {"$in": list(observed.values())}}
    wanted = {"$or": [{"_id": {"$in": list(observed)}}, same]}
    return sorted(run.passport[RETRACTED].find(wanted, batch_size=CHUNK), key=lambda one: one["retractedAt"])


def forget(run: Run, versions: dict[ObjectId, int]) -> None:
    """Drop the kept copies of records that are back; `versions` are the copies' own."""
    if versions:
        operations = [DeleteOne({"_id": one, "version": version}) for one, version in versions.items()]
        run.passport[RETRACTED].bulk_write(operations, ordered=False)


def _ids(documents: Sequence[Document]) -> list[ObjectId]:
    return [document["_id"] for document in documents]
