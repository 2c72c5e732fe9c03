"""Patients of the passport: found by national id, and the four arrays of record ids that each one carries.

What belongs here: reading patients, adding references to records and taking them away. What does not:
creating or changing patients, which only the application does, or deciding who is who (identity). Arrays are
only ever changed with $addToSet and $pull, so nothing that the application does at the same time gets lost.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import ARRAYS, PATIENTS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

IDS_PER_QUERY = 20_000

log = logging.getLogger(__name__)


class Reference(NamedTuple):
    """A patient's array lists a record; which array follows from the record's type."""

    patient_id: str
    type: str
    record_id: ObjectId

    @classmethod
    def to(cls, record: Document) -> Self:
        """The reference to a record."""
        return cls(record["patientId"], record["type"], record["_id"])


@answering("looking up patients by national id")
def find_by_national_id(passport: Passport, national_ids: Sequence[str]) -> dict[str, list[str]]:
    """The patients that hold each of these (normalised) national ids: national id -> patient ids as 24 hex
    digits.

    An id that no patient holds is absent. Raises PassportError.
    """
    patients: dict[str, list[str]] = defaultdict(list)
    for ids in bulk.chunks(sorted(set(national_ids)), IDS_PER_QUERY):
        cursor = passport[PATIENTS].find(
            {"nationalId": {"$in": ids}}, {"nationalId": 1}, batch_size=IDS_PER_QUERY, sort=[("_id", 1)]
        )
        for patient in cursor:
            patients[patient["nationalId"]].append(str(patient["_id"]))
    return dict(patients)


def existing(passport: Passport, patient_ids: Iterable[str]) -> set[str]:
    """Those of these patients that (still) exist."""
    patients: set[str] = set()
    for ids in bulk.chunks(sorted(set(patient_ids)), IDS_PER_QUERY):
        query = {"_id": {"$in": bulk.object_ids(ids)}}
        cursor = passport[PATIENTS].find(query, {"_id": 1}, batch_size=IDS_PER_QUERY)
        patients.update(str(patient["_id"]) for patient in cursor)
    return patients


def missing(passport: Passport, references: Sequence[Reference]) -> list[Reference]:
    """Those of these references that the patients' arrays lack; patients that are gone lack nothing."""
    return _compared(passport, references, lambda ids, listed_ids: ids - listed_ids)


def listed(passport: Passport, references: Sequence[Reference]) -> list[Reference]:
    """Those of these references that the patients' arrays hold."""
    return _compared(passport, references, lambda ids, listed_ids: ids & listed_ids)


def naming(passport: Passport, record_ids: Collection[ObjectId]) -> list[Reference]:
    """Every reference to these records, in any list of any patient; reads the lists of all patients."""
    ids = list(record_ids)
    naming_any = {"$or": [{array: {"$in": ids}} for array in ARRAYS.values()]}
    named: Document = {array: {"$setIntersection": [a_list(array), ids]} for array in ARRAYS.values()}
    patients = passport[PATIENTS].aggregate([{"$match": naming_any}, {"$project": named}]) if ids else ()
    return [
        Reference(str(patient["_id"]), record_type, record_id)
        for patient in patients
        for record_type, array in ARRAYS.items()
        for record_id in patient[array]
    ]


def a_list(path: str) -> Document:
    """A MongoDB expression for a patient's list; empty where the field holds something else."""
    return {"$cond": [{"$isArray": f"${path}"}, f"${path}", []]}


def _compared(
    passport: Passport,
    references: Sequence[Reference],
    chosen: Callable[[set[ObjectId], set[ObjectId]], set[ObjectId]],
) -> list[Reference]:
    """Those of these references that are `chosen` from the ids in question and those in their patient's array."""
    by_patient = _by_patient(references)
    result: list[Reference] = []
    for patient_ids in bulk.chunks(sorted(by_patient), IDS_PER_QUERY):
        cursor = passport[PATIENTS].find(
            {"_id": {"$in": bulk.object_ids(patient_ids)}}, dict.fromkeys(ARRAYS.values(), 1), batch_size=1_000
        )
        for patient in cursor:
            patient_id = str(patient["_id"])
            for record_type, ids in by_patient[patient_id].items():
                listed_ids = set(patient.get(ARRAYS[record_type]) or ())
                result += [Reference(patient_id, record_type, key) for key in sorted(chosen(set(ids), listed_ids))]
    return result


def _by_patient(references: Sequence[Reference]) -> dict[str, dict[str, list[ObjectId]]]:
    """The records by patient and type; without types that no array lists."""
    by_patient: dict[str, dict[str, list[ObjectId]]] = defaultdict(lambda: defaultdict(list))
    for reference in references:
        if reference.type in ARRAYS:
            by_patient[reference.patient_id][reference.type].append(reference.record_id)
    return by_patient


def add(passport: Passport, references: Sequence[Reference], now: datetime) -> None:
    """List records in their patients' arrays, one operation a patient.

    Where a patient's document has no room for more, its records stay unlisted, and a warning counts such patients.
    """
    _change(passport, references, "$addToSet", "$each", now)


def remove(passport: Passport, references: Sequence[Reference], now: datetime) -> None:
    """Take records out of their patients' arrays, one operation a patient."""
    _change(passport, references, "$pull", "$in", now)


def _change(passport: Passport, references: Sequence[Reference], operator: str, many: str, now: datetime) -> None:
    by_patient = _by_patient(references)
    ids = sorted(by_patient)
    operations = []
    for patient_id in ids:
        change = {ARRAYS[kind]: {many: records} for kind, records in by_patient[patient_id].items()}
        operations.append(UpdateOne({"_id": ObjectId(patient_id)}, {operator: change, "$set": {"updatedAt": now}}))
    # Trusted: a list of record ids makes no patient invalid, and other fields that are invalid are the application's.
    outcome = bulk.write(passport[PATIENTS], operations, ids, trusted=True)
    if outcome.invalid:
        log.warning(
            "%d patients hold more than one MongoDB document has room for; records of this run are not in their lists. "
            "`passport-pipeline verify --lists` names their days: have these patients' documents made smaller in "
            "the application, then run `sync --full` of those months",
            len(outcome.invalid),
        )
