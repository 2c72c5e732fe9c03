"""Documents as the steps before hand them over, and a small passport to store them in."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from bson import ObjectId

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.accounts import Account
from passport_pipeline.passport.days.counts import recounted
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.passport.mongo.collections import (
    ARRAYS,
    AUDIT,
    CONFLICTS,
    DAYS,
    PARKED,
    PATIENTS,
    RECORDS,
    RETRACTED,
)
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.parked.retry_policy import Retries
from passport_pipeline.passport.reconcile.day import DayReconciler, DayResult
from passport_pipeline.passport.run import Run
from passport_pipeline.records.checksums import checksum, data_checksum, field_digests

HOSPITAL = Hospital(key="central", name="Central Hospital", url_env="CENTRAL_URL", timezone="Africa/Kigali")
DAY = date(2025, 11, 6)
NOW = datetime(2025, 11, 7, 3, 0, tzinfo=UTC)
OBSERVED = datetime(2025, 11, 6, 8, 30, tzinfo=UTC)
CREATOR = "0" * 23 + "1"

DATA = {
    "condition": {"name": "DIAGNOSIS", "details": "Malaria", "diagnosed": "2025-11-06T10:30:00"},
    "medication": {
        "medicationName": "Artemether",
        "dosage": "20 mg",
        "medicationStatus": "Active",
        "startDate": "2025-11-06T10:30:00",
    },
    "test": {"testName": "Haemoglobin", "result": "5.0 g/dL", "testDate": "2025-11-06T10:30:00"},
    "visit": {"hospital": "Central Hospital", "reason": "Weight: 60 kg", "visitDate": "2025-11-06T10:30:00"},
    "image": {"name": "Chest X-ray", "details": "film"},
}


def object_id(uuid: str, second: int = 1_762_417_800) -> ObjectId:
    return ObjectId(second.to_bytes(4, "big") + hashlib.blake2b(uuid.encode(), digest_size=8).digest())


def rows(number: int, count: int = 1, crc: int | None = None) -> list[dict[str, Any]]:
    first = number * 7919 % 2**32 if crc is None else crc
    roles = ["lead", *["certainty"] * (count - 1)]
    return [
        {"stream": "observations", "rowId": number + i, "rowUuid": f"obs-{number}-{i}", "crc": first + i, "role": role}
        for i, role in enumerate(roles)
    ]


def record(
    number: int,
    patient: str,
    *,
    type: str = "condition",  # noqa: A002
    data: Mapping[str, Any] | None = None,
    day: date = DAY,
    row_count: int = 1,
    crc: int | None = None,
    hospital: str = "central",
    run_id: str = "run-1",
    second: int = 1_762_417_800,
    previous: int | None = None,
) -> dict[str, Any]:
    """The record that observation `number` leads; other keywords are what its source may change."""
    uuid = f"obs-{number}-0"
    made: dict[str, Any] = {
        "_id": object_id(f"{hospital}{uuid}", second),
        "patientId": patient,
        "type": type,
        "data": DATA[type] | dict(data or {}),
        "createdBy": CREATOR,
        "syncDate": OBSERVED,
        "openmrsData": {
            "obsId": number,
            "conceptId": 102,
            "personId": 789,
            "obsDatetime": OBSERVED,
            "dateCreated": OBSERVED,
            "creatorName": "Ward Clerk",
            "valueType": "coded",
        },
        "source": {
            "hospital": hospital,
            "stream": "observations",
            "rowUuid": uuid,
            "rowId": number,
            "personUuid": f"person-of-{patient}",
            "window": month_of(day),
            "day": day.isoformat(),
            "rows": rows(number, row_count, crc),
            "clinician": "Dr. Jane Smith",
            "concept": {"uuid": "c-102", "name": "DIAGNOSIS", "datatype": "Coded", "conceptClass": "Question"},
            "valueType": "coded",
        },
        "createdAt": NOW,
        "updatedAt": NOW,
        "__v": 0,
    }
    if previous is not None:
        made["source"]["previousVersion"] = previous
    made["source"]["checksum"] = checksum(made)
    made["source"] |= {"dataChecksum": data_checksum(made["data"]), "written": field_digests(made["data"])}
    made["source"] |= {"rules": 1, "runId": run_id, "version": 1}
    return made


def parked(number: int, reason: str = "no_national_id", *, day: date = DAY, row_count: int = 1) -> dict[str, Any]:
    uuid = f"obs-{number}-0"
    return {
        "_id": object_id(f"central{uuid}"),
        "hospital": "central",
        "stream": "observations",
        "rowUuid": uuid,
        "rowId": number,
        "personUuid": "person",
        "window": month_of(day),
        "day": day.isoformat(),
        "reason": reason,
        "rows": rows(number, row_count),
        "state": "parked",
        "stateHistory": [{"state": "parked", "at": NOW}],
        "attempts": 1,
        "firstSeen": NOW,
        "lastSeen": NOW,
        "runId": "run-1",
    }


def digests_in(passport: Passport) -> dict[date, Digest]:
    """The digests of the central hospital's days, out of its documents."""
    return {day: count.digest for day, count in recounted(passport, "central").items()}


def digest_of(records: Iterable[Mapping[str, Any]], parked_rows: Iterable[Mapping[str, Any]] = ()) -> Digest:
    crcs = [row["crc"] for one in records for row in one["source"]["rows"]]
    return Digest.of(crcs + [row["crc"] for one in parked_rows for row in one["rows"]])


