"""Patients' allergies, as far as the pipeline added them: what the rows of hospitals state.

`patients.allergies` is a list of texts that the application owns and shows: an empty one reads "No known allergies".
What the pipeline added to it is noted beside it, in `patients.pipelineAllergies`: one entry for each row that states an
allergy, with the text that was added (`shown`). Only such texts are ever taken away. One that a user of the application
took away stays away: its entry is noted still, so it is not added again. A text that a user had written before is noted
as not the pipeline's (`ours`), and stays.

What belongs here: bringing a day's entries into the patients' documents, and finding those that are not there, or no
longer right, because something else changed the documents (a patient who was restored from a dump). What does not:
which rows state an allergy and in which words (sources, records.allergies), when it is done (reconcile.day).

A day's document (sourcedays) has a hash of each patient's entries, by which other copies of patients are recognised.
MongoDB changes both lists of a patient at once. An entry names no stream: those of one day are replaced together.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import ALLERGIES, DAYS, PATIENTS
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.run import Run
from passport_pipeline.records.checksums import hashed

IDS_PER_QUERY = 10_000
_AT = "pipelineAllergiesUpdate"
COMPARED = ("rowUuid", "text", "shown")

log = logging.getLogger(__name__)


def bring_up_to_date(
    run: Run, day: str, stated: Sequence[Document], before_writing: Callable[[], None]
) -> list[Document]:
    """Have the entries of a day (ISO) be exactly these, in all patients' documents; returns what the day's document
    says of them: {patient, entries} with the patient's id and a hash.

    `stated` are documents as records.allergies makes them. `before_writing` is called if anything has to be changed. A
    fixed number of commands; none that writes where everything is as it should be. Entries that a newer run of the
    window has written are left to it.
    """
    wanted = _by_patient({entry["rowUuid"]: entry for entry in stated}.values())
    of_day = {"hospital": run.hospital.key, "day": day}
    query = {f"{ALLERGIES}.hospital": run.hospital.key, ALLERGIES: {"$elemMatch": of_day}}
    holding = run.passport[PATIENTS].find(query, {ALLERGIES: 1}, batch_size=IDS_PER_QUERY)
    held = {str(patient["_id"]): _of(patient, of_day) for patient in holding}
    digests = {patient_id: _digest(entries) for patient_id, entries in wanted.items()}
    different = [key for key in {**wanted, **held} if digests.get(key) != (_digest(held[key]) if key in held else None)]
    if different:
        before_writing()
        # Those who get an entry come first, so that one that moves to another patient is never nowhere.
        different.sort(key=lambda patient_id: (patient_id not in wanted, patient_id))
        _write(run, of_day, {patient_id: wanted.get(patient_id, []) for patient_id in different})
    return [{"patient": patient_id, "entries": digests[patient_id]} for patient_id in sorted(digests)]


def faulty_days(
    passport: Passport, *, hospital_key: str | None = None, patient_ids: Iterable[str] = ()
) -> Counter[tuple[str, str]]:
    """How many patients' entries are not what was recorded, by hospital and day (ISO): of one hospital, or of these
    patients (24 hex digits) for all hospitals. Patients who are gone lack nothing.
    """
    if hospital_key is not None:
        entries = {f"{ALLERGIES}.hospital": hospital_key}
        return _faulty(passport, {"hospital": hospital_key, "allergies.patient": {"$exists": True}}, entries, None)
    days: Counter[tuple[str, str]] = Counter()
    for ids in bulk.chunks(sorted(set(patient_ids)), IDS_PER_QUERY):
        chosen = {"_id": {"$in": bulk.object_ids(ids)}, f"{ALLERGIES}.hospital": {"$exists": True}}
        days += _faulty(passport, {"allergies.patient": {"$in": ids}}, chosen, set(ids))
    return days


def _faulty(passport: Passport, days: Document, holding: Document, only: set[str] | None) -> Counter[tuple[str, str]]:
    recorded: dict[tuple[str, str, str], str] = {}
    for day in passport[DAYS].find(days, {"hospital": 1, "day": 1, "allergies": 1}, batch_size=IDS_PER_QUERY):
        for one in day["allergies"]:
            if only is None or one["patient"] in only:
                recorded[day["hospital"], day["day"], one["patient"]] = one["entries"]
    hospital_key = days.get("hospital")
    held: defaultdict[tuple[str, str, str], list[Document]] = defaultdict(list)
    for patient in passport[PATIENTS].find(holding, {ALLERGIES: 1}, batch_size=IDS_PER_QUERY):
        for entry in _entries(patient):
            if hospital_key in {None, entry["hospital"]}:
                held[entry["hospital"], entry["day"], str(patient["_id"])].append(entry)
    different = [key for key in recorded.keys() | held.keys() if recorded.get(key) != _digest(held.get(key, []))]
    there = patients.existing(passport, {patient for *_, patient in different}) if different else set()
    return Counter((hospital, day) for hospital, day, patient in different if patient in there)


def _by_patient(stated: Iterable[Document]) -> dict[str, list[Document]]:
    """The entries as patients' documents have them, by patient and row."""
    by_patient: defaultdict[str, list[Document]] = defaultdict(list)
    for entry in sorted(stated, key=lambda entry: str(entry["rowUuid"])):
        by_patient[entry["patientId"]].append({name: entry[name] for name in ("hospital", "day", *COMPARED)})
    return dict(by_patient)


