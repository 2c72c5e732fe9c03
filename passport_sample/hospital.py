"""A sample hospital: its specification, and the model that holds all its rows and what they mean.

What belongs here: the types that the other modules of the sample share. What does not: making rows (generator), writing
them (loading, mutations), what must become of them (oracle).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pandas as pd

ZERO_DATE = pd.Timestamp("0001-01-01")
"""Stands for MySQL's `0000-00-00 00:00:00` in the frames, which no datetime64 can hold."""

PASSWORD_CANARY = "canary-0f2d-never-read"  # noqa: S105 - never anybody's password
"""Stands in every password, salt and secret column: found anywhere else, somebody read what must not be
read."""

NATIONAL_ID = "b9d1c1a0-6f0e-4d0c-9a51-000000000001"
INSURANCE_ID = "b9d1c1a0-6f0e-4d0c-9a51-000000000002"
OPENMRS_ID = "05a29f94-c0ed-11e2-94be-8c13b969e334"
OLD_ID = "8d79403a-c2cc-11de-8d13-0010c6dffd0f"
"""Uuids of the identifier types; only NATIONAL_ID holds what the passport calls nationalId."""


@dataclass(frozen=True)
class HospitalSpec:
    """The specification of a sample hospital.

    `version` is one of schema.VERSIONS. Its patients are the `patients` citizens of the population from
    `first_citizen` on, so hospitals whose ranges overlap share patients. `patients * visits` encounters of
    about five observations each are typed between `start` and `end`. `charset` is that of its tables; `latin1`
    makes the obs table latin1. `variant` shifts the ids of persons, encounters and local concepts; where it is
    odd, "PROBLEM LIST" is called "DIAGNOSIS LIST". About `burst` rows share one second of date_created. Without
    `edges` nothing was ever edited, voided or odd.
    """

    key: str
    name: str
    version: str = "2.8"
    timezone: str = "Africa/Kigali"
    locales: tuple[str, ...] = ("en",)
    patients: int = 60
    first_citizen: int = 0
    visits: float = 4.0
    start: date = date(2025, 11, 1)
    end: date = date(2026, 10, 31)
    charset: str = "utf8mb4"
    latin1: bool = False
    variant: int = 0
    burst: int = 48
    edges: bool = True
    national_id_types: tuple[str, ...] = (NATIONAL_ID,)


@dataclass
class Merge:
    """One patient merge, with what undoing it needs."""

    winner: int
    loser: int
    moved_obs: list[int]
    moved_encounters: list[int]
    copied_identifiers: list[int]


@dataclass
class SampleHospital:
    """A hospital's whole database as frames, and what its rows mean.

    tables       table name -> frame with all columns that any version has, indexed by the table's numeric id
                 where it has one. Datetimes are naive local datetime64[us], NaT is NULL, ZERO_DATE the zero
                 date; integers Int64; texts object with None
    notes        indexed by obs_id, for every row ever written: `becomes` (condition, medication, test, visit,
                 image: it leads a record; certainty, order: part of a diagnosis; header: of a group), `fault`
                 (None, invalid_value, invalid_date, unknown_concept, no_value)
    identities   patient_identifier_id -> the national id it means in plain digits; "" where it is none that the
                 passport could know, None where the type is another or nothing is left of it
    shown        concept_id -> the name that the hospital's locales show
    shown_row    concept_id -> the concept_name_id of that name
    concept_ids  key of a concept (concepts.yaml) -> its concept_id at this hospital
    clock        the hospital's local time; every mutation moves it on
    merges       the patient merges that can be undone, oldest first
    """

    spec: HospitalSpec
    seed: int
    tables: dict[str, pd.DataFrame]
    notes: pd.DataFrame
    identities: dict[int, str | None]
    shown: dict[int, str]
    shown_row: dict[int, int]
    concept_ids: dict[str, int]
    clock: pd.Timestamp
    merges: list[Merge] = field(default_factory=list)

    @property
    def obs(self) -> pd.DataFrame:
        """The obs table, indexed by obs_id."""
        return self.tables["obs"]
