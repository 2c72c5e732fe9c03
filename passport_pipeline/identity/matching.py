"""Which passport patient a person at a hospital is: by national id alone, and never by a guess.

What belongs here: the rules and their reason codes. What does not: reading identifiers, looking patients up; both are
arguments.

Rules, in order; the first that holds decides. An id is compared in its normalised form, and an id that is empty then (a
dash, a space) counts as not written at all.
    no_national_id        the person has none
    several_national_ids  the person has two different ones. One valid beside one invalid is two as well:
                          a typing error cannot be told from somebody else's card
    invalid_national_id   it is not 10 to 16 digits
    shared_national_id    another person of the same hospital has it too, whether that person has rows or not
    unknown_patient       the passport has no patient with it (yet: the rows are parked and replayed)
    ambiguous_patient     the passport has more than one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from passport_pipeline.identity.normalise import normalise_national_id, valid

NO_NATIONAL_ID = "no_national_id"
SEVERAL_NATIONAL_IDS = "several_national_ids"
INVALID_NATIONAL_ID = "invalid_national_id"
SHARED_NATIONAL_ID = "shared_national_id"
UNKNOWN_PATIENT = "unknown_patient"
AMBIGUOUS_PATIENT = "ambiguous_patient"

REASONS = (
    NO_NATIONAL_ID,
    SEVERAL_NATIONAL_IDS,
    INVALID_NATIONAL_ID,
    SHARED_NATIONAL_ID,
    UNKNOWN_PATIENT,
    AMBIGUOUS_PATIENT,
)

IDENTITY_VERSION = 1
"""Raise it when a rule of `national_ids` or of normalising changes: stored national ids are then decided anew."""

FindPatients = Callable[[list[str]], Mapping[str, Sequence[str]]]
"""From national ids to the ids (24 hex digits) of the passport's patients who have each; unknown ones may be absent."""


def national_ids(identifiers: pd.DataFrame) -> pd.DataFrame:
    """The national id of each person that has any, and what at the hospital itself contradicts it.

    `identifiers` has person_id int64, identifier str (may be null), of ALL persons of the hospital: an id may be shared
    with a person who has no rows.

    Gives one row per person, in the order of person_id: person_id int64, national_id str (normalised; one of them
    where there are several), reason str (SEVERAL_NATIONAL_IDS, INVALID_NATIONAL_ID, SHARED_NATIONAL_ID; else null).
    """
    holders = pd.DataFrame(
        {
            "person_id": identifiers["person_id"].astype("int64"),
            "national_id": normalise_national_id(identifiers["identifier"]),
        }
    )
    holders = holders[holders["national_id"].notna() & (holders["national_id"] != "")].drop_duplicates()
    shared = holders.duplicated("national_id", keep=False)
    several = holders.duplicated("person_id", keep=False)
    reason = pd.Series(None, index=holders.index, dtype="str")
    reason = reason.mask(several, SEVERAL_NATIONAL_IDS)
    reason = reason.mask(reason.isna() & ~valid(holders["national_id"]), INVALID_NATIONAL_ID)
    reason = reason.mask(reason.isna() & shared, SHARED_NATIONAL_ID)
    holders = holders.assign(reason=reason.astype("str")).drop_duplicates("person_id")
    return holders.sort_values("person_id", ignore_index=True)


def match(persons: pd.DataFrame, holders: pd.DataFrame, find_patients: FindPatients) -> pd.DataFrame:
    """The passport patient of each person, or why there is none.

    persons  person_id int64, person_uuid str; one row each
    holders  the result of `national_ids` for their hospital
    find_patients is called once, for the ids that nothing contradicts; not at all where there are none.

    Gives one row per person, in their order: person_id int64, person_uuid str, patient_id str (24 hex digits,
    null where unmatched), reason str (one of REASONS, null where matched). Raises what find_patients raises.
    """
    matched = persons[["person_id", "person_uuid"]].astype({"person_id": "int64", "person_uuid": "str"})
    matched = matched.reset_index(drop=True)
    own = matched[["person_id"]].merge(holders, on="person_id", how="left")
    national_id = own["national_id"].astype("str")
    reason = own["reason"].astype("str").mask(national_id.isna(), NO_NATIONAL_ID)

    usable = national_id[reason.isna()].drop_duplicates().tolist()
    patients_by_id = {id_: {*patient_ids} for id_, patient_ids in (find_patients(usable) if usable else {}).items()}
    patients = national_id.map({id_: len(patient_ids) for id_, patient_ids in patients_by_id.items()}).fillna(0)
    patient_id = national_id.map({id_: min(patient_ids) for id_, patient_ids in patients_by_id.items() if patient_ids})
    reason = reason.mask(reason.isna() & (patients == 0), UNKNOWN_PATIENT)
    reason = reason.mask(reason.isna() & (patients > 1), AMBIGUOUS_PATIENT)
    return matched.assign(
        patient_id=patient_id.astype("str").where(reason.isna()).astype("str"), reason=reason.astype("str")
    )
