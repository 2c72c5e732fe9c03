"""Accounts that records are attributed to: the hospital, and its clinicians.

What belongs here: finding the application's own hospital and doctors, making placeholders, each a user that nobody can
log in as, where it has none, and finding placeholders that are gone. What does not: who is the clinician of an
observation (sources).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b

import bcrypt
import pandas as pd
from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import DOCTORS, HOSPITALS, RECORDS, USERS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

LONGEST_NAME = 50
UNKNOWN_CLINICIAN = "Unknown clinician"
IDS_PER_QUERY = 10_000

_SHOWN: Document = {"isActive": True, "patients": []}
"""What the application's pages read of a doctor: its hospital's page lists only those that are active."""


@dataclass(frozen=True)
class Account:
    """A hospital in the passport: its document and its user (both as 24 hex digits), and its name."""

    hospital_id: str
    user_id: str
    hospital_name: str


@answering("looking up the hospital's account")
def ensure_hospital(passport: Passport, hospital: Hospital, settings: Settings) -> Account:
    """The hospital's account: the document whose openmrsHospitalKey is the hospital's key, else a
    placeholder. A placeholder that has lost its user gets it again.

    A new name in hospitals.yaml reaches a placeholder; a hospital of the application keeps its own.
    Any number of processes may do so at once. Raises PassportError.
    """
    document = _hospital(passport, hospital.key)
    if _is_lacking(document):
        _add_hospital(passport, hospital, settings)
        document = _hospital(passport, hospital.key)
    if document is None:
        raise PassportRefused(
            f"{hospital.key}: a hospital of the application already has the licence number "
            f"{_licence(hospital.key)}, or a user its e-mail address; if the hospital is this one, set its "
            f"openmrsHospitalKey to {hospital.key}"
        )
    if document["_id"] == placeholder_id("hospital", hospital.key) and document["name"] != hospital.name:
        renamed = {"$set": {"name": hospital.name, "updatedAt": datetime.now(UTC)}}
        passport[HOSPITALS].update_one({"_id": document["_id"]}, renamed)
    return Account(str(document["_id"]), str(document["user"]), hospital.name)


@answering("looking up the hospital's name")
def registered(passport: Passport, hospital: Hospital) -> Hospital:
    """The hospital under the name that patients read: that of the application's own document, where it has one whose
    openmrsHospitalKey is the hospital's key; else as hospitals.yaml has it. Raises PassportError.
    """
    document = passport[HOSPITALS].find_one({"openmrsHospitalKey": hospital.key}, {"name": 1})
    if document is None or document["_id"] == placeholder_id("hospital", hospital.key):
        return hospital
    return hospital.model_copy(update={"name": document["name"]})


@answering("looking up clinicians' accounts")
def ensure_clinicians(
    passport: Passport, hospital: Hospital, account: Account, clinicians: pd.DataFrame, settings: Settings
) -> dict[str, tuple[str, str]]:
    """Accounts of these clinicians: clinician_key -> (user id, doctor id), each 24 hex digits.

    `clinicians` has the columns clinician_key str (unique, not null) and name str (nullable). A doctor of the
    hospital whose openmrsProviderUuid is the key is used as it is; else a placeholder is made, whose name
    follows the hospital's as long as the application does not change it, and whose user is made again where it
    is gone; one that an earlier version made gets what it lacks. A fixed number of commands, none of them a write
    when all exist. Any number of processes may do so at once. Raises PassportError.
    """
    names = {
        str(key): fit_name(name) for key, name in zip(clinicians["clinician_key"], clinicians["name"], strict=True)
    }
    doctors = _doctors(passport, account, list(names))
    new = {key: name for key, name in names.items() if key not in doctors}
    if new:
        _add_doctors(passport, hospital, account, new, settings)
        doctors |= _doctors(passport, account, list(new))
        lost = new.keys() - doctors.keys()
        if lost:
            raise PassportRefused(
                f"{hospital.key}: {len(lost)} clinicians have no account, because other doctors or users "
                f"hold the licence numbers {_licence(hospital.key)}-... or their e-mail addresses; "
                "set openmrsProviderUuid and hospital of those doctors"
            )
    _complete(passport, doctors)
    gone = _rename(passport, hospital, doctors, {key: name for key, name in names.items() if key not in new})
    if gone:
        _add_doctors(passport, hospital, account, gone, settings)
    return {key: (str(doctor["user"]), str(doctor["_id"])) for key, doctor in doctors.items()}


def placeholder_id(kind: str, *names: str) -> ObjectId:
    """The _id of a placeholder: no creation second, then a hash of what it stands for."""
    return ObjectId(bytes(4) + blake2b("\0".join((kind, *names)).encode(), digest_size=8).digest())


@answering("looking for the accounts that records name")
def days_without_accounts(passport: Passport, hospital_key: str) -> set[date]:
    """The days whose runs make placeholder accounts again that records name and that are gone, because a collection
    was dropped or replaced by an older copy: for each such account the first day that names it, for the hospital's
    own, which every run makes again, the first day of all. An account of the application that is gone was deleted on
    purpose. Raises PassportError.
    """
    named_by_records: list[Document] = [
        {"$match": {"source.hospital": hospital_key}},
        {
            "$group": {
                "_id": {"user": "$createdBy", "doctor": "$source.doctorId"}, "day": {"$min": "$source.day"}
            }
        },
        {"$sort": {"day": 1}},
    ]  # fmt: skip
    accounts = list(passport[RECORDS].aggregate(named_by_records, allowDiskUse=True))
    days = {account["day"] for account in accounts[:1]} if _is_lacking(_hospital(passport, hospital_key)) else set()
    own = str(placeholder_id("hospital-user", hospital_key))
    for field, collection in (("user", USERS), ("doctor", DOCTORS)):
        first: dict[str, str] = {}
        for named in accounts:
            account_id = named["_id"].get(field)
            if _is_placeholder(account_id) and account_id != own:
                first.setdefault(account_id, named["day"])
        for ids in bulk.chunks(first, IDS_PER_QUERY):
            existing = passport[collection].find(
                {"_id": {"$in": bulk.object_ids(ids)}}, {"_id": 1}, batch_size=IDS_PER_QUERY
            )
            days |= {first[account_id] for account_id in {*ids} - {str(account["_id"]) for account in existing}}
    return {date.fromisoformat(day) for day in days}


def _is_placeholder(account: str | None) -> bool:
    """Whether a user or doctor (24 hex digits) is one that `placeholder_id` has named."""
    return account is not None and account.startswith("0" * 8)


def _hospital(passport: Passport, key: str) -> Document | None:
    """A hospital's document, with those of its `users` that exist."""
    users = {"from": USERS, "localField": "user", "foreignField": "_id", "pipeline": [{"$project": {"_id": 1}}]}
    documents = passport[HOSPITALS].aggregate(
        [{"$match": {"openmrsHospitalKey": key}}, {"$limit": 1}, {"$lookup": {**users, "as": "users"}}]
    )
    return next(iter(documents), None)


