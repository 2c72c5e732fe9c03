"""One patient's records in the order of time, as a reader of the passport sees them.

What belongs here: reading the passport for people to look at. What does not: writing it.
"""

from __future__ import annotations

from dataclasses import dataclass

from passport_pipeline.passport.mongo.database import Passport, answering

DATE_FIELDS = {
    "condition": "diagnosed",
    "medication": "startDate",
    "test": "testDate",
    "visit": "visitDate",
    "image": "date",
}
SHOWN_FIELDS = {
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


def most_travelled_patient(passport: Passport) -> str | None:
    """The patientId with records of the most hospitals, then of the most types; None in an empty passport."""
    with answering("looking for a patient to show"):
        found = list(
            passport.db["medicalrecords"].aggregate(
                [
                    {
                        "$group": {
                            "_id": "$patientId",
                            "hospitals": {"$addToSet": "$source.hospital"},
                            "types": {"$addToSet": "$type"},
                            "records": {"$sum": 1},
                        }
                    },
                    {
                        "$project": {
                            "hospitals": {"$size": "$hospitals"},
                            "types": {"$size": "$types"},
                            "records": 1,
                        }
                    },
                    {"$sort": {"hospitals": -1, "types": -1, "records": 1, "_id": 1}},
                    {"$limit": 1},
                ]
            )
        )
    return str(found[0]["_id"]) if found else None


def timeline(passport: Passport, patient_id: str, *, limit: int | None = None) -> list[Entry]:
    """A patient's records, oldest first; with a limit, that many spread evenly over the whole time."""
    with answering("reading a patient's records"):
        records = list(passport.db["medicalrecords"].find({"patientId": patient_id}))
        names = {str(user["_id"]): user["name"] for user in passport.db["users"].find({}, {"name": 1})}
        hospitals = {
            document["openmrsHospitalKey"]: document["name"]
            for document in passport.db["hospitals"].find({"openmrsHospitalKey": {"$exists": True}})
        }
    entries = sorted(
        (
            Entry(
                when=str(record["data"].get(DATE_FIELDS[record["type"]], "")),
                hospital=hospitals.get(record["source"]["hospital"], record["source"]["hospital"]),
                type=record["type"],
                text=": ".join(str(record["data"][f]) for f in SHOWN_FIELDS[record["type"]] if record["data"].get(f)),
                clinician=names.get(record["createdBy"], ""),
            )
            for record in records
        ),
        key=lambda entry: entry.when,
    )
    if limit is None or len(entries) <= limit:
        return entries
    return [entries[index * (len(entries) - 1) // (limit - 1)] for index in range(limit)]
