"""Patients who were registered, corrected or deleted in the passport since the last check.

What belongs here: following the change stream of `patients` from one check to the next, the hospitals of which changed
patients have records, and marking days dirty because of their lists. What does not: which windows that concerns
(windows.compare), comparing lists (record_lists), when to check (orchestration.sensors).

Only a replica set has a change stream that can be used: a single server has none, and through a sharded cluster an
event may be delivered after one that happened later.

A check ends where MongoDB stood when the check began, which is what its token says. An event's own token cannot be
used: it holds the patient's id, and the token is stored where no patient's data may be.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import pymongo
from pymongo import errors as mongo
from pymongo.change_stream import CollectionChangeStream

from passport_pipeline.passport.mongo.collections import PATIENTS, RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.known_errors import MONGODB
from passport_pipeline.passport.patients.record_lists import faults_of_patients, mark_faulty

AWAIT_MS = 50
PATIENCE = 5
"""Seconds after which the check is given up, where MongoDB has to search a long history for one event."""

_UPDATED, _REMOVED = "updateDescription.updatedFields.nationalId", "updateDescription.removedFields"
_IDENTIFYING: list[Document] = [
    {
        "$match": {
            "$or": [
                {"operationType": {"$in": ["insert", "replace", "delete"]}},
                {"operationType": "update", "$or": [{_UPDATED: {"$exists": True}}, {_REMOVED: "nationalId"}]},
            ]
        }
    },
    # Nothing else of a patient leaves the server.
    {"$project": {"operationType": 1, "documentKey": 1, "fullDocument.nationalId": 1, _UPDATED: 1}},
]


@dataclass(frozen=True, repr=False)
class PatientChanges:
    """The patients who changed since a check.

    token         where the next check goes on; None where MongoDB offers no change stream
    unknown       why any patient may have changed, where the changes are unknown; else None, and the rest is complete
    patients      the ids (24 hex digits) of those who changed; deleted: of those who are gone
    national_ids  those that they have now
    """

    token: str | None
    unknown: str | None = None
    patients: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    national_ids: frozenset[str] = frozenset()


@answering("following the changes of patients")
def patient_changes(passport: Passport, token: str | None, seconds: float = 1.0) -> PatientChanges:
    """The patients who changed since the check that gave `token` (None: there was none), read within about `seconds`.

    Where that takes longer, or MongoDB's history does not reach back so far, any patient may have changed. Raises
    PassportError.
    """
    now = _now(passport)
    if now is None:
        return PatientChanges(None, "MongoDB offers no change stream")
    if token is None:
        return PatientChanges(now, "this is the first check")
    try:
        return _of(_events(passport, token, seconds), now)
    except _Unknown as unknown:
        return PatientChanges(now, str(unknown))


def mark_faulty_lists(passport: Passport, changes: PatientChanges) -> None:
    """Mark the days dirty of records that the lists of changed patients lack, or should no longer name, because a
    patient was restored from a dump, or replaced by an older copy. Raises PassportError.
    """
    mark_faulty(passport, faults_of_patients(passport, changes.patients - changes.deleted))


@answering("looking up the hospitals of changed patients")
def hospitals_of(passport: Passport, changes: PatientChanges) -> set[str] | None:
    """The hospitals of which the changed patients have records. None, for any, where the changes are unknown, and where
    a patient was deleted whose records are gone too. Raises PassportError.
    """
    if changes.unknown:
        return None
    if not changes.patients:
        return set()
    pairs: list[Document] = [
        {"$match": {"patientId": {"$in": sorted(changes.patients)}, "source.hospital": {"$exists": True}}},
        {"$group": {"_id": {"patient": "$patientId", "hospital": "$source.hospital"}}},
    ]
    with_records = [pair["_id"] for pair in passport[RECORDS].aggregate(pairs)]
    if changes.deleted - {pair["patient"] for pair in with_records}:
        return None
    return {pair["hospital"] for pair in with_records}


class _Unknown(Exception):  # noqa: N818 - no error: everything is compared instead
    """Why it is unknown which patients changed."""


def _events(passport: Passport, token: str, seconds: float) -> list[Document]:
    deadline = time.monotonic() + seconds
    events: list[Document] = []
    try:
        with pymongo.timeout(PATIENCE), _stream(passport, token) as stream:
            while (event := stream.try_next()) is not None:
                events.append(event)
                if time.monotonic() > deadline:
                    raise _Unknown("there were too many changes for one check")
            if not stream.alive:
                raise _Unknown("the collection was replaced")
    except mongo.OperationFailure as error:
        if MONGODB.find(error):
            raise
        raise _Unknown(f"MongoDB's history does not reach back to the last check (error {error.code})") from None
    except mongo.PyMongoError as error:
        if not error.timeout:
            raise
        raise _Unknown("MongoDB took too long over its history") from None
    return events


def _now(passport: Passport) -> str | None:
    """Where the check after one that begins now will go on; None where there is no change stream."""
    if "setName" not in passport.client.admin.command("hello"):
        return None
    try:
        with _stream(passport, None) as stream:
            while (token := stream.resume_token) is None:
                stream.try_next()
    except mongo.OperationFailure as error:
        if MONGODB.find(error):
            raise
        return None
    return str(token["_data"])


def _stream(passport: Passport, token: str | None) -> CollectionChangeStream[Document]:
    resume_after = {"_data": token} if token else None
    return passport[PATIENTS].watch(_IDENTIFYING, resume_after=resume_after, max_await_time_ms=AWAIT_MS)


def _of(events: Iterable[Document], now: str) -> PatientChanges:
    patients: dict[str, str] = {}
    national_ids = set()
    for event in events:
        patients[str(event["documentKey"]["_id"])] = event["operationType"]
        updated = event.get("updateDescription", {}).get("updatedFields", {})
        national_ids.add((event.get("fullDocument") or updated).get("nationalId"))
    deleted = frozenset(patient for patient, last in patients.items() if last == "delete")
    named = frozenset(national_id for national_id in national_ids if isinstance(national_id, str))
    return PatientChanges(now, None, frozenset(patients), deleted, named)
