"""Patients who were registered, corrected or deleted in the passport since the last look.

What belongs here: following the change stream of `patients` from one look to the next, the hospitals that changed
patients have records of, and the days that are to be looked at again because of their lists. What does not: which
windows that concerns (windows.staleness), comparing lists (lists), when to look (automation).

Only a replica set's own stream will do: one server's is none, and through a sharded cluster an event may come to
light later than one that happened after it.

A look ends where MongoDB stood when it began, and that is what its token says. An event's own token would not do: it
holds the patient's id, and what is handed out here is kept where no patient's data may be.
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
from passport_pipeline.passport.patients.record_lists import faults_of_patients, have_mended

AWAIT_MS = 50
PATIENCE = 5
"""Seconds after which MongoDB is not asked on, where it has to search a long history for one event."""

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
    """Who changed since a look.

    token         where the next look goes on; None where MongoDB offers no change stream
    unknown       why anybody may have changed, where that cannot be told; else None, and the rest is complete
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
    """Who changed since the look that gave `token` (None: there was none), read within about `seconds`.

    Where that takes longer, or MongoDB's history does not reach back so far, anybody may have changed. Raises
    PassportError.
    """
    now = _now(passport)
    if now is None:
        return PatientChanges(None, "MongoDB offers no change stream")
    if token is None:
        return PatientChanges(now, "this is the first look")
    try:
        return _of(_events(passport, token, seconds), now)
    except _Unknown as unknown:
        return PatientChanges(now, str(unknown))


def have_lists_mended(passport: Passport, changes: PatientChanges) -> None:
    """Mark the days of records that the lists of patients who changed lack, or should no longer name: of one who was
    restored from a dump, or replaced by an older copy. Raises PassportError.
    """
    have_mended(passport, faults_of_patients(passport, changes.patients - changes.deleted))


@answering("looking up the hospitals of changed patients")
def hospitals_of(passport: Passport, changes: PatientChanges) -> set[str] | None:
    """The hospitals that the patients who changed have records of. None, for any, where it is unknown who changed, and
    where somebody was deleted whose records are gone too. Raises PassportError.
    """
    if changes.unknown:
        return None
    if not changes.patients:
        return set()
    pairs: list[Document] = [
        {"$match": {"patientId": {"$in": sorted(changes.patients)}, "source.hospital": {"$exists": True}}},
        {"$group": {"_id": {"patient": "$patientId", "hospital": "$source.hospital"}}},
    ]
    found = [pair["_id"] for pair in passport[RECORDS].aggregate(pairs)]
    if changes.deleted - {pair["patient"] for pair in found}:
        return None
    return {pair["hospital"] for pair in found}


class _Unknown(Exception):  # noqa: N818 - no error: everything is looked at instead
    """Why it cannot be told who changed."""


def _events(passport: Passport, token: str, seconds: float) -> list[Document]:
    deadline = time.monotonic() + seconds
    events: list[Document] = []
    try:
        with pymongo.timeout(PATIENCE), _stream(passport, token) as stream:
            while (event := stream.try_next()) is not None:
                events.append(event)
                if time.monotonic() > deadline:
                    raise _Unknown("there were too many changes for one look")
            if not stream.alive:
                raise _Unknown("the collection was replaced")
    except mongo.OperationFailure as error:
        if MONGODB.find(error):
            raise
        raise _Unknown(f"MongoDB's history does not reach back to the last look (error {error.code})") from None
    except mongo.PyMongoError as error:
        if not error.timeout:
            raise
        raise _Unknown("MongoDB took too long over its history") from None
    return events


def _now(passport: Passport) -> str | None:
    """Where a look that begins now will go on; None where there is no change stream."""
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
    named = frozenset(each for each in national_ids if isinstance(each, str))
    return PatientChanges(now, None, frozenset(patients), deleted, named)
