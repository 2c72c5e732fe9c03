"""The documents of pages, out of a passport.

What belongs here: reading users, hospitals and records for the model of the pages. What does not: what a page makes of
them (history, other_pages), writing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

_READ = (
    "patientId",
    "type",
    "data",
    "createdBy",
    "createdAt",
    "openmrsData",
    "source.hospital",
    "source.concept",
    "source.rowId",
)
_TITLE = re.compile(r"^(?:\w{2,}\. )+")


@dataclass(frozen=True)
class Accounts:
    """Who may stand on a card: clinicians' names without title by user id (as text), hospitals' names by key."""

    clinicians: Mapping[str, str]
    hospitals: Mapping[str, str]


def by_patient(database: Database[dict[str, Any]], patient_id: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """The records of each patient, or of this one, by patientId, in MongoDB's order and without most of `source`."""
    records: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    wanted = {"patientId": patient_id} if patient_id else {}
    for record in database["medicalrecords"].find(wanted, dict.fromkeys(_READ, 1)):
        records[record["patientId"]].append(record)
    return dict(records)


def accounts_of(database: Database[dict[str, Any]]) -> Accounts:
    """The clinicians and hospitals of a passport."""
    users = database["users"].find({"role": "doctor"}, {"name": 1})
    hospitals = database["hospitals"].find(
        {"openmrsHospitalKey": {"$exists": True}}, {"name": 1, "openmrsHospitalKey": 1}
    )
    return Accounts(
        {str(user["_id"]): _TITLE.sub("", user["name"]) for user in users},
        {hospital["openmrsHospitalKey"]: hospital["name"] for hospital in hospitals},
    )


def most_travelled_patient(database: Database[dict[str, Any]]) -> str | None:
    """The patientId with records of the most hospitals, then of the most types, then the fewest; None in an empty
    passport.
    """
    group: dict[str, Any] = {
        "_id": "$patientId",
        "hospitals": {"$addToSet": "$source.hospital"},
        "types": {"$addToSet": "$type"},
        "records": {"$sum": 1},
    }
    numbers: dict[str, Any] = {"hospitals": {"$size": "$hospitals"}, "types": {"$size": "$types"}, "records": 1}
    order = {"hospitals": -1, "types": -1, "records": 1, "_id": 1}
    pipeline: list[dict[str, Any]] = [{"$group": group}, {"$project": numbers}, {"$sort": order}, {"$limit": 1}]
    patient = next(iter(database["medicalrecords"].aggregate(pipeline)), None)
    return str(patient["_id"]) if patient else None
