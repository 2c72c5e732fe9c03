"""Accounts that records are attributed to: the hospital, and its clinicians.

What belongs here: finding the application's own hospital and doctors, and making placeholders, each a user
nobody can log in as, where it has none. What does not: who is the clinician of an observation (records).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

import bcrypt
import pandas as pd
from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import DOCTORS, HOSPITALS, USERS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

LONGEST_NAME = 50
NOBODY = "Unknown clinician"


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
    found = _hospital(passport, hospital.key)
    if _is_lacking(found):
        _add_hospital(passport, hospital, settings)
        found = _hospital(passport, hospital.key)
    if found is None:
        raise PassportRefused(
            f"{hospital.key}: a hospital of the application already has the licence number "
            f"{_licence(hospital.key)}, or a user its e-mail address; if the hospital is this one, set its "
            f"openmrsHospitalKey to {hospital.key}"
        )
    ours = found["_id"] == placeholder_id("hospital", hospital.key)
    if ours and found["name"] != hospital.name:
        renamed = {"$set": {"name": hospital.name, "updatedAt": datetime.now(UTC)}}
        passport[HOSPITALS].update_one({"_id": found["_id"]}, renamed)
    return Account(str(found["_id"]), str(found["user"]), hospital.name)


@answering("looking up clinicians' accounts")
def ensure_clinicians(
    passport: Passport, hospital: Hospital, account: Account, clinicians: pd.DataFrame, settings: Settings
) -> dict[str, tuple[str, str]]:
    """Accounts of these clinicians: clinician_key -> (user id, doctor id), each 24 hex digits.

    `clinicians` has the columns clinician_key str (unique, not null) and name str (nullable). A doctor of the
    hospital whose openmrsProviderUuid is the key is used as it is; else a placeholder is made, whose name
    follows the hospital's as long as the application leaves it alone, and whose user is made again where it is
    gone. A fixed number of commands, none of them a write when all is there. Any number of processes may do so at
    once. Raises PassportError.
    """
    names = {
        str(key): fit_name(name) for key, name in zip(clinicians["clinician_key"], clinicians["name"], strict=True)
    }
    found = _doctors(passport, account, list(names))
    new = {key: name for key, name in names.items() if key not in found}
    if new:
        _add_doctors(passport, hospital, account, new, settings)
        found |= _doctors(passport, account, list(new))
        lost = new.keys() - found.keys()
        if lost:
            raise PassportRefused(
                f"{hospital.key}: {len(lost)} clinicians have no account, because other doctors or users "
                f"hold the licence numbers {_licence(hospital.key)}-... or their e-mail addresses; "
                "set openmrsProviderUuid and hospital of those doctors"
            )
    gone = _rename(passport, hospital, found, {key: name for key, name in names.items() if key not in new})
    if gone:
        _add_doctors(passport, hospital, account, gone, settings)
    return {key: (str(doctor["user"]), str(doctor["_id"])) for key, doctor in found.items()}


def placeholder_id(kind: str, *names: str) -> ObjectId:
    """The _id of a placeholder: no creation second, as none is known, then a hash of what it stands for."""
    return ObjectId(bytes(4) + blake2b("\0".join((kind, *names)).encode(), digest_size=8).digest())


def is_placeholder(account: str | None) -> bool:
    """Whether a user or doctor (24 hex digits) is one that `placeholder_id` has named."""
    return account is not None and account.startswith("0" * 8)


def lacks_account(passport: Passport, hospital_key: str) -> bool:
    """Whether a hospital has no account in the passport, or a placeholder that has lost its user."""
    return _is_lacking(_hospital(passport, hospital_key))


def _hospital(passport: Passport, key: str) -> Document | None:
    """A hospital's document, with the users of it that are there."""
    users = {"from": USERS, "localField": "user", "foreignField": "_id", "pipeline": [{"$project": {"_id": 1}}]}
    found = passport[HOSPITALS].aggregate(
        [{"$match": {"openmrsHospitalKey": key}}, {"$limit": 1}, {"$lookup": {**users, "as": "users"}}]
    )
    return next(iter(found), None)


def _is_lacking(hospital: Document | None) -> bool:
    return hospital is None or (is_placeholder(str(hospital["user"])) and not hospital["users"])


def fit_name(name: object) -> str:
    """A name that the application accepts: 2 to 50 characters."""
    text = " ".join(str(name).split()) if isinstance(name, str) else ""
    return text[:LONGEST_NAME].strip() if len(text) >= 2 else NOBODY


def _licence(*parts: str) -> str:
    return "-".join(("OPENMRS", *parts)).upper()