def patient(number: int) -> dict[str, Any]:
    return {
        "_id": object_id(f"patient-{number}", 0),
        "user": object_id(f"patient-user-{number}", 0),
        "nationalId": f"{1_000_000_000 + number}",
        "dateOfBirth": datetime(1980, 1, 1, tzinfo=UTC),
        "gender": "female",
        "contactNumber": "0788000000",
        "address": "Kigali",
        "emergencyContact": {"name": "A", "relationship": "sister", "phone": "0788000001"},
        "status": "active",
        **{name: [] for name in ARRAYS.values()},
        "createdAt": NOW,
        "updatedAt": NOW,
        "__v": 0,
    }


def run_of(
    passport: Passport,
    account: Account,
    *,
    day: date = DAY,
    hospital: str = "central",
    run_id: str = "run",
    now: datetime = NOW,
    token: int = 0,
    retries: Retries | None = None,
) -> Run:
    """A run on the window of a day."""
    of = HOSPITAL if hospital == HOSPITAL.key else HOSPITAL.model_copy(update={"key": hospital})
    return Run(passport, account, of, run_id, now, month_of(day), token, retries or Retries())


class World:
    """A passport with patients, and the hospital that is brought into line with it."""

    def __init__(self, passport: Passport, account: Account, patients: int = 5) -> None:
        self.passport, self.account = passport, account
        documents = [patient(number) for number in range(patients)]
        passport[PATIENTS].insert_many(documents)
        self.patients = [str(one["_id"]) for one in documents]

    def run(
        self,
        records: Sequence[Mapping[str, Any]] = (),
        parked_rows: Sequence[Mapping[str, Any]] = (),
        *,
        day: date = DAY,
        skipped: Mapping[str, Digest] | None = None,
        hospital: str = "central",
        passport: Passport | None = None,
        chunk: int = 1_000_000,
        inputs: str = "inputs",
        now: datetime = NOW,
        token: int = 0,
    ) -> DayResult:
        """One run over a day; every document is handed over as a copy, as each run makes its own."""
        run_id = secrets.token_hex(4)
        run = run_of(
            passport or self.passport, self.account, day=day, hospital=hospital, run_id=run_id, now=now, token=token
        )
        reconciler = DayReconciler(run, day)
        for start in range(0, len(records), chunk):
            reconciler.apply([copy(one) for one in records[start : start + chunk]], [])
        if parked_rows:
            reconciler.apply([], [copy(one) for one in parked_rows])
        left_out = skipped or {}
        digest = sum(left_out.values(), digest_of(records, parked_rows))
        return reconciler.close(digest, left_out, inputs)

    def arrays(self, number: int) -> dict[str, set[ObjectId]]:
        found = self.passport[PATIENTS].find_one({"_id": ObjectId(self.patients[number])})
        assert found
        return {name: set(found[name]) for name in ARRAYS.values() if found[name]}

    def get(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        found = self.passport[RECORDS].find_one({"_id": wanted["_id"]})
        assert found
        return found

    def edit(self, wanted: Mapping[str, Any], **data: Any) -> None:
        """What the application does when a doctor edits a record."""
        fields = {f"data.{name}": value for name, value in data.items()}
        edited = {"editedBy": "a doctor", "lastEditedAt": NOW, "updatedAt": datetime.now(UTC)}
        result = self.passport[RECORDS].update_one({"_id": wanted["_id"]}, {"$set": fields | edited})
        assert result.modified_count == 1

    def state(self) -> dict[str, Any]:
        """All that a run leaves, without the ids of runs and the moments of writing."""
        found: dict[str, Any] = {}
        for name in (RECORDS, PARKED, CONFLICTS, RETRACTED, AUDIT, DAYS, PATIENTS):
            # A conflict's own _id is new with every conflict.
            by, left_out = ("record", {"_id": 0}) if name == CONFLICTS else ("_id", {})
            documents = sorted(self.passport[name].find({}, left_out), key=lambda one: str(one[by]))
            found[name] = [_settled(one) for one in documents]
        return found

    def check(self) -> None:
        """What holds at any time when no run is under way."""
        records = list(self.passport[RECORDS].find())
        listed = {
            (str(one["_id"]), name, record_id)
            for one in self.passport[PATIENTS].find()
            for name in ARRAYS.values()
            for record_id in one[name]
        }
        assert listed == {
            (one["patientId"], ARRAYS[one["type"]], one["_id"]) for one in records if one["type"] in ARRAYS
        }
        audited = {(one["targetId"], one["version"], one["action"]) for one in self.passport[AUDIT].find()}
        for one in records:
            for version in range(1, one["source"]["version"] + 1):
                assert any((one["_id"], version, action) in audited for action in ("create", "update"))
        held = {day: content.digest for day, content in recorded(self.passport, "central").items() if content.digest}
        assert held == digests_in(self.passport)
        assert not list(self.passport[DAYS].find({"writers": {"$nin": [None, {}]}}))


def copy(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        unsettled = {
            *("runId", "updatedAt", "recordedAt", "accessTime", "createdAt", "retractedAt", "lastSeen"),
            "lookAgainAt",
            "conflict",
        }
        return {name: _settled(part) for name, part in value.items() if name not in unsettled}
    if isinstance(value, list):
        settled = [_settled(part) for part in value]
        return sorted(settled) if settled and all(isinstance(part, ObjectId) for part in settled) else settled
    return value
