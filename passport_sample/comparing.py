"""The whole passport compared with the oracle: every record, parked row, patient's list and audit entry.

What belongs here: finding what is lost, duplicated or wrong. What does not: what must be there (oracle, answers).
Nothing of the pipeline is imported; collections and fields are those that the application reads, and `source`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from bson import ObjectId
from pymongo.database import Database

from passport_sample.hospital import SampleHospital
from passport_sample.oracle import expected, identities

Document = dict[str, Any]

ARRAYS = {
    "condition": "medicalHistory", "medication": "medications", "test": "testResults", "visit": "hospitalVisits",
}  # fmt: skip


@dataclass
class Comparison:
    """The differences from the oracle, in words: hospital, obs_id, what; no value of a patient.

    lost         a live row that should be shown, and is not, or not in its patient's list
    duplicated   an observation that is there, or is listed, twice
    wrong        anything else that differs
    """

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    rows: int = 0

    @property
    def ok(self) -> bool:
        """Whether the passport is the oracle's."""
        return not (self.lost or self.duplicated or self.wrong)

    def __str__(self) -> str:
        counts = f"lost={len(self.lost)} duplicated={len(self.duplicated)} wrong={len(self.wrong)} of {self.rows} rows"
        first = [f"{name}: {each}" for name in ("lost", "duplicated", "wrong") for each in getattr(self, name)[:8]]
        return "\n  ".join([counts, *first])


def compare(
    database: Database[Document],
    hospitals: Iterable[SampleHospital],
    *,
    first_month: str,
    last_month: str,
    edited: Mapping[ObjectId, Mapping[str, Any]] | None = None,
) -> Comparison:
    """Everything in the passport that is not as it must be at present.

    Months are YYYY-MM, inclusive. `edited` is what the application wrote into the `data` of records that it changed, by
    the records' _id: it must still be there. The other `data` of a record that a user edited (`editedBy`) is not
    compared.
    """
    comparison = Comparison()
    patients = {each["nationalId"]: str(each["_id"]) for each in database["patients"].find({}, {"nationalId": 1})}
    users = {str(each["_id"]): each["name"] for each in database["users"].find({}, {"name": 1})}
    for hospital in hospitals:
        key = hospital.spec.key
        records = list(database["medicalrecords"].find({"source.hospital": key}))
        _conflicts(comparison, database, key, records)
        parked = list(database["parkedrows"].find({"hospital": key}))
        oracle = expected(hospital, patients.keys(), first_month=first_month, last_month=last_month)
        compare_documents(
            comparison, hospital, oracle, records, parked, patients=patients, users=users, edited=edited or {}
        )
    _lists(comparison, database)
    _audit(comparison, database)
    for day in database["sourcedays"].find({"writers": {"$nin": [None, {}]}}, {"_id": 1}):
        comparison.wrong.append(f"{day['_id']}: still marked as being written")
    return comparison


def compare_documents(
    comparison: Comparison,
    hospital: SampleHospital,
    oracle: pd.DataFrame,
    records: Sequence[Document],
    parked: Sequence[Document],
    *,
    patients: Mapping[str, str],
    users: Mapping[str, str],
    edited: Mapping[ObjectId, Mapping[str, Any]],
) -> None:
    """Add what differs between a hospital's documents and `oracle`, as oracle.expected gives it. `patients` are their
    ids by national id, `users` their names by id.
    """
    key = hospital.spec.key
    comparison.rows += len(oracle)
    _once(comparison, key, records, parked)
    _rows(comparison, key, oracle, records, parked)
    people = identities(hospital, patients.keys())
    _visits(comparison, key, oracle.join(people[["unmatched"]], on="person_id"), records)
    described = oracle[oracle["type"].notna()].assign(patient=lambda rows: rows["national_id"].map(patients))
    _contents(comparison, hospital, described, records, users=users, edited=edited)


def _conflicts(comparison: Comparison, database: Database[Document], key: str, records: Sequence[Document]) -> None:
    """A record that a user and the hospital both changed is left alone; the open conflict has its present rows."""
    conflicts = list(database["conflicts"].find({"hospital": key, "state": "open"}))
    rows = {each["record"]: each["rows"] for each in conflicts}
    comparison.duplicated += [
        f"{key}: {n} open conflicts of {record_id}" for record_id, n in _several(each["record"] for each in conflicts)
    ]
    for record in records:
        if record["_id"] in rows:
            record["source"]["rows"] = rows.pop(record["_id"])
            if not record.get("editedBy"):
                comparison.wrong.append(f"{key} {record['source']['rowId']}: a conflict over what nobody edited")
    comparison.wrong += [f"{key}: an open conflict over {record}, which is not there" for record in rows]


def _several(things: Iterable[Any]) -> list[tuple[Any, int]]:
    return [(each, n) for each, n in Counter(things).items() if n > 1]


