"""Patients' lists of records, compared with the records: what the lists lack, and what they should not name.

What belongs here: comparing, marking days dirty whose lists are wrong, and taking a day's records out of lists in which
they do not belong. What does not: listing records, and taking them out as they leave (patients, reconcile).

Lists and records differ only where something else than the pipeline changed them: a patient who was restored from a
dump, or replaced by an older copy. Of the pipeline's records (they have a `source`) a list may name only those that are
its patient's and of its type. The pipeline does not judge what else it names: records of the application's own, and ids
that neither a record nor a retracted one has, since their origin is unknown.

MongoDB compares, so that only the ids of what is wrong leave it: a million records take some seconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bson import ObjectId

from passport_pipeline.passport.days import leases
from passport_pipeline.passport.days.dirty import MISLISTED, UNLISTED, UNSTATED, mark_dirty
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import ARRAYS, PATIENTS, RECORDS, RETRACTED
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.patients import allergies, patients
from passport_pipeline.passport.run import Run

IDS_PER_QUERY = 10_000

Days = Counter[tuple[str, str]]


@dataclass(frozen=True)
class ListFaults:
    """What is wrong with lists, as numbers of records by hospital and day (ISO date) of the record.

    missing  records that exist, and that their patient's list lacks
    extra    records that a list names in which they do not belong: retracted, another patient's, or of another type

    `allergies` are numbers of patients, by hospital and day, whose entries of allergies are not those of the day.
    """

    missing: Days = field(default_factory=Counter)
    extra: Days = field(default_factory=Counter)
    allergies: Days = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.days)

    @property
    def counts(self) -> tuple[Days, Days, Days]:
        """What is missing, what is extra, and the allergies."""
        return self.missing, self.extra, self.allergies

    @property
    def days(self) -> set[tuple[str, str]]:
        """The hospitals and days whose records it concerns."""
        return {*self.missing, *self.extra, *self.allergies}

    def by_month(self) -> dict[str, tuple[int, int, int]]:
        """How many are missing, how many extra, and how many patients' allergies are wrong, by month (`YYYY-MM`) of the
        record, oldest first.
        """
        months: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for which, counts in enumerate(self.counts):
            for (_, day), number in counts.items():
                months[day[:7]][which] += number
        return {month: (missing, extra, wrong) for month, (missing, extra, wrong) in sorted(months.items())}

    def to_json(self) -> list[dict[str, Any]]:
        """As `passport-pipeline verify --lists --json` prints it."""
        return [
            {"month": month, "missing": missing, "extra": extra, "allergies": wrong}
            for month, (missing, extra, wrong) in self.by_month().items()
        ]

    def of(self, days: Collection[tuple[str, str]]) -> ListFaults:
        """What is wrong on these days alone."""
        return ListFaults(
            *(Counter({day: number for day, number in counts.items() if day in days}) for counts in self.counts)
        )


@answering("comparing patients' lists with their records")
def misplaced(passport: Passport) -> Days:
    """The records of all hospitals that any list names in which they do not belong. Raises PassportError."""
    return _extra(passport, {})


@answering("comparing patients' lists with a hospital's records")
def faults_of_hospital(passport: Passport, hospital_key: str, extra: Days | None = None) -> ListFaults:
    """What is wrong with all patients' lists, as far as this hospital's records go; `extra` is what `misplaced`
    returned, if it was called for several hospitals at once. Raises PassportError.
    """
    extra = misplaced(passport) if extra is None else extra
    of_hospital = Counter({day: records for day, records in extra.items() if day[0] == hospital_key})
    missing = _missing(passport, {"source.hospital": hospital_key})
    return ListFaults(missing, of_hospital, allergies.faulty_days(passport, hospital_key=hospital_key))


@answering("comparing patients' lists with their records")
def faults_of_patients(passport: Passport, patient_ids: Iterable[str]) -> ListFaults:
    """What is wrong with the lists of these patients (24 hex digits), for all hospitals. Raises PassportError."""
    missing, extra = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    chosen = sorted(set(patient_ids))
    for ids in bulk.chunks(chosen, IDS_PER_QUERY):
        missing += _missing(passport, {"patientId": {"$in": ids}, "source.hospital": {"$exists": True}})
        extra += _extra(passport, {"_id": {"$in": bulk.object_ids(ids)}})
    return ListFaults(missing, extra, allergies.faulty_days(passport, patient_ids=chosen))


@answering("marking the days of records that lists lack")
def mark_faulty(passport: Passport, faults: ListFaults) -> None:
    """Mark these days dirty, so that sensors request their windows and the next run of each mends the lists. Raises
    PassportError.
    """
    for days, name in zip(faults.counts, (UNLISTED, MISLISTED, UNSTATED), strict=True):
        for chunk in bulk.chunks(sorted(days), IDS_PER_QUERY):
            mark_dirty(passport, chunk, name)


def mark_faulty_of_hospital(passport: Passport, hospital_key: str, extra: Days) -> None:
    """Mark the days dirty of this hospital's records with which lists are wrong; `extra` is what `misplaced` returned.
    Windows that a run works on are left to it, since it stores records first, then lists them. Raises PassportError.
    """
    busy = leases.held(passport, hospital_key)
    faults = faults_of_hospital(passport, hospital_key, extra)
    if faults:
        busy |= leases.held(passport, hospital_key)
        mark_faulty(passport, faults.of([day for day in faults.days if day[1][:7] not in busy]))


def take_out(run: Run, day: str) -> None:
    """Take a day's (ISO) records, also retracted ones, out of every list in which they do not belong."""
    for source, records in ((RECORDS, "source."), (RETRACTED, "")):
        of_day = {f"{records}hospital": run.hospital.key, f"{records}day": day}
        documents = run.passport[source].find(of_day, {"_id": 1}, batch_size=IDS_PER_QUERY)
        for ids in bulk.chunks([document["_id"] for document in documents], IDS_PER_QUERY):
            references = patients.naming(run.passport, ids)
            # Read after the lists: a reference is removed before its record changes, and added after.
            query, fields = {"_id": {"$in": ids}}, {"patientId": 1, "type": 1}
            held = run.passport[RECORDS].find(query, fields, batch_size=IDS_PER_QUERY)
            right = {patients.Reference.to(record) for record in held}
            wrong = [reference for reference in references if reference not in right]
            patients.remove(run.passport, wrong, run.now)


