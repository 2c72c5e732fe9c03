"""Patients' lists of records, held against the records: what the lists lack, and what they should not name.

What belongs here: comparing, having runs look at days again, and taking a day's records out of lists in which they do
not belong. What does not: listing records, and taking them out as they leave (patients, storing, retracting).

Lists and records come apart only by hands other than the pipeline's: a patient who was restored from a dump, or
replaced by an older copy. A list may name just those of the pipeline's records (they have a `source`) that are its
patient's and of its type. Of what else it names the pipeline does not judge: records of the application's own, and
ids that neither a record nor a retracted one has, since nobody can tell whose they are.

MongoDB compares, so that no more than the ids of what is wrong leaves it: a million records take some seconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bson import ObjectId

from passport_pipeline.passport.days import leases
from passport_pipeline.passport.days.dirty import MISLISTED, UNLISTED, mark
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import ARRAYS, PATIENTS, RECORDS, RETRACTED
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.run import Run

CHUNK = 10_000

Days = Counter[tuple[str, str]]


@dataclass(frozen=True)
class ListFaults:
    """What is wrong with lists, as numbers of records by hospital and day (ISO date) of the record.

    missing  records that are there, and that their patient's list lacks
    extra    records that a list names in which they do not belong: retracted, another patient's, or of another type
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


@answering("comparing patients' lists with their records")
def misplaced(passport: Passport) -> Days:
    """The records of all hospitals that any list names in which they do not belong. Raises PassportError."""
    return _extra(passport, {})


@answering("comparing patients' lists with a hospital's records")
def faults_of_hospital(passport: Passport, hospital_key: str, extra: Days | None = None) -> ListFaults:
    """What is wrong with all patients' lists, as far as this hospital's records go; `extra` is what is `misplaced`,
    where somebody has looked already, for several hospitals at once. Raises PassportError.
    """
    extra = misplaced(passport) if extra is None else extra
    of_hospital = Counter({day: records for day, records in extra.items() if day[0] == hospital_key})
    return ListFaults(_missing(passport, {"source.hospital": hospital_key}), of_hospital)


@answering("comparing patients' lists with their records")
def faults_of_patients(passport: Passport, patient_ids: Iterable[str]) -> ListFaults:
    """What is wrong with the lists of these patients (24 hex digits), whatever hospital. Raises PassportError."""
    missing, extra = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for some in bulk.chunks(sorted(set(patient_ids)), CHUNK):
        missing += _missing(passport, {"patientId": {"$in": some}, "source.hospital": {"$exists": True}})
        extra += _extra(passport, {"_id": {"$in": bulk.object_ids(some)}})
    return ListFaults(missing, extra)


@answering("marking the days of records that lists lack")
def have_mended(passport: Passport, faults: ListFaults) -> None:
    """Leave a mark on these days, so that sensors ask for their windows and the next run of each mends the lists.
    Raises PassportError.
    """
    for days, name in ((faults.missing, UNLISTED), (faults.extra, MISLISTED)):
        for some in bulk.chunks(sorted(days), CHUNK):
            mark(passport, some, name)


def have_hospital_mended(passport: Passport, hospital_key: str, extra: Days) -> None:
    """Look for what is wrong with lists as far as this hospital's records go, and leave a mark on these days; `extra`
    is what is `misplaced`. Windows that a run is at are left to it, since it stores records first, then lists them.
    Raises PassportError.
    """
    busy = leases.held(passport, hospital_key)
    found = faults_of_hospital(passport, hospital_key, extra)
    if found:
        busy |= leases.held(passport, hospital_key)
        have_mended(passport, found.of([day for day in found.days if day[1][:7] not in busy]))


