"""The citizens whom all sample hospitals share, and what the passport knows of them.

What belongs here: the citizens, with a national id, and the users and patients of the passport's own
database. What does not: how a hospital writes a citizen down (people). Every name is visibly made up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from bson import ObjectId

from passport_sample.frames import rng_of

GIVEN = (
    "Amberlyn", "Bertolf", "Célestrine", "Dorvane", "Elsabee", "Farrick", "Gwenolé", "Harlowe", "Isaura", "Jorund",
    "Katrielle", "Lysander", "Mirabeth", "Nolwenna", "Oriel", "Pélagie", "Quillon", "Rosamonde", "Sévastien", "Tamsine",
    "Ulrika", "Verdell", "Wystan", "Xanthe", "Yorick", "Zéphyrine",
)  # fmt: skip
FAMILY = (
    "Samplewood", "Exampleton", "Mockridge", "Specimen", "Testerby", "Fabriqué", "Placeholder", "Demoville", "Fauxmont",
    "Inventia", "Notareal", "Pseudonet", "Imaginaire", "Sketchley", "Dummont", "Trialgate", "Protoson", "Modelier",
)  # fmt: skip
UNKNOWN_SHARE = 0.1
"""How many citizens have no passport."""

_HASH_LETTERS = np.array(list("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
_BLOOD = ("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-")


@dataclass(frozen=True)
class PassportPeople:
    """The passport's own documents before any hospital is read, as its application writes them."""

    users: list[dict[str, Any]]
    patients: list[dict[str, Any]]

    @property
    def known(self) -> frozenset[str]:
        """The national ids that the passport has."""
        return frozenset(each["nationalId"] for each in self.patients)

    def patient_of(self) -> dict[str, str]:
        """National id -> the patient's _id, as 24 hexadecimal characters."""
        return {each["nationalId"]: str(each["_id"]) for each in self.patients}


def citizens(seed: int, count: int, first: int = 0) -> pd.DataFrame:
    """Citizens `first` to `first + count`, the same ones whoever asks; indexed by their number.

    Columns: given, family str; gender "M" or "F"; birthdate datetime64; national_id str (16 digits, every
    third 13 digits with a leading zero); known bool (has a passport).
    """
    upto = first + count

    def draw(what: str, high: int) -> np.ndarray:
        return rng_of("citizens", seed, what).integers(0, high, upto)

    number = np.arange(upto)
    born = pd.Timestamp("1932-01-01") + pd.to_timedelta(draw("birth", 33_000), unit="D")
    female = draw("gender", 2) == 1
    serial = (number * 7919 + 104_729 * (seed % 97) + 13) % 10_000_000
    tail = draw("tail", 1000)
    ids = [
        f"0{9_000_000 + s:08d}{t % 1000:03d}{n % 10}" if n % 3 == 2 else f"1{y:04d}{8 - f}{s:07d}{t:03d}"
        for n, s, t, y, f in zip(
            number.tolist(),
            serial.tolist(),
            tail.tolist(),
            born.year.tolist(),
            female.astype(int).tolist(),
            strict=True,
        )
    ]
    frame = pd.DataFrame(
        {
            "given": np.array(GIVEN, dtype=object)[draw("given", len(GIVEN))],
            "family": np.array(FAMILY, dtype=object)[draw("family", len(FAMILY))],
            "gender": np.where(female, "F", "M"),
            "birthdate": born,
            "national_id": ids,
            "known": rng_of("citizens", seed, "known").random(upto) >= UNKNOWN_SHARE,
        },
        index=number,
    )
    return frame.iloc[first:]


def passport_patients(seed: int, count: int, first: int = 0) -> PassportPeople:
    """The users and patients whom the passport has among these citizens, in the application's own shape."""
    frame = citizens(seed, count, first)
    return _people(seed, frame[frame["known"]], first)


def newcomers(seed: int, count: int, first: int = 0) -> PassportPeople:
    """Those of these citizens who have no passport yet, as the application registers them later."""
    frame = citizens(seed, count, first)
    return _people(seed, frame[~frame["known"]], first)


def _people(seed: int, frame: pd.DataFrame, first: int) -> PassportPeople:
    rng = rng_of("passport", seed, first)
    letters = _HASH_LETTERS[rng.integers(0, 64, (len(frame), 53))]
    blood = rng.integers(0, len(_BLOOD), len(frame))
    registered = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
    stamps = {"createdAt": registered, "updatedAt": registered, "__v": 0}
    users, patients = [], []
    for n, row in enumerate(zip(*(frame[c] for c in frame.columns), frame.index, strict=True)):
        given, family, gender, birthdate, national_id, _, number = row
        user_id = _object_id("user", seed, number)
        users.append(
            {
                "_id": user_id,
                "name": f"{given} {family}",
                "email": f"citizen{number}@passport.example.org",
                "password": "$2b$10$" + "".join(letters[n]),
                "role": "patient",
                "isActive": True,
                "isEmailVerified": True,
            }
            | stamps
        )
        patients.append(
            {
                "_id": _object_id("patient", seed, number),
                "user": user_id,
                "nationalId": national_id,
                "dateOfBirth": birthdate.to_pydatetime().replace(tzinfo=UTC),
                "gender": "female" if gender == "F" else "male",
                "contactNumber": f"+999 555 {number:07d}",
                "address": f"{number % 200 + 1} Sample Street, Exampletown",
                "bloodType": _BLOOD[int(blood[n])],
                "emergencyContact": {
                    "name": f"{GIVEN[number % len(GIVEN)]} {family}",
                    "relationship": "relative",
                    "phone": f"+999 556 {number:07d}",
                },
                "status": "active",
                "medicalHistory": [],
                "medications": [],
                "testResults": [],
                "hospitalVisits": [],
            }
            | stamps
        )
    return PassportPeople(users, patients)


def _object_id(kind: str, seed: int, number: int) -> ObjectId:
    """An ObjectId of January 2025 that depends on the parts alone."""
    tail = hashlib.blake2b(f"{kind}/{seed}/{number}".encode(), digest_size=8).digest()
    return ObjectId(int(datetime(2025, 1, 6, 9, tzinfo=UTC).timestamp()).to_bytes(4, "big") + tail)