def _missing(passport: Passport, records: Document) -> Days:
    """The records, out of these, that their patients' lists lack; patients who are gone lack nothing."""
    lacking = [
        {"$setDifference": [{"$ifNull": [{"$first": f"$own.{array}"}, []]}, patients.a_list(f"patient.{array}")]}
        for array in ARRAYS.values()
    ]
    lists = [{"$project": dict.fromkeys(ARRAYS.values(), 1)}]  # nothing else of a patient is read
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
        {"$lookup": {"from": PATIENTS, "localField": "_id", "foreignField": "_id", "pipeline": lists, "as": "patient"}},
        {"$unwind": "$patient"},
        {"$project": {"_id": 0, "lacking": {"$concatArrays": lacking}}},
        {"$match": {"lacking": {"$ne": []}}},
    ]
    days: Days = Counter()
    incomplete = passport[RECORDS].aggregate(pipeline, allowDiskUse=True)
    for ids in bulk.chunks(chain.from_iterable(patient["lacking"] for patient in incomplete), IDS_PER_QUERY):
        days += _days(passport, ids)
    return days


def _days(passport: Passport, ids: Collection[ObjectId]) -> Days:
    query, fields = {"_id": {"$in": ids}}, {"source.hospital": 1, "source.day": 1}
    records = passport[RECORDS].find(query, fields, batch_size=IDS_PER_QUERY)
    return Counter((record["source"]["hospital"], record["source"]["day"]) for record in records)


def _extra(passport: Passport, chosen: Document) -> Days:
    """The records, by their day, that the lists of these patients name although they do not belong in them."""
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
    days: Days = Counter()
    with_others = passport[PATIENTS].aggregate(pipeline, allowDiskUse=True)
    for ids in bulk.chunks(chain.from_iterable(patient["others"] for patient in with_others), IDS_PER_QUERY):
        days += _days_of_listed(passport, ids)
    return days


def _days_of_listed(passport: Passport, ids: Sequence[ObjectId]) -> Days:
    """The days of the pipeline's records and of retracted ones among these ids, each as often as it is named."""
    times = Counter(ids)
    fields = {"source.hospital": 1, "source.day": 1}
    records = passport[RECORDS].find({"_id": {"$in": list(times)}}, fields)
    sources = {record["_id"]: record.get("source") for record in records}
    gone = {"_id": {"$in": [key for key in times if key not in sources]}}
    sources |= {copy["_id"]: copy for copy in passport[RETRACTED].find(gone, {"hospital": 1, "day": 1})}
    days: Days = Counter()
    for key, source in sources.items():
        if source:
            days[source["hospital"], source["day"]] += times[key]
    return days