def take_out(run: Run, day: str) -> None:
    """Take a day's records, and those that were retracted of it, out of every list in which they do not belong."""
    for source, records in ((RECORDS, "source."), (RETRACTED, "")):
        of_day = {f"{records}hospital": run.hospital.key, f"{records}day": day}
        ids = [one["_id"] for one in run.passport[source].find(of_day, {"_id": 1}, batch_size=CHUNK)]
        for some in bulk.chunks(ids, CHUNK):
            named = patients.naming(run.passport, some)
            # Read after the lists: a reference is taken away before its record changes, and added after.
            held = run.passport[RECORDS].find({"_id": {"$in": some}}, {"patientId": 1, "type": 1}, batch_size=CHUNK)
            right = {patients.Reference.to(one) for one in held}
            patients.remove(run.passport, [one for one in named if one not in right], run.now)


def _missing(passport: Passport, records: Document) -> Days:
    """The records, out of these, that their patients' lists lack; patients who are gone lack nothing."""
    lacking = [
        {"$setDifference": [{"$ifNull": [{"$first": f"$own.{array}"}, []]}, patients.a_list(f"patient.{array}")]}
        for array in ARRAYS.values()
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
    lacked = passport[RECORDS].aggregate(pipeline, allowDiskUse=True)
    for ids in bulk.chunks(chain.from_iterable(patient["lacking"] for patient in lacked), CHUNK):
        found += _days(passport, ids)
    return found


def _days(passport: Passport, ids: Collection[ObjectId]) -> Days:
    records = passport[RECORDS].find({"_id": {"$in": ids}}, {"source.hospital": 1, "source.day": 1}, batch_size=CHUNK)
    return Counter((record["source"]["hospital"], record["source"]["day"]) for record in records)


def _extra(passport: Passport, chosen: Document) -> Days:
    """The records, by their day, that the lists of these patients name although they do not belong there."""
    lists = {kind: patients.a_list(array) for kind, array in ARRAYS.items()}
    own = {
        kind: {
            "$map": {
                "input": {"$filter": {"input": "$own", "cond": {"$eq": ["$$this.type", kind]}}},
                "in": "$$this._id",
            }
        }
        for kind in ARRAYS
    }
    others = [{"$setDifference": [lists[kind], own[kind]]} for kind in ARRAYS]
    pipeline: list[Document] = [
        {"$match": chosen},
        {"$project": dict.fromkeys(ARRAYS.values(), 1) | {"id": {"$toString": "$_id"}}},
        {
            "$lookup": {
                "from": RECORDS, "localField": "id", "foreignField": "patientId",
                "pipeline": [{"$project": {"type": 1}}], "as": "own",
            }
        },
        {"$project": {"_id": 0, "others": {"$concatArrays": others}}},
        {"$match": {"others": {"$ne": []}}},
    ]  # fmt: skip
    found: Days = Counter()
    named = passport[PATIENTS].aggregate(pipeline, allowDiskUse=True)
    for ids in bulk.chunks(chain.from_iterable(patient["others"] for patient in named), CHUNK):
        found += _days_of_listed(passport, ids)
    return found


def _days_of_listed(passport: Passport, ids: Sequence[ObjectId]) -> Days:
    """The days of the pipeline's records and of retracted ones among these ids, each as often as it is named."""
    times, distinct = Counter(ids), list(set(ids))
    days = {"source.hospital": 1, "source.day": 1}
    held = {one["_id"]: one.get("source") for one in passport[RECORDS].find({"_id": {"$in": distinct}}, days)}
    gone = {"_id": {"$in": [one for one in distinct if one not in held]}}
    retracted = {one["_id"]: one for one in passport[RETRACTED].find(gone, {"hospital": 1, "day": 1})}
    found: Days = Counter()
    for record, source in (held | retracted).items():
        if source:
            found[source["hospital"], source["day"]] += times[record]
    return found


def _patient(field_of_id: str) -> Document:
    """The stage that reads a patient's lists, and nothing else of a patient."""
    lists = [{"$project": dict.fromkeys(ARRAYS.values(), 1)}]
    return {
        "$lookup": {
            "from": PATIENTS, "localField": field_of_id, "foreignField": "_id", "pipeline": lists, "as": "patient"
        }
    }  # fmt: skip