def _entries(patient: Document) -> list[Document]:
    entries = patient.get(ALLERGIES)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _of(patient: Document, of_day: Document) -> list[Document]:
    return [entry for entry in _entries(patient) if of_day.items() <= entry.items()]


def _digest(entries: Sequence[Document]) -> str | None:
    """The hash of one patient's entries of a day, in any order; None without any."""
    return hashed(sorted([str(entry.get(name)) for name in COMPARED] for entry in entries)) if entries else None


def _write(run: Run, of_day: Document, changes: dict[str, list[Document]]) -> None:
    newer: Document = {ALLERGIES: {"$elemMatch": of_day | {"fence": {"$gt": run.token}}}}
    operations = [
        UpdateOne(
            {"_id": ObjectId(patient_id), "$nor": [newer]},
            [*_change(of_day, [entry | run.fence for entry in entries]), {"$set": {"updatedAt": run.now}}],
        )
        for patient_id, entries in changes.items()
    ]
    # Trusted: the entries are valid, and other fields that are invalid are the application's.
    outcome = bulk.write(run.passport[PATIENTS], operations, list(changes), trusted=True)
    if outcome.invalid:
        log.warning(
            "%d patients hold more than one MongoDB document has room for; allergies of this run are not in their "
            "lists. `passport-pipeline verify --lists` names their days: have these patients' documents made smaller "
            "in the application, then run `sync --full` of those months",
            len(outcome.invalid),
        )


def _change(of_day: Document, entries: Sequence[Document]) -> list[Document]:
    """The update by which a patient's entries of a day become these: steps of an aggregation, so that MongoDB reads and
    changes both lists at once. `_AT` holds the steps' results, and goes in the end.
    """
    mine = {"$and": [{"$eq": [f"$$this.{name}", {"$literal": value}]} for name, value in of_day.items()]}
    return [
        {"$set": {f"{_AT}.own": patients.a_list(ALLERGIES), f"{_AT}.all": _AS_LIST}},
        {
            "$set": {
                f"{_AT}.before": {"$filter": {"input": f"${_AT}.own", "cond": mine}},
                f"{_AT}.others": {"$filter": {"input": f"${_AT}.own", "cond": {"$not": mine}}},
                f"{_AT}.claimed": _shown({"$filter": {"input": f"${_AT}.own", "cond": "$$this.ours"}}),
            }
        },
        {"$set": {f"{_AT}.after": _noted(entries), f"{_AT}.added": _added(entries)}},
        {"$set": {f"{_AT}.gone": _GONE}},
        {"$set": {f"{_AT}.rest": _REST}},
        {
            "$set": {
                "allergies": {
                    "$cond": [
                        {"$eq": [{"$concatArrays": [f"${_AT}.gone", f"${_AT}.added"]}, []]},
                        "$allergies",
                        {"$concatArrays": [f"${_AT}.rest.kept", f"${_AT}.added"]},
                    ]
                },
                ALLERGIES: _unless_empty({"$concatArrays": [f"${_AT}.others", f"${_AT}.after"]}),
            }
        },
        {"$unset": _AT},
    ]