def _is_lacking(hospital: Document | None) -> bool:
    return hospital is None or (_is_placeholder(str(hospital["user"])) and not hospital["users"])


def fit_name(name: object) -> str:
    """A name that the application accepts: 2 to 50 characters."""
    text = " ".join(str(name).split()) if isinstance(name, str) else ""
    return text[:LONGEST_NAME].strip() if len(text) >= 2 else UNKNOWN_CLINICIAN


def _licence(*parts: str) -> str:
    return "-".join(("OPENMRS", *parts)).upper()


def _email(domain: str, kind: str, *names: str) -> str:
    """An address that the application accepts and that no two placeholders share."""
    readable = re.sub("[^a-z0-9]+", "-", names[0].lower()).strip("-")
    return f"{kind}.{readable}.{placeholder_id(kind, *names).binary[4:].hex()}@{domain}"


def _user(user_id: ObjectId, name: str, email: str, role: str, source: Mapping[str, str]) -> Document:
    # Nobody ever learns the secret. It is as hard to guess as the hash is to forge, so the lowest cost will do.
    unusable = bcrypt.hashpw(secrets.token_urlsafe(48).encode(), bcrypt.gensalt(rounds=4))
    return {
        "_id": user_id,
        "name": name,
        "email": email,
        "password": unusable.decode(),
        "role": role,
        "isActive": True,
        "isEmailVerified": True,
        "placeholder": dict(source),
        **_stamps(),
    }


def _stamps() -> Document:
    now = datetime.now(UTC)
    return {"createdAt": now, "updatedAt": now, "__v": 0}


def _insert(passport: Passport, collection: str, documents: Sequence[Document]) -> set[ObjectId]:
    """Insert the documents that do not exist yet; returns the ids of those that exist now."""
    outcome = bulk.insert(passport[collection], documents)
    if outcome.invalid:
        raise PassportRefused(f"MongoDB refused {len(outcome.invalid)} new {collection} for: {outcome.invalid_fields}")
    existing = {document["_id"] for document in documents} - outcome.same_key
    if outcome.same_key:
        cursor = passport[collection].find({"_id": {"$in": list(outcome.same_key)}}, {"_id": 1})
        existing |= {document["_id"] for document in cursor}
    return existing


