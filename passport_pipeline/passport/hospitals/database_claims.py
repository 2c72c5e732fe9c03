"""Which hospital a database belongs to: the fingerprints of all hospitals' databases, in sourcehospitals.

A fingerprint is the uuids of the newest observations that a database held when its hospital was first admitted. A
unique index on them ensures that no two hospitals have one in common, however many runs race.

What belongs here: claiming a database for a hospital. What does not: reading a database (sources), what follows
(windows.restore_check).
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import errors as mongo

from passport_pipeline.passport.hospitals.state import HospitalState, first_seen, same_lineage
from passport_pipeline.passport.mongo.collections import RECORDS, SOURCE_HOSPITALS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

ENOUGH = 3
"""If two hospitals have this many records of the same observations, their databases are the same."""


@answering("looking for the hospital of a database")
def hospitals_with_records_of(passport: Passport, uuids: Sequence[str]) -> list[str]:
    """The hospitals that have records of these observations: of three of them, or of all where they are fewer. Raises
    PassportError.
    """
    hospitals = []
    for key in sorted(passport[RECORDS].distinct("source.hospital")):
        query = {"source.hospital": key, "source.rowUuid": {"$in": list(uuids)}}
        if passport[RECORDS].count_documents(query, limit=ENOUGH) >= min(ENOUGH, len(uuids)):
            hospitals.append(key)
    return hospitals


@answering("storing the fingerprint of a hospital's database")
def claim(passport: Passport, read: HospitalState, uuids: Sequence[str], lineage: Document) -> str | None:
    """Store the fingerprint, and the lineage where none is stored. Where another hospital has a part of it, nothing is
    stored and that hospital's key is returned; where an operator has decided so, it is taken from that hospital.

    Where the lineage was changed since the hospital's state was `read`, the next run stores both. Raises PassportError.
    """
    hospitals = passport[SOURCE_HOSPITALS]
    hospitals.update_one({"_id": read.key}, {"$setOnInsert": first_seen(passport.now())}, upsert=True)
    others = {"_id": {"$ne": read.key}, "fingerprint": {"$in": list(uuids)}}
    if read.takes_database:
        hospitals.update_many(others, {"$unset": {"fingerprint": "", "lineage": ""}})
    fields: Document = {"fingerprint": list(uuids)} | ({} if read.lineage else {"lineage": lineage})
    change = {"$set": fields, "$unset": {"takesDatabase": ""}}
    try:
        hospitals.update_one({"_id": read.key} | same_lineage(read), change)
    except mongo.DuplicateKeyError:
        owner = hospitals.find_one(others, {"_id": 1})
        return str(owner["_id"]) if owner else claim(passport, read, uuids, lineage)
    return None
