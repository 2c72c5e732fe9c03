"""One patient's records in the order of time, as a reader of the passport sees them.

What belongs here: reading the passport to display it. What does not: writing it.
"""

from __future__ import annotations

from dataclasses import dataclass

from passport_pipeline.passport.mongo.collections import HOSPITALS, RECORDS, USERS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

DATE_FIELDS = {
    "condition": "diagnosed",
    "medication": "startDate",
    "test": "testDate",
    "visit": "visitDate",
    "image": "date",
}
TEXT_FIELDS = {
    "condition": ("name", "details"),
    "medication": ("medicationName", "dosage"),
    "test": ("testName", "result"),
    "visit": ("reason",),
    "image": ("name", "details"),
}


@dataclass(frozen=True)
class Entry:
    """One record: when (hospital-local, ISO), where, of which type, what, and by whom."""

    when: str
    hospital: str
    type: str
    text: str
    clinician: str


@answering("looking for a patient to show")
def most_travelled_patient(passport: Passport) -> str | None:
    """The patientId with records of the most hospitals, then of the most types; None in an empty passport. Raises
    PassportError.
    """
    by_patient = {
        "_id": "$patientId",
        "hospitals": {"$addToSet": "$source.hospital"},
        "types": {"$addToSet": "$type"},
        "records": {"$sum": 1},
    }
    numbers: Document = {"hospitals": {"$size": "$hospitals"}, "types": {"$size": "$types"}, "records": 1}
    order = {"hospitals": -1, "types": -1, "records": 1, "_id": 1}
    pipeline: list[Document] = [{"$group": by_patient}, {"$project": numbers}, {"$sort": order}, {"$limit": 1}]
    patient = next(iter(passport[RECORDS].aggregate(pipeline)), None)
    return str(patient["_id"]) if patient else None


@answering("reading a patient's records")
def timeline(passport: Passport, patient_id: str, *, limit: int | None = None) -> list[Entry]:
    """A patient's records, oldest first; with a limit, that many spread evenly over the whole time. Raises
    PassportError.
    """
    clinicians = {str(user["_id"]): user["name"] for user in passport[USERS].find({}, {"name": 1})}
    registered = passport[HOSPITALS].find({"openmrsHospitalKey": {"$exists": True}})
    hospitals = {hospital["openmrsHospitalKey"]: hospital["name"] for hospital in registered}
    entries = [
        _entry(record, hospitals, clinicians.get(record["createdBy"], ""))
        for record in passport[RECORDS].find({"patientId": patient_id})
    ]
    entries.sort(key=lambda entry: entry.when)
    if limit is None or len(entries) <= limit:
        return entries
    return [entries[index * (len(entries) - 1) // (limit - 1)] for index in range(limit)]


def _entry(record: Document, hospitals: dict[str, str], clinician: str) -> Entry:
    key, data = record["source"]["hospital"], record["data"]
    return Entry(
        when=str(data.get(DATE_FIELDS[record["type"]], "")),
        hospital=hospitals.get(key, key),
        type=record["type"],
        text=": ".join(str(data[name]) for name in TEXT_FIELDS[record["type"]] if data.get(name)),
        clinician=clinician,
    )
