"""Taking records out of passports, with copies that hold everything to bring them back as they were.

What belongs here: the steps of a retraction and finishing one that was interrupted. What does not: deciding which
records have to go (day), or bringing one back (conflicts.merge, records).

The order of the steps: out of the patient's array; into retractedrecords as `retracting`; deleted; audited; marked
`retracted`. Whichever step is the last one to happen, the next run goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from bson import ObjectId
from pymongo import DeleteOne, ReplaceOne

from passport_pipeline.core.errors import PassportUnreachable
from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import open_conflicts
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import RECORDS, RETRACTED
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.run import Run

RECORDS_PER_ROUND = 2_000
COPIES_PER_BATCH = 2_000
DAYS_COPIES_PER_BATCH = 20_000  # these hold no data
ROUNDS = 10

log = logging.getLogger(__name__)


def retract(run: Run, ids: Sequence[ObjectId], why: str) -> int:
    """Take these records out, as far as they exist; returns how many went.

    `why` is not_live, parked or replaced. An edit that the application makes at the same time is in the copy, too.
    Those that a newer run of the window has written are left to it. A record that the application has made so large
    that it cannot be copied stays, and its day is not up to date: nothing is lost that cannot be brought back. It is
    out of its patient's list, and a warning names it.
    """
    gone = 0
    for chunk in bulk.chunks(ids, RECORDS_PER_ROUND):
        remaining = chunk
        for _ in range(ROUNDS):
            query = {"_id": {"$in": remaining}} | run.not_newer("source.")
            records = list(run.passport[RECORDS].find(query, batch_size=RECORDS_PER_ROUND + 1))
            if not records:
                break
            deleted, too_large = _take_out(run, records, why)
            gone += deleted
            remaining = [record["_id"] for record in records if record["_id"] not in too_large]
        else:
            raise PassportUnreachable("others keep changing records that have to go; run again")
    return gone


def _take_out(run: Run, records: Sequence[Document], why: str) -> tuple[int, AbstractSet[ObjectId]]:
    """How many went, and the ids of those that are too large to go."""
    patients.remove(run.passport, [patients.Reference.to(record) for record in records], run.now)
    too_large = archive(run, records, why)
    records = [record for record in records if record["_id"] not in too_large]
    if not records:
        return 0, too_large
    deleted = delete(run, records)
    if deleted < len(records):
        query = {"_id": {"$in": _ids(records)}}
        remaining = {record["_id"] for record in run.passport[RECORDS].find(query, {"_id": 1})}
        records = [record for record in records if record["_id"] not in remaining]
    finish(run, records, why)
    return deleted, too_large


def archive(run: Run, records: Sequence[Document], why: str) -> AbstractSet[ObjectId]:
    """Copy the records whole, as being retracted; returns the ids of those that are too large for it."""
    operations = [
        ReplaceOne(
            {"_id": record["_id"]},
            {
                "hospital": record["source"]["hospital"],
                "day": record["source"]["day"],
                "state": "retracting",
                "why": why,
                "version": record["source"]["version"],
                "retractedAt": run.now,
                "runId": run.run_id,
                "document": record,
            },
            upsert=True,
        )
        for record in records
    ]
    # Two runs that archive the same record for the first time: either one's copy will do.
    outcome = bulk.write(run.passport[RETRACTED], operations, _ids(records))
    for record_id in outcome.invalid:
        log.warning(
            "record %s is to be taken out of the passport (%s), and is too large to be copied to %s: it stays in %s. "
            "Have its data made smaller in the application, then run again",
            record_id,
            why,
            RETRACTED,
            RECORDS,
        )
    return outcome.invalid.keys()


def delete(run: Run, records: Sequence[Document]) -> int:
    """Delete the records as far as they still are what was archived; returns how many were deleted."""
    operations = [
        DeleteOne({"_id": record["_id"], "data": record["data"], "source.version": record["source"]["version"]})
        for record in records
    ]
    return run.passport[RECORDS].bulk_write(operations, ordered=False).deleted_count


def finish(run: Run, records: Sequence[Document], why: str) -> None:
    """Audit retractions, end the records' conflicts, and mark the retractions as done."""
    if not records:
        return
    # The entries of the last versions, too, which an interrupted run may owe.
    entries = [entry for record in records for entry in audit_log.entries(run, record)]
    audit_log.record(run.passport, [*entries, *(audit_log.retraction(run, record, why) for record in records)])
    open_conflicts.end_all(run, records)
    run.passport[RETRACTED].update_many(
        {"_id": {"$in": _ids(records)}, "state": "retracting"}, {"$set": {"state": "retracted"}}
    )