def _add_hospital(passport: Passport, hospital: Hospital, settings: Settings) -> None:
    user_id = placeholder_id("hospital-user", hospital.key)
    email = _email(settings.placeholder_domain, "hospital", hospital.key)
    name = fit_name(hospital.name)
    user = _user(user_id, name, email, "hospital", {"hospital": hospital.key, "name": name})
    if not _insert(passport, USERS, [user]):
        return
    document = {
        "_id": placeholder_id("hospital", hospital.key),
        "user": user_id,
        "name": hospital.name,
        "address": "Not known",
        "contact": "Not known",
        "licenseNumber": _licence(hospital.key),
        "status": "active",
        "openmrsHospitalKey": hospital.key,
        **_stamps(),
    }
    _insert(passport, HOSPITALS, [document])


def _doctors(passport: Passport, account: Account, keys: Sequence[str]) -> dict[str, Document]:
    cursor = passport[DOCTORS].find(
        {"openmrsProviderUuid": {"$in": list(keys)}, "hospital": ObjectId(account.hospital_id)},
        {"user": 1, "openmrsProviderUuid": 1, **dict.fromkeys(_SHOWN, 1)},
        batch_size=len(keys) * 2 + 1,
    )
    doctors: dict[str, Document] = {}
    # Where the application has registered a doctor beside the placeholder, the application's own is used.
    for doctor in sorted(cursor, key=lambda doctor: (doctor["_id"].binary[:4] == bytes(4), doctor["_id"])):
        doctors.setdefault(doctor["openmrsProviderUuid"], doctor)
    return doctors


def _add_doctors(
    passport: Passport, hospital: Hospital, account: Account, names: Mapping[str, str], settings: Settings
) -> None:
    users, doctors = [], []
    for key, name in names.items():
        user_id = placeholder_id("user", hospital.key, key)
        email = _email(settings.placeholder_domain, "clinician", hospital.key, key)
        users.append(_user(user_id, name, email, "doctor", {"hospital": hospital.key, "clinician": key, "name": name}))
        doctors.append(
            {
                "_id": placeholder_id("doctor", hospital.key, key),
                "user": user_id,
                "licenseNumber": _licence(hospital.key, key),
                "specialization": "General Practice",
                "hospital": ObjectId(account.hospital_id),
                "openmrsProviderUuid": key,
                **_SHOWN,
                **_stamps(),
            }
        )
    existing_users = _insert(passport, USERS, users)
    _insert(passport, DOCTORS, [doctor for doctor in doctors if doctor["user"] in existing_users])


def _complete(passport: Passport, doctors: Mapping[str, Document]) -> None:
    """Give placeholder doctors what an earlier version did not; what the application has set stays."""
    operations, ids = [], []
    for doctor in doctors.values():
        for name in _SHOWN.keys() - doctor.keys() if _is_placeholder(str(doctor["_id"])) else ():
            lacking = {"_id": doctor["_id"], name: {"$exists": False}}
            operations.append(UpdateOne(lacking, {"$set": {name: _SHOWN[name], "updatedAt": datetime.now(UTC)}}))
            ids.append(doctor["_id"])
    bulk.write(passport[DOCTORS], operations, ids)


def _rename(
    passport: Passport, hospital: Hospital, doctors: Mapping[str, Document], names: Mapping[str, str]
) -> dict[str, str]:
    """Give placeholder users the hospital's present names; returns the clinicians, with their names, whose placeholder
    is gone.
    """
    placeholders = {placeholder_id("user", hospital.key, key): key for key in names}
    users = {doctor["user"] for doctor in doctors.values()} & placeholders.keys()
    if not users:
        return {}
    gone = {placeholders[user]: names[placeholders[user]] for user in users}
    operations, ids = [], []
    cursor = passport[USERS].find(
        {"_id": {"$in": list(users)}}, {"name": 1, "placeholder.name": 1}, batch_size=len(users) + 1
    )
    for user in cursor:
        name, before = gone.pop(placeholders[user["_id"]]), (user.get("placeholder") or {}).get("name")
        # Any other name than the last placeholder's was set by the application; it stays.
        if user["name"] == before != name:
            change = {"name": name, "placeholder.name": name, "updatedAt": datetime.now(UTC)}
            operations.append(UpdateOne({"_id": user["_id"], "name": before}, {"$set": change}))
            ids.append(user["_id"])
    bulk.write(passport[USERS], operations, ids)
    return gone
