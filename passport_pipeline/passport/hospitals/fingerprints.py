"""Whose database is whose: the fingerprints of all hospitals' databases, in sourcehospitals.

A fingerprint is the uuids of the newest observations that a database held when its hospital was first admitted. A
unique index on them sees to it that no two hospitals have one in common, however many runs race.

What belongs here: keeping them apart. What does not: reading a database (openmrs.lineage), what follows
(windows.admission).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pymongo import errors as mongo

from passport_pipeline.passport.hospitals.state import HospitalState, first_seen, same_lineage
from passport_pipeline.passport.mongo.collections import RECORDS, SOURCE_HOSPITALS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

ENOUGH = 3
"""Records of the same observations that tell two hospitals' databases for one."""


@answering("looking whose database it is")
def showing(passport: Passport, uuids: Sequence[str], keys: Iterable[str] | None = None) -> list[str]:
    """Those of the hospitals (None: of all that have records) under whose key records of these observations are shown:
    of three of them, or of all where they are fewer. Raises PassportError.
    """
    found = []
    for key in sorted(passport[RECORDS].distinct("source.hospital") if keys is None else keys):
        wanted = {"source.hospital": key, "source.obsUuid": {"$in": list(uuids)}}
        if passport[RECORDS].count_documents(wanted, limit=ENOUGH) >= min(ENOUGH, len(uuids)):
            found.append(key)
    return found


@answering("keeping the fingerprint of a hospital's database")
def claim(passport: Passport, seen: HospitalState, uuids: Sequence[str], lineage: Document) -> str | None:
    """Keep the fingerprint, and the lineage where none is kept. Where another hospital has a part of it, nothing is
    kept and that hospital's key is given; where an operator has decided so, it is taken from that hospital instead.

    Where somebody else has read or changed the lineage since `seen`, the next run does it. Raises PassportError.
    """
    hospitals = passport[SOURCE_HOSPITALS]
    hospitals.update_one({"_id": seen.key}, {"$setOnInsert": first_seen(passport.now())}, upsert=True)
    others = {"_id": {"$ne": seen.key}, "fingerprint": {"$in": list(uuids)}}
    if seen.takes_database:
        hospitals.update_many(others, {"$unset": {"fingerprint": "", "lineage": ""}})
    kept: Document = {"fingerprint": list(uuids)} | ({} if seen.lineage else {"lineage": lineage})
    change = {"$set": kept, "$unset": {"takesDatabase": ""}}
    try:
        hospitals.update_one({"_id": seen.key} | same_lineage(seen), change)
    except mongo.DuplicateKeyError:
        owner = hospitals.find_one(others, {"_id": 1})
        return str(owner["_id"]) if owner else claim(passport, seen, uuids, lineage)
    return None