def _once(comparison: Comparison, key: str, records: Sequence[Document], parked: Sequence[Document]) -> None:
    """Every row is in one record, or in one parked row."""
    uuids = [row["rowUuid"] for each in records for row in each["source"]["rows"]]
    uuids += [row["rowUuid"] for each in parked for row in each["rows"]]
    comparison.duplicated += [f"{key} {uuid}: held {n} times" for uuid, n in _several(uuids)]


def _rows(
    comparison: Comparison, key: str, oracle: pd.DataFrame, records: Sequence[Document], parked: Sequence[Document]
) -> None:
    """Each live row is where it must be: shown by which row's record, or parked for which reason."""
    stored = {
        row["rowUuid"]: ("shown", each["source"]["rowUuid"]) for each in records for row in each["source"]["rows"]
    }
    stored |= {row["rowUuid"]: ("parked", each["reason"]) for each in parked for row in each["rows"]}
    ids = dict(zip(oracle["obs_uuid"], oracle["obs_id"], strict=True))
    shown = oracle["outcome"].isin(["lead", "attached"])
    expected = {
        uuid: ("shown", lead) for uuid, lead in oracle.loc[shown, ["obs_uuid", "record_uuid"]].itertuples(index=False)
    }
    held_back = oracle["outcome"].eq("parked")
    expected |= {
        uuid: ("parked", why) for uuid, why in oracle.loc[held_back, ["obs_uuid", "reason"]].itertuples(index=False)
    }
    for uuid in expected.keys() | stored.keys():
        want, have = expected.get(uuid), stored.get(uuid)
        if want == have:
            continue
        what = f"{key} {ids.get(uuid, uuid)}: must be {_told(want)}, is {_told(have)}"
        lost = want and want[0] == "shown" and (not have or have[0] != "shown")
        (comparison.lost if lost else comparison.wrong).append(what)


def _told(place: tuple[str, str] | None) -> str:
    return " ".join(place) if place else "nowhere"


def _visits(comparison: Comparison, key: str, oracle: pd.DataFrame, records: Sequence[Document]) -> None:
    """There is a visit for every encounter with a live row, and no other; `oracle` has `unmatched` too."""
    inside = oracle[oracle["outcome"].ne("outside") & oracle["unmatched"].isna()]
    expected = set(inside["visit"].dropna())
    stored = {each["source"]["rowUuid"] for each in records if each["source"]["stream"] == "encounters"}
    comparison.lost += [f"{key} {visit}: no visit" for visit in expected - stored]
    comparison.wrong += [f"{key} {visit}: a visit of nothing live" for visit in stored - expected]


def _contents(
    comparison: Comparison,
    hospital: SampleHospital,
    described: pd.DataFrame,
    records: Sequence[Document],
    *,
    users: Mapping[str, str],
    edited: Mapping[ObjectId, Mapping[str, Any]],
) -> None:
    """Each record has its content, its patient and its author; each plain answer stands in its visit's notes."""
    of = {each["source"]["rowUuid"]: each for each in records}
    for row in described.itertuples(index=False):
        record = of.get(row.record_uuid)
        if record is None:
            continue
        where = f"{hospital.spec.key} {row.obs_id}"
        if record["patientId"] != row.patient:
            comparison.wrong.append(f"{where}: another patient's")
        edits = edited.get(record["_id"], {})
        if any(record["data"].get(name) != value for name, value in edits.items()):
            comparison.wrong.append(f"{where}: an edit of the application is gone")
        if record.get("editedBy"):
            continue
        differing = _differing(hospital, row, record, users.get(record["createdBy"]))
        if row.type == "condition" and not _is_named(row, of.get(row.visit)):
            differing.append("diagnosis of its visit")
        if differing:
            comparison.wrong.append(f"{where}: {', '.join(differing)} differ")


def _is_named(row: Any, visit: Document | None) -> bool:
    """Whether the visit's heading names a diagnosis; a user may have changed it."""
    return visit is not None and (bool(visit.get("editedBy")) or row.shown in visit["data"]["diagnosis"])


def _differing(hospital: SampleHospital, row: Any, record: Document, clinician: str | None) -> list[str]:
    """The fields that are not as an oracle's row decides them."""
    data, openmrs = record["data"], record["openmrsData"]
    if row.type == "visit":
        return [] if _stands_in(data.get("notes", ""), f"{row.name}: {row.shown}") else ["notes"]
    have = data | {
        "type": record["type"],
        "clinician": clinician,
        "providerUuid": openmrs.get("providerUuid"),
        "location": record["source"].get("location"),
    }
    # Certainty and order of a diagnosis stand behind the clinician; what they are is not the oracle's.
    have |= {"procedure": have["procedure"].partition(" (")[0]} if "procedure" in have else {}
    want = _content(hospital, row)
    # The groups around a question stand before it; a comment, a state or the normal range stands behind the answer.
    asked, answered = want.pop("asked"), want.pop("answered")
    differing = [name for name in asked if not str(have.get(name)).endswith(asked[name])]
    differing += [name for name in answered if not _begins(str(have.get(name)), answered[name])]
    return sorted([*differing, *(name for name in want if want[name] != have.get(name))])