# The application reads a single value as a list of one.
_AS_LIST: Document = {
    "$cond": [
        {"$isArray": "$allergies"},
        "$allergies",
        {"$cond": [{"$eq": [{"$ifNull": ["$allergies", None]}, None]}, [], ["$allergies"]]},
    ]
}


def _shown(entries: Any) -> Document:
    return {"$map": {"input": entries, "in": "$$this.shown"}}


def _noted(entries: Sequence[Document]) -> Document:
    """The day's entries: those that are noted already as they are, and new ones."""
    ours = {"$or": [{"$in": ["$$new.shown", f"${_AT}.claimed"]}, {"$not": {"$in": ["$$new.shown", f"${_AT}.all"]}}]}
    same = {"$and": [{"$eq": [f"$$this.{name}", f"$$new.{name}"]} for name in COMPARED]}
    noted = {"$first": {"$filter": {"input": f"${_AT}.before", "cond": same}}}
    added = {"$ifNull": [noted, {"$mergeObjects": ["$$new", {"ours": ours}]}]}
    return {"$map": {"input": {"$literal": list(entries)}, "as": "new", "in": added}}


def _added(entries: Sequence[Document]) -> Document:
    """The texts that the application's list gets: new ones, unless a user took the same away. The hospital's new name
    makes a text that was taken away no new one.
    """
    rows: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in entries:
        rows[entry["shown"], entry["text"]].append(entry["rowUuid"])
    texts = [{"shown": shown, "text": text, "rows": uuids} for (shown, text), uuids in rows.items()]
    renamed = {"$and": [{"$eq": ["$$this.text", "$$new.text"]}, {"$in": ["$$this.rowUuid", "$$new.rows"]}]}
    earlier = _shown({"$filter": {"input": f"${_AT}.before", "cond": renamed}})
    still_there = {"$ne": [{"$setIntersection": [earlier, f"${_AT}.all"]}, []]}
    lacking = {
        "$and": [
            {"$not": {"$in": ["$$new.shown", f"${_AT}.all"]}},
            {"$not": {"$in": ["$$new.shown", _shown(f"${_AT}.own")]}},
            {"$or": [{"$eq": [earlier, []]}, still_there]},
        ]
    }
    return _shown({"$filter": {"input": {"$literal": texts}, "as": "new", "cond": lacking}})


_GONE: Document = {
    "$setDifference": [
        _shown({"$filter": {"input": f"${_AT}.before", "cond": "$$this.ours"}}),
        _shown({"$concatArrays": [f"${_AT}.others", f"${_AT}.after"]}),
    ]
}
# A user may have written one of these texts too: only one of each goes.
_TAKEN: Document = {
    "kept": "$$value.kept",
    "gone": {"$setDifference": ["$$value.gone", ["$$this"]]},
}
_REST: Document = {
    "$reduce": {
        "input": f"${_AT}.all",
        "initialValue": {"kept": [], "gone": f"${_AT}.gone"},
        "in": {
            "$cond": [
                {"$in": ["$$this", "$$value.gone"]},
                _TAKEN,
                {"kept": {"$concatArrays": ["$$value.kept", ["$$this"]]}, "gone": "$$value.gone"},
            ]
        },
    }
}


def _unless_empty(entries: Document) -> Document:
    return {"$cond": [{"$eq": [entries, []]}, "$$REMOVE", entries]}
