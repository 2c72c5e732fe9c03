"""A hospital that holds only the example of the integration document: observation 12345, Jane Smith's
diagnosis.

What belongs here: that example, row by row. What does not: realistic hospitals (generator).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd

from passport_sample.frames import account, table
from passport_sample.hospital import NATIONAL_ID, HospitalSpec, SampleHospital
from passport_sample.population import PassportPeople, passport_patients

OBS_ID, PATIENT, TYPIST = 12345, 789, 100
"""obs_id, person_id of the patient, and user_id of Jane Smith."""
NATIONAL_ID_NUMBER = "1234567890123"
WHEN = pd.Timestamp("2025-11-06 10:30:00")

_LOCATION, _DIAGNOSIS, _MALARIA = 5, 102, 456


def seed_example(version: str = "2.8") -> SampleHospital:
    """The example as a hospital of the version, called Hospital 1."""
    spec = HospitalSpec(
        "hospital-1", "Hospital 1", version, "Africa/Kigali", patients=1, start=date(2025, 11, 1),
        end=date(2025, 11, 30), edges=False,
    )  # fmt: skip
    row = {
        "obs_id": OBS_ID,
        "person_id": PATIENT,
        "concept_id": _DIAGNOSIS,
        "value_coded": _MALARIA,
        "obs_datetime": WHEN,
        "date_created": WHEN,
        "location_id": _LOCATION,
        "creator": TYPIST,
        "status": "FINAL",
    }
    names = {_DIAGNOSIS: "DIAGNOSIS", _MALARIA: "Malaria"}
    tables: dict[str, list[dict[str, object]]] = {
        "obs": [row],
        "person": [{"person_id": n, "gender": "F"} for n in (1, PATIENT, TYPIST)],
        "person_name": [
            _name(1, 1, "System", "Administrator"),
            _name(2, PATIENT, "John", "Doe"),
            _name(3, TYPIST, "Jane", "Smith"),
        ],
        "patient": [{"patient_id": PATIENT, "allergy_status": "Unknown"}],
        "patient_identifier_type": [
            {"patient_identifier_type_id": 4, "name": "National ID", "description": "National ID"}
            | {"check_digit": 0, "required": 0, "uuid": NATIONAL_ID}
        ],
        "patient_identifier": [
            {"patient_identifier_id": 1, "patient_id": PATIENT, "identifier": NATIONAL_ID_NUMBER}
            | {"identifier_type": 4, "preferred": 1, "location_id": _LOCATION}
        ],
        "users": [account(1, 1, "admin", spec.key), account(TYPIST, TYPIST, "jane", spec.key) | {"email": None}],
        "location": [{"location_id": _LOCATION, "name": "Outpatient Clinic"}],
        "concept_class": [
            {"concept_class_id": 1, "name": "Question", "description": "Question"},
            {"concept_class_id": 2, "name": "Diagnosis", "description": "Diagnosis"},
        ],
        "concept_datatype": [
            {"concept_datatype_id": 1, "name": "Coded", "hl7_abbreviation": "CWE", "description": "Coded"},
            {"concept_datatype_id": 2, "name": "N/A", "hl7_abbreviation": "ZZ", "description": "N/A"},
        ],
        "concept": [
            {"concept_id": _DIAGNOSIS, "class_id": 1, "datatype_id": 1, "is_set": 0},
            {"concept_id": _MALARIA, "class_id": 2, "datatype_id": 2, "is_set": 0},
        ],
        "concept_name": [
            {"concept_name_id": n, "concept_id": concept, "name": name, "locale": "en", "locale_preferred": 1}
            | {"concept_name_type": "FULLY_SPECIFIED"}
            for n, (concept, name) in enumerate(names.items(), 1)
        ],
    }  # fmt: skip
    empty = (
        "encounter", "encounter_provider", "encounter_role", "encounter_type", "provider", "visit", "visit_type",
        "drug", "concept_numeric", "person_merge_log", "global_property", "concept_set", "concept_answer",
    )  # fmt: skip
    return SampleHospital(
        spec=spec,
        seed=0,
        tables={name: table(name, rows, spec.key) for name, rows in tables.items()}
        | {name: table(name, []) for name in empty},
        notes=pd.DataFrame({"becomes": ["condition"], "fault": [None]}, index=[OBS_ID]),
        identities={1: NATIONAL_ID_NUMBER},
        shown=names,
        shown_row={_DIAGNOSIS: 1, _MALARIA: 2},
        concept_ids={"diagnosis": _DIAGNOSIS, "malaria": _MALARIA},
        clock=WHEN + pd.Timedelta(hours=1),
    )


def _name(number: int, person: int, given: str, family: str) -> dict[str, object]:
    return {
        "person_name_id": number,
        "person_id": person,
        "given_name": given,
        "family_name": family,
        "preferred": 1,
    }


def seed_passport() -> PassportPeople:
    """A passport that knows only the example's patient."""
    made = passport_patients(seed=0, count=4)
    user = made.users[0] | {"name": "John Doe", "email": "john.doe@passport.example.org"}
    return replace(made, users=[user], patients=[made.patients[0] | {"nationalId": NATIONAL_ID_NUMBER}])