def _stands_in(notes: str, line: str) -> bool:
    """Whether it is a line of the notes, maybe behind the groups around its question, and before what qualifies it."""
    return re.search(rf"(?:\A|\n|> ){re.escape(line)}(?: \(|\n|\Z)", notes) is not None


def _begins(text: str, answer: str) -> bool:
    return text == answer or text.startswith(f"{answer} (")


def _content(hospital: SampleHospital, row: Any) -> Document:
    """The fields that an oracle's leading row decides: `asked` end with the question, `answered` begin with the
    answer, all others are equal.
    """
    values = {name: None if pd.isna(value) else value for name, value in row._asdict().items()}
    when, clinician = values["when"], values["clinician"]
    asked, answered = values["name"], values["shown"]
    want: Document = {
        "type": values["type"],
        "clinician": values["clinician"] or hospital.spec.name,
        "providerUuid": values["clinician_key"],
        "location": values["location"],
        "hospital": hospital.spec.name,
        "doctor": clinician,
        "date": when,
        "asked": {},
        "answered": {},
    }
    match values["type"]:
        case "condition":
            # In the integration document's example, which has no encounter, a typist signs, and `name` is the question.
            title = values["title"] or ("Dr." if (values["clinician_key"] or "").startswith("PROVIDER_") else None)
            by = " ".join(word for word in (title, clinician) if word)
            as_in_the_document = asked == "DIAGNOSIS" and "@" in row.visit
            want |= {
                "diagnosed": when,
                "diagnosedDate": when,
                "diagnosedBy": clinician,
                "procedure": f"Synced from OpenMRS - {by}" if by else "Synced from OpenMRS",
            }
            answers = {"details": answered, "diagnosis": answered, "name": asked if as_in_the_document else answered}
            return want | {"answered": answers}
        case "medication":
            return want | {"startDate": when, "prescribedBy": clinician, "answered": {"medicationName": answered}}
        case "test":
            status = values["status"]
            want |= {"testDate": when, "testStatus": status, "status": (status or "not interpreted").lower()}
            return want | {"asked": {"testName": asked, "name": asked}, "answered": {"result": answered}}
        case _:
            return want | {"asked": {"name": asked}, "answered": {"details": answered}}


def _lists(comparison: Comparison, database: Database[Document]) -> None:
    """The patients' lists hold exactly their records, each once."""
    own: defaultdict[tuple[str, str], set[ObjectId]] = defaultdict(set)
    for record in database["medicalrecords"].find({}, {"patientId": 1, "type": 1}):
        if record["type"] in ARRAYS:
            own[record["patientId"], ARRAYS[record["type"]]].add(record["_id"])
    for patient in database["patients"].find({}, dict.fromkeys(ARRAYS.values(), 1)):
        for name in ARRAYS.values():
            listed, records = patient.get(name) or [], own.pop((str(patient["_id"]), name), set())
            comparison.duplicated += [f"record {each}: listed {n} times in {name}" for each, n in _several(listed)]
            comparison.lost += [f"record {each}: not in its patient's {name}" for each in records - set(listed)]
            comparison.wrong += [f"record {each}: listed in {name}, where it is not" for each in set(listed) - records]
    comparison.lost += [f"record {each}: its patient is not there" for records in own.values() for each in records]


def _audit(comparison: Comparison, database: Database[Document]) -> None:
    """Every version of every record has exactly one entry, and each entry a record."""
    versions = {
        each["_id"]: each["source"]["version"] for each in database["medicalrecords"].find({}, {"source.version": 1})
    }
    retracted = {each["_id"] for each in database["retractedrecords"].find({}, {"_id": 1})}
    entries: Counter[tuple[Any, ...]] = Counter()
    for entry in database["auditlogs"].find({"targetModel": "MedicalRecord"}):
        entries[entry["targetId"], entry.get("version"), entry["action"], entry["patient"]] += 1
        if entry["targetId"] not in versions and entry["targetId"] not in retracted:
            comparison.wrong.append(f"audit entry {entry['_id']}: of a record that never was")
    comparison.wrong += [f"record {key[0]}: {n} audit entries of {key[1:3]}" for key, n in entries.items() if n > 1]
    made: Collection[tuple[ObjectId, int]] = {(key[0], key[1]) for key in entries if key[2] in {"create", "update"}}
    for record, version in versions.items():
        missing = [number for number in range(1, version + 1) if (record, number) not in made]
        if missing:
            comparison.wrong.append(f"record {record}: no audit entry of version {missing[0]}")
