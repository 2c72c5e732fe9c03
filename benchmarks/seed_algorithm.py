"""The integration that this project replaces, as its architecture document describes it: a test double.

Every few minutes, hospital by hospital: the rows of obs created after the last synchronisation that are not voided,
1,000 at most; for each row the names of concept, answer, typist and location, the patient by an identifier whose type
is like '%National%ID%', a placeholder doctor, a record, its id pushed to the patient's list, an audit entry; at the end
the time of the last synchronisation becomes now. Where the document leaves room, the kinder reading was taken: time is
the hospital's own, a row is stored once, a missing name is no error, names are looked up once a poll, not once a row
(unless it `remembers` nothing, as the document has it: for its speed).

What belongs here: that algorithm, and what it loses. What does not: anything that the pipeline runs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, TypeVar

import pandas as pd
import sqlalchemy as sa
from bson import ObjectId
from pymongo.database import Database

from passport_sample.hospital import ZERO_DATE, SampleHospital
from passport_sample.oracle import expected

F = TypeVar("F", bound=Callable[..., Any])

LIMIT = 1000
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the hospital's local time
VALUES = ("value_coded", "value_drug", "value_datetime", "value_numeric", "value_text", "value_complex")
WORDS = {
    "condition": ("DIAGNOSIS", "CONDITION"),
    "medication": ("MEDICATION", "DRUG"),
    "test": ("TEST", "LAB", "INVESTIGATION"),
    "visit": ("VISIT", "ENCOUNTER"),
}
LISTS = {
    "condition": "medicalHistory", "medication": "medications", "test": "testResults", "visit": "hospitalVisits",
}  # fmt: skip

NEW = "SELECT * FROM obs WHERE date_created > :last AND voided = 0 ORDER BY date_created ASC LIMIT :limit"
CONCEPT = (
    "SELECT name FROM concept_name WHERE concept_id = :number AND locale = 'en' "
    "AND concept_name_type = 'FULLY_SPECIFIED' LIMIT 1"
)
ANSWER = "SELECT name FROM concept_name WHERE concept_id = :number LIMIT 1"
TYPIST = (
    "SELECT CONCAT('Dr. ', pn.given_name, ' ', pn.family_name) FROM users u "
    "JOIN person_name pn ON u.person_id = pn.person_id WHERE u.user_id = :number LIMIT 1"
)
LOCATION = "SELECT name FROM location WHERE location_id = :number"
IDENTIFIER = (
    "SELECT pi.identifier FROM patient_identifier pi JOIN patient_identifier_type pit "
    "ON pi.identifier_type = pit.patient_identifier_type_id "
    "WHERE pi.patient_id = :number AND pit.name LIKE '%National%ID%' AND pi.voided = 0 LIMIT 1"
)


@dataclass
class SeedAlgorithm:
    """One service over several hospitals (key -> engine of their database), writing into a database of its own, which
    has `users` and `patients`. `clock(key)` is a hospital's local time.
    """

    remembers: ClassVar[bool] = True

    database: Database[dict[str, Any]]
    hospitals: Mapping[str, sa.Engine]
    clock: Callable[[str], datetime]
    polls: int = 0

    def poll(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """What its timer does; `meanwhile` happens after the first hospital's rows were read."""
        self.polls += 1
        for key, engine in self.hospitals.items():
            self._sync(key, engine, meanwhile)
            meanwhile = _nothing

    def patient_of(self, connection: sa.Connection, person_id: int) -> ObjectId | None:
        """The patient whose national id is just what is written at the hospital."""
        identifier = connection.execute(sa.text(IDENTIFIER), {"number": person_id}).scalar()
        patient = self.database["patients"].find_one({"nationalId": identifier}, {"_id": 1}) if identifier else None
        return patient["_id"] if patient else None

    def _sync(self, key: str, engine: sa.Engine, meanwhile: Callable[[], None]) -> None:
        state = self.database["syncstatus"].find_one({"hospitalId": key})
        last = state["lastSyncTime"].replace(tzinfo=None) if state else EPOCH
        with engine.connect() as connection:
            rows = connection.execute(sa.text(NEW), {"last": last, "limit": LIMIT}).mappings().all()
            meanwhile()
            self.process(key, connection, rows)
        now = {"$set": {"lastSyncTime": self.clock(key)}}
        self.database["syncstatus"].update_one({"hospitalId": key}, now, upsert=True)

    def process(self, key: str, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Enrich, match and store rows of obs, one after another."""
        remembering = cache if self.remembers else _as_it_is

        @remembering
        def name(statement: str, number: int | None) -> str:
            return connection.execute(sa.text(statement), {"number": number}).scalar() or ""

        @remembering
        def patient(person_id: int) -> ObjectId | None:
            return self.patient_of(connection, person_id)

        stored = self._stored(key, rows) if self.remembers else set()
        for row in rows:
            whose = patient(row["person_id"])
            if not self.remembers:
                stored = self._stored(key, [row])
            if whose is None or row["obs_id"] in stored:  # PATIENT_NOT_FOUND, DUPLICATE_RECORD
                continue
            question = name(CONCEPT, row["concept_id"])
            answer = name(ANSWER, row["value_coded"]) if row["value_coded"] else _text(row)
            self._store(
                key, row, whose, question, answer, name(TYPIST, row["creator"]), name(LOCATION, row["location_id"])
            )

    def _stored(self, key: str, rows: Iterable[Mapping[str, Any]]) -> set[int]:
        numbers = [row["obs_id"] for row in rows]
        records = self.database["medicalrecords"].find({"hospital": key, "obsId": {"$in": numbers}}, {"obsId": 1})
        return {record["obsId"] for record in records}

    def _store(  # noqa: PLR0917 - the document's parts of a record
        self, key: str, row: Mapping[str, Any], patient: ObjectId, question: str, answer: str, by: str, at: str
    ) -> None:
        kind = next((kind for kind, words in WORDS.items() if any(word in question.upper() for word in words)), "visit")
        doctor = self._doctor(row["creator"], by)
        record = {
            "_id": ObjectId(),
            "patientId": str(patient),
            "type": kind,
            "data": {"name": question, "details": answer, "diagnosed": str(row["obs_datetime"]), "location": at},
            "createdBy": str(doctor),
            # Not in the document: compared with the oracle.
            "hospital": key,
            "obsId": row["obs_id"],
            "values": _values(row),
        }
        entry = {"action": "openmrs_auto_sync", "performedBy": "OpenMRS Sync Service", "targetId": record["_id"]}
        self._write(record, patient, LISTS[kind], entry | {"createdAt": datetime.now(UTC)})

    def _write(self, record: dict[str, Any], patient: ObjectId, into: str, entry: dict[str, Any]) -> None:
        """A record, its id in one of the patient's lists, and an audit entry."""
        self.database["medicalrecords"].insert_one(record)
        self.database["patients"].update_one({"_id": patient}, {"$push": {into: record["_id"]}})
        self.database["auditlogs"].insert_one(entry)

    def _doctor(self, creator: int, name: str) -> ObjectId:
        uuid = f"PROVIDER_{creator}"
        doctor = self.database["doctors"].find_one({"openmrsProviderUuid": uuid})
        if doctor is None:
            user = {"name": name, "email": f"provider{creator}@openmrs.auto", "role": "doctor"}
            doctor = {"user": self.database["users"].insert_one(user).inserted_id, "openmrsProviderUuid": uuid}
            doctor["_id"] = self.database["doctors"].insert_one(doctor).inserted_id
        return doctor["_id"]


@dataclass
class Loss:
    """What it has not, has twice, or has wrong, by hospital and obs_id; of rows whose patient its own rule finds."""

    lost: set[tuple[str, int]] = field(default_factory=set)
    duplicated: set[tuple[str, int]] = field(default_factory=set)
    wrong: set[tuple[str, int]] = field(default_factory=set)


def losses(seed: SeedAlgorithm, hospitals: Iterable[SampleHospital], **months: str) -> Loss:
    """Its losses: rows that lead a record and are missing; wrong records, which are no longer live, another patient's,
    or have changed since. Types, names and fields do not count.
    """
    loss = Loss()
    patients = {
        patient["nationalId"]: str(patient["_id"]) for patient in seed.database["patients"].find({}, {"nationalId": 1})
    }
    for hospital in hospitals:
        key = hospital.spec.key
        oracle = expected(hospital, patients.keys(), **months).set_index("obs_id")
        records = list(seed.database["medicalrecords"].find({"hospital": key}))
        times = Counter(record["obsId"] for record in records)
        leads = oracle[oracle["outcome"].eq("lead")]
        with seed.hospitals[key].connect() as connection:
            matched = {person for person in leads["person_id"].unique() if seed.patient_of(connection, int(person))}
        missing = leads.index[leads["person_id"].isin(matched) & ~leads.index.isin(times.keys())]
        loss.lost |= {(key, int(number)) for number in missing}
        loss.duplicated |= {(key, number) for number, n in times.items() if n > 1}
        present = hospital.obs.loc[hospital.obs.index.isin(times.keys())]
        values = {
            int(number): _values(row) for number, row in zip(present.index, present.to_dict("records"), strict=True)
        }
        whose = leads["national_id"].map(patients).to_dict()
        for record in records:
            number = record["obsId"]
            same = number in oracle.index and record["values"] == values[number]
            if not same or record["patientId"] != whose.get(number, record["patientId"]):
                loss.wrong.add((key, number))
    return loss


def _values(row: Mapping[str, Any]) -> dict[str, str]:
    """What a row says, to be compared."""
    values = {name: row[name] for name in VALUES}
    return {name: _plain(value) for name, value in values.items() if not _missing(value)}


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> str:
    if isinstance(value, float | int):
        return f"{value:.9g}"
    return "0000-00-00 00:00:00" if value == ZERO_DATE else str(value)


def _text(row: Mapping[str, Any]) -> str:
    return next((str(row[name]) for name in VALUES[2:] if row[name] is not None), "")


def _nothing() -> None:
    return


def _as_it_is(function: F) -> F:
    return function