def finish_all(run: Run, copies: Sequence[Document]) -> None:
    """Finish the retractions of which these are the whole copies."""
    for why in {copy["why"] for copy in copies}:
        finish(run, [copy["document"] for copy in copies if copy["why"] == why], why)


def heal(run: Run, day: str) -> None:
    """Finish what an interrupted run left of a day's (ISO) retractions and restorations, and take retracted records out
    of patients' lists into which they came back, with a patient who was restored from a dump.
    """
    fields = {"state": 1, "version": 1, "document.patientId": 1, "document.type": 1}
    of_day = {"hospital": run.hospital.key, "day": day}
    copies = list(run.passport[RETRACTED].find(of_day, fields, batch_size=DAYS_COPIES_PER_BATCH))
    if not copies:
        return
    query = {"_id": {"$in": _ids(copies)}}
    records = run.passport[RECORDS].find(query, {"source.version": 1}, batch_size=len(copies) + 1)
    versions = {record["_id"]: record["source"]["version"] for record in records}
    gone = [copy for copy in copies if copy["_id"] not in versions]
    unfinished = [copy for copy in gone if copy["state"] == "retracting"]
    if unfinished:
        finish_all(run, list(run.passport[RETRACTED].find({"_id": {"$in": _ids(unfinished)}})))
    references = [patients.Reference.to(copy["document"] | {"_id": copy["_id"]}) for copy in gone]
    patients.remove(run.passport, patients.listed(run.passport, references), run.now)
    forget(run, {copy["_id"]: copy["version"] for copy in copies if versions.get(copy["_id"], 0) > copy["version"]})


def copies_of(run: Run, records: Iterable[Document]) -> list[Document]:
    """The copies of retracted records of the same observations, the one that was retracted last at the end."""
    # First a query whether there is any copy. Nothing is deleted that was not copied before, so what was read as absent
    # from the records, and has no copy now, did not exist to be retracted.
    if run.passport[RETRACTED].find_one({"hospital": run.hospital.key}, {"_id": 1}) is None:
        return []
    uuids = {record["_id"]: record["source"]["rowUuid"] for record in records}
    same = {"hospital": run.hospital.key, "document.source.rowUuid": {"$in": list(uuids.values())}}
    query = {"$or": [{"_id": {"$in": list(uuids)}}, same]}
    return sorted(
        run.passport[RETRACTED].find(query, batch_size=COPIES_PER_BATCH), key=lambda copy: copy["retractedAt"]
    )


def copies_of_rows(run: Run, numbers: Sequence[int]) -> list[Document]:
    """The copies of retracted records that these rows of the hospital led, the last one to be retracted at the end."""
    query = {"hospital": run.hospital.key, "document.source.rowId": {"$in": list(numbers)}}
    return sorted(
        run.passport[RETRACTED].find(query, batch_size=COPIES_PER_BATCH), key=lambda copy: copy["retractedAt"]
    )


def forget(run: Run, versions: dict[ObjectId, int]) -> None:
    """Drop the copies of records that are back; `versions` are the copies' own."""
    if versions:
        operations = [DeleteOne({"_id": key, "version": version}) for key, version in versions.items()]
        run.passport[RETRACTED].bulk_write(operations, ordered=False)


def _ids(documents: Sequence[Document]) -> list[ObjectId]:
    return [document["_id"] for document in documents]
