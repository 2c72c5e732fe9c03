"""Patients' lists of records, held against the records: what the lists lack, and what they should no longer name.

What belongs here: comparing, by day, and having runs look at days again. What does not: changing a list, which only a
run of the day does (patients, storing, retracting).

Lists and records come apart only by hands other than the pipeline's: a patient who was restored from a dump, or
replaced by an older copy. MongoDB compares, so that no more than the ids of what is lacking leaves it: a million
records take some seconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bson import ObjectId

from passport_pipeline.passport import bulk
from passport_pipeline.passport.collections import ARRAYS, PATIENTS, RECORDS, RETRACTED
from passport_pipeline.passport.database import Document, Passport, answering
from passport_pipeline.passport.marks import UNLISTED, mark

CHUNK = 10_000

Days = Counter[tuple[str, str]]


@dataclass(frozen=True)
class ListFaults:
    """What is wrong with lists, as numbers of records by hospital and day (ISO date) of the record.

    missing  records that are there, and that their patient's list lacks
    extra    records that were retracted, and that their patient's list names
    """

    missing: Days = field(default_factory=Counter)
    extra: Days = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)

    @property
    def days(self) -> set[tuple[str, str]]:
        """The hospitals and days whose records it concerns."""
        return {*self.missing, *self.extra}

    def by_month(self) -> dict[str, tuple[int, int]]:
        """How many are missing and how many extra, by month (`YYYY-MM`) of the record, oldest first."""
        months: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for which, counts in enumerate((self.missing, self.extra)):
            for (_, day), n in counts.items():
                months[day[:7]][which] += n
        return {month: (missing, extra) for month, (missing, extra) in sorted(months.items())}

    def to_json(self) -> list[dict[str, Any]]:
        """As `passport-pipeline verify --lists --json` prints it."""
        return [{"month": month, "missing": n, "extra": m} for month, (n, m) in self.by_month().items()]

    def of(self, days: Collection[tuple[str, str]]) -> ListFaults:
        """What is wrong on these days alone."""
        return ListFaults(
            Counter({day: n for day, n in self.missing.items() if day in days}),
            Counter({day: n for day, n in self.extra.items() if day in days}),
        )


@answering("comparing patients' lists with a hospital's records")
def faults_of_hospital(passport: Passport, hospital_key: str) -> ListFaults:
    """What is wrong with the lists of a hospital's patients, as far as its records go. Raises PassportError."""
    return ListFaults(
        _missing(passport, {"source.hospital": hospital_key}), _extra(passport, {"hospital": hospital_key})
    )


@answering("comparing patients' lists with their records")
def faults_of_patients(passport: Passport, patient_ids: Iterable[str]) -> ListFaults:
    """What is wrong with the lists of these patients (24 hex digits), whatever hospital. Raises PassportError."""
    missing, extra = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for some in bulk.chunks(sorted(set(patient_ids)), CHUNK):
        missing += _missing(passport, {"patientId": {"$in": some}, "source.hospital": {"$exists": True}})
        named = passport[PATIENTS].find({"_id": {"$in": bulk.object_ids(some)}}, dict.fromkeys(ARRAYS.values(), 1))
        listed = chain.from_iterable(patient.get(array) or () for patient in named for array in ARRAYS.values())
        for ids in bulk.chunks(listed, CHUNK):
            extra += _extra(passport, {"_id": {"$in": ids}})
    return ListFaults(missing, extra)


@answering("marking the days of records that lists lack")
def have_mended(passport: Passport, faults: ListFaults) -> None:
    """Leave a mark on these days, so that sensors ask for their windows and the next run of each mends the lists.
    Raises PassportError.
    """
    for some in bulk.chunks(sorted(faults.days), CHUNK):
        mark(passport, some, UNLISTED)


def _missing(passport: Passport, records: Document) -> Days:
    """The records, out of these, that their patients' lists lack; patients who are gone lack nothing."""
    lacking = [
        {"$setDifference": [{"$ifNull": [{"$first": f"$own.{array}"}, []]}, _array(array)]} for array in ARRAYS.values()
    ]
    pipeline: list[Document] = [
        {"$match": records | {"type": {"$in": list(ARRAYS)}}},
        {"$group": {"_id": {"patient": "$patientId", "type": "$type"}, "ids": {"$push": "$_id"}}},
        {
            "$group": {
                "_id": {"$toObjectId": "$_id.patient"},
                **{
                    array: {"$push": {"$cond": [{"$eq": ["$_id.type", kind]}, "$ids", "$$REMOVE"]}}
                    for kind, array in ARRAYS.items()
                },
            }
        },
        {"$project": {"own": {array: f"${array}" for array in ARRAYS.values()}}},
        _patient("_id"),
        {"$unwind": "$patient"},
        {"$project": {"_id": 0, "lacking": {"$concatArrays": lacking}}},
        {"$match": {"lacking": {"$ne": []}}},
    ]
    found: Days = Counter()
    patients = passport[RECORDS].aggregate(pipeline, allowDiskUse=True)
    for ids in bulk.chunks(chain.from_iterable(patient["lacking"] for patient in patients), CHUNK):
        found += _days(passport, ids)
    return found


def _days(passport: Passport, ids: Collection[ObjectId]) -> Days:
    records = passport[RECORDS].find({"_id": {"$in": ids}}, {"source.hospital": 1, "source.day": 1}, batch_size=CHUNK)
    return Counter((record["source"]["hospital"], record["source"]["day"]) for record in records)


def _extra(passport: Passport, retracted: Document) -> Days:
    """The retracted records, out of these, that are not back and that their patients' lists name."""
    pipeline: list[Document] = [
        {"$match": retracted},
        {"$project": {"hospital": 1, "day": 1, "of": {"$toObjectId": "$document.patientId"}}},
        _patient("of"),
        {"$unwind": "$patient"},
        {"$match": {"$expr": {"$in": ["$_id", {"$concatArrays": [_array(array) for array in ARRAYS.values()]}]}}},
        {"$lookup": {"from": RECORDS, "localField": "_id", "foreignField": "_id", "as": "back"}},
        {"$match": {"back": []}},
        {"$group": {"_id": {"hospital": "$hospital", "day": "$day"}, "records": {"$sum": 1}}},
    ]
    found = passport[RETRACTED].aggregate(pipeline, allowDiskUse=True)
    return Counter({(one["_id"]["hospital"], one["_id"]["day"]): one["records"] for one in found})


def _patient(field_of_id: str) -> Document:
    """The stage that reads a patient's lists, and nothing else of a patient."""
    lists = [{"$project": dict.fromkeys(ARRAYS.values(), 1)}]
    return {
        "$lookup": {
            "from": PATIENTS, "localField": field_of_id, "foreignField": "_id", "pipeline": lists, "as": "patient"
        }
    }  # fmt: skip


def _array(name: str) -> Document:
    """A patient's list, which other hands may have left without."""
    return {"$cond": [{"$isArray": f"$patient.{name}"}, f"$patient.{name}", []]}