def _email(domain: str, kind: str, *names: str) -> str:
    """An address that the application accepts and that no two placeholders share."""
    readable = re.sub("[^a-z0-9]+", "-", names[0].lower()).strip("-")
    return f"{kind}.{readable}.{placeholder_id(kind, *names).binary[4:].hex()}@{domain}"


def _user(user_id: ObjectId, name: str, email: str, role: str, source: Mapping[str, str]) -> Document:
    # Nobody ever learns the secret. It is as hard to guess as the hash is to forge, so the lowest cost will
    # do.
    unusable = bcrypt.hashpw(secrets.token_urlsafe(48).encode(), bcrypt.gensalt(rounds=4))
    now = datetime.now(UTC)
    return {
        "_id": user_id,
        "name": name,
        "email": email,
        "password": unusable.decode(),
        "role": role,
        "isActive": True,
        "isEmailVerified": True,
        "placeholder": dict(source),
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }


def _insert(passport: Passport, collection: str, documents: Sequence[Document]) -> set[ObjectId]:
    """Insert what is not there yet; returns the ids that are there now."""
    outcome = bulk.insert(passport[collection], documents)
    if outcome.unfit:
        fields = sorted({path for paths in outcome.unfit.values() for path in paths})
        raise PassportRefused(f"MongoDB refused {len(outcome.unfit)} new {collection} for: {', '.join(fields)}")
    there = {document["_id"] for document in documents} - outcome.same_key
    if outcome.same_key:
        cursor = passport[collection].find({"_id": {"$in": list(outcome.same_key)}}, {"_id": 1})
        there |= {found["_id"] for found in cursor}
    return there


def _add_hospital(passport: Passport, hospital: Hospital, settings: Settings) -> None:
    user_id = placeholder_id("hospital-user", hospital.key)
    email = _email(settings.placeholder_domain, "hospital", hospital.key)
    name = fit_name(hospital.name)
    user = _user(user_id, name, email, "hospital", {"hospital": hospital.key, "name": name})
    if not _insert(passport, USERS, [user]):
        return
    now = datetime.now(UTC)
    document = {
        "_id": placeholder_id("hospital", hospital.key),
        "user": user_id,
        "name": hospital.name,
        "address": "Not known",
        "contact": "Not known",
        "licenseNumber": _licence(hospital.key),
        "status": "active",
        "openmrsHospitalKey": hospital.key,
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }
    _insert(passport, HOSPITALS, [document])


def _doctors(passport: Passport, account: Account, keys: Sequence[str]) -> dict[str, Document]:
    cursor = passport[DOCTORS].find(
        {"openmrsProviderUuid": {"$in": list(keys)}, "hospital": ObjectId(account.hospital_id)},
        {"user": 1, "openmrsProviderUuid": 1},
        batch_size=len(keys) * 2 + 1,
    )
    found: dict[str, Document] = {}
    # Where the application has registered somebody beside the placeholder, the application's own is the one.
    for doctor in sorted(cursor, key=lambda one: (one["_id"].binary[:4] == bytes(4), one["_id"])):
        found.setdefault(doctor["openmrsProviderUuid"], doctor)
    return found


def _add_doctors(
    passport: Passport, hospital: Hospital, account: Account, names: Mapping[str, str], settings: Settings
) -> None:
    users, doctors, now = [], [], datetime.now(UTC)
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
                "createdAt": now,
                "updatedAt": now,
                "__v": 0,
            }
        )
    there = _insert(passport, USERS, users)
    _insert(passport, DOCTORS, [doctor for doctor in doctors if doctor["user"] in there])


def _rename(
    passport: Passport, hospital: Hospital, doctors: Mapping[str, Document], names: Mapping[str, str]
) -> dict[str, str]:
    """Bring the names of placeholder users into line with the hospital's; returns the clinicians, with their names,
    whose placeholder is gone.
    """
    keys = {placeholder_id("user", hospital.key, key): key for key in names}
    keys = {doctor["user"]: keys[doctor["user"]] for doctor in doctors.values() if doctor["user"] in keys}
    ours = {user: names[key] for user, key in keys.items()}
    if not ours:
        return {}
    operations, ids = [], []
    cursor = passport[USERS].find(
        {"_id": {"$in": list(ours)}}, {"name": 1, "placeholder.name": 1}, batch_size=len(ours) + 1
    )
    for user in cursor:
        del keys[user["_id"]]
        name, before = ours[user["_id"]], (user.get("placeholder") or {}).get("name")
        # A name that is not the one last given is the application's; it stays.
        if user["name"] == before != name:
            change = {"name": name, "placeholder.name": name, "updatedAt": datetime.now(UTC)}
            operations.append(UpdateOne({"_id": user["_id"], "name": before}, {"$set": change}))
            ids.append(user["_id"])
    bulk.write(passport[USERS], operations, ids)
    return {key: ours[user] for user, key in keys.items()}
