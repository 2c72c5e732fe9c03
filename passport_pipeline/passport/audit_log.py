"""Audit entries: who changed what in whose passport, in the application's own shape.

What belongs here: the entries of a record's versions, each with an _id that follows from the record and the
version, so that one change has one entry however many runs report it. What does not: deciding what changed
(reconcile). An entry names hospital, clinician and question, and never a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal

from bson import ObjectId

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import AUDIT
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.passport.run import Run

_EMPTY = blake2b(digest_size=8)  # a copy of one costs less than a new one

Event = Literal["version", "left", "retracted", "deleted", "stays_deleted"]
# What an entry is made of; enough to write one that an interrupted run owes.
_OF_SOURCE = ["hospital", "day", "window", "version", "restored", "moved", "decided", "runId", "concept", "clinician"]
NEEDED = dict.fromkeys(("patientId", "type", *(f"source.{name}" for name in _OF_SOURCE)), 1)


def entry_id(record_id: ObjectId, version: int, event: Event = "version") -> ObjectId:
    """The _id of an entry: the record's creation second, then a hash of what the entry is about."""
    record = record_id.binary
    about = _EMPTY.copy()
    about.update(record + f":{version}:{event}".encode())
    return ObjectId(record[:4] + about.digest())


def entries(run: Run, record: Document) -> list[Document]:
    """The entries of a record's present version: one, and another for the patient that it left with this version."""
    source = record["source"]
    version = source["version"]
    decided = source.get("decided") or {}
    if decided.get("version") == version:
        entry = _decision(run, record, decided)
    elif source.get("restored") == version:
        entry = _entry(run, record, "version", "create", "Record restored")
    elif version == 1:
        entry = _entry(run, record, "version", "create", "Record added")
    else:
        entry = _entry(run, record, "version", "update", "Record updated")
    moved = source.get("moved") or {}
    if moved.get("version") != version:
        return [entry]
    old_patient = record | {"patientId": moved["from"]}
    return [entry, _entry(run, old_patient, "left", "delete", "Record moved to another patient")]


def retraction(run: Run, record: Document, why: str) -> Document:
    """The entry of a record's removal."""
    details = {
        "not_live": "Record removed, because it is no longer valid at the hospital",
        "parked": "Record removed, because it can no longer be assigned or read",
        "replaced": "Record removed, because another one took its place",
    }[why]
    return _entry(run, record, "retracted", "delete", details)


def deletion(run: Run, record: Document) -> Document:
    """The entry of a deletion through the application, which the synchronisation found in the record's last version."""
    return _entry(run, record, "deleted", "delete", "Record deleted through the application, found")


def stays_deleted(run: Run, record: Document, by: str) -> Document:
    """The entry of an operator's decision that a record that was deleted through the application stays so."""
    entry = _entry(run, record, "stays_deleted", "delete", "")
    details = f"Deletion of a record of {run.account.hospital_name} confirmed by {by} ({record['type']})"
    return entry | {"details": details, "performedBy": by}


def last_versions(passport: Passport, record_ids: Iterable[ObjectId]) -> dict[ObjectId, int]:
    """The last version of each of these records that has an entry; a record that was never stored is absent."""
    last: dict[ObjectId, int] = {}
    version, asked = 1, set(record_ids)
    while asked:
        asked -= missing(passport, dict.fromkeys(asked, version))
        last |= dict.fromkeys(asked, version)
        version += 1
    return last


def retracted(passport: Passport, records: Iterable[Document]) -> set[ObjectId]:
    """The ids of those of these records whose present version was retracted."""
    entries = {entry_id(record["_id"], record["source"]["version"], "retracted"): record["_id"] for record in records}
    found = passport[AUDIT].find({"_id": {"$in": list(entries)}}, {"_id": 1}, batch_size=len(entries) + 1)
    return {entries[entry["_id"]] for entry in found}


def missing(passport: Passport, versions: Mapping[ObjectId, int]) -> set[ObjectId]:
    """Those of these records (present versions by _id) whose version lacks its entry."""
    expected = {entry_id(record_id, version): record_id for record_id, version in versions.items()}
    if not expected:
        return set()
    cursor = passport[AUDIT].find({"_id": {"$in": list(expected)}}, {"_id": 1}, batch_size=len(expected) + 1)
    for entry in cursor:
        del expected[entry["_id"]]
    return set(expected.values())


def record(passport: Passport, new: Iterable[Document]) -> None:
    """Write entries; existing ones stay as they are."""
    outcome = bulk.insert(passport[AUDIT], list(new))
    if outcome.invalid:
        raise PassportRefused(f"MongoDB refused {len(outcome.invalid)} audit entries for: {outcome.invalid_fields}")


def heal(run: Run, records: Sequence[Document]) -> None:
    """Write the entries of these records' present versions; each holds at least the fields of NEEDED."""
    record(run.passport, [entry for each in records for entry in entries(run, each)])


def _decision(run: Run, about: Document, decided: Mapping[str, Any]) -> Document:
    """The entry of a version in which an operator decided a conflict: how, and who."""
    taken = {"theirs": "the application's version stays", "ours": "the hospital's version is taken"}
    how = "field by field" if "fields" in decided else taken[decided["take"]]
    entry = _entry(run, about, "version", "update", "Conflict decided")
    return entry | {
        "details": f"Conflict with {run.account.hospital_name} decided by {decided['by']}: {how} ({about['type']})",
        "performedBy": decided["by"],
        "changes": entry["changes"] | {name: decided[name] for name in ("take", "fields") if name in decided},
    }


def _entry(run: Run, about: Document, event: Event, action: str, details: str) -> Document:
    source = about["source"]
    changes = {"hospitalId": source["hospital"]}
    if (clinician := source.get("clinician")) is not None:
        changes["providerName"] = clinician
    if (question := (source.get("concept") or {}).get("name")) is not None:
        changes["conceptName"] = question
    return {
        "_id": entry_id(about["_id"], source["version"], event),
        "user": run.user,
        "patient": ObjectId(about["patientId"]),
        "accessType": "regular",
        "action": action,
        "details": f"{details} by the synchronisation with {run.account.hospital_name} ({about['type']})",
        "accessTime": run.now,
        "performedBy": "OpenMRS Sync Service",
        "targetModel": "MedicalRecord",
        "targetId": about["_id"],
        "version": source["version"],
        "changes": changes,
        "window": source["window"],
        "runId": source["runId"],
        "createdAt": run.now,
        "updatedAt": run.now,
        "__v": 0,
    }
