"""Small frames in the reader's schema, written as the few columns that a test is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.overlays import Overlay
from passport_pipeline.identity.matching import match, national_ids
from passport_pipeline.records.documents import Documents, documents
from passport_pipeline.sources.drafts import ENCOUNTERS, Drafts
from passport_pipeline.sources.lookups import (
    CONCEPTS,
    DRUGS,
    ENCOUNTER_TYPES,
    LOCATIONS,
    MAPPINGS,
    NAMES,
    PROVIDERS,
    ROLES,
    USERS,
    ConceptLookup,
    LocationLookup,
    Lookups,
    ProviderLookup,
)
from passport_pipeline.sources.openmrs.observations.drafting import draft
from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS

HOSPITAL = Hospital(key="central", name="Central Hospital", url_env="CENTRAL_URL", timezone="Africa/Kigali")
NOW = datetime(2025, 11, 6, 9, 0, tzinfo=UTC)
PATIENT = "65f0c0ffee0000000000abcd"
USER, DOCTOR = "65f0c0ffee00000000000001", "65f0c0ffee00000000000002"
HOSPITAL_USER = "65f0c0ffee00000000000003"

Row = Mapping[str, Any]


def frame(schema: Mapping[str, str], rows: Iterable[Row]) -> pd.DataFrame:
    listed = list(rows)
    columns = {
        name: pd.Series([row.get(name, False if dtype == "bool" else None) for row in listed], dtype="object")
        for name, dtype in schema.items()
    }
    return pd.DataFrame(
        {
            name: pd.to_datetime(column).astype(schema[name])
            if schema[name].startswith("datetime")
            else column.astype(schema[name])
            for name, column in columns.items()
        }
    )


def obs(obs_id: int, concept_id: int, **columns: Any) -> dict[str, Any]:
    """One row; what a test does not say is the ordinary case."""
    return {
        "obs_id": obs_id,
        "obs_uuid": f"obs-uuid-{obs_id}",
        "unit_id": 0,
        "day": "2025-11-06",
        "dated": "2025-11-06 10:20:00",
        "person_id": 789,
        "person_uuid": "person-uuid-789",
        "concept_id": concept_id,
        "obs_datetime": "2025-11-06 10:30:00",
        "creator": 100,
        "date_created": "2025-11-06 10:35:00",
        "row_crc": obs_id * 7,
    } | columns


def in_encounter(encounter_id: int, *rows: Row, **columns: Any) -> list[dict[str, Any]]:
    """The rows, all of one encounter."""
    encounter = {"encounter_id": encounter_id, "encounter_uuid": f"encounter-uuid-{encounter_id}"}
    encounter |= {"encounter_datetime": "2025-11-06 10:00:00"}
    return [{**row, **encounter, **columns} for row in rows]


def observations(*rows: Row) -> pd.DataFrame:
    return frame(OBSERVATION_COLUMNS, rows)


def concept(concept_id: int, name: str | None, datatype: str = "N/A", cls: str = "Misc", **more: Any) -> dict[str, Any]:
    identity = {"concept_id": concept_id, "uuid": f"concept-{concept_id}", "name": name}
    return identity | {"datatype": datatype, "concept_class": cls} | more


YES = concept(1, "Yes")
NO = concept(2, "No")


def concepts(
    *rows: Row,
    mappings: Iterable[tuple[Any, ...]] = (),
    drugs: Iterable[tuple[Any, ...]] = (),
    names: Iterable[tuple[Any, ...]] = (),
) -> ConceptLookup:
    """Mappings are (concept_id, source, code[, map type]); drugs (drug_id, name, concept_id, strength); names besides
    the displayed ones (concept_id, name, locale[, kind]).
    """
    return ConceptLookup(
        concepts=frame(CONCEPTS, [YES, NO, *rows]),
        mappings=frame(MAPPINGS, [dict(zip(MAPPINGS, (*row, "SAME-AS")[:4], strict=True)) for row in mappings]),
        drugs=frame(DRUGS, [dict(zip(DRUGS, row, strict=True)) for row in drugs]),
        true_id=1,
        false_id=2,
        names=frame(NAMES, [dict(zip(NAMES, (*row, "full")[:4], strict=True)) for row in names]),
    )


def lookups(
    dictionary: ConceptLookup,
    *,
    providers: Iterable[Row] = (),
    users: Iterable[Row] = ({"user_id": 100, "uuid": "user-100", "name": "Jane Smith"},),
    roles: Iterable[Row] = (),
    encounter_types: Iterable[Row] = (),
) -> Lookups:
    return Lookups(
        concepts=dictionary,
        providers=ProviderLookup(
            providers=frame(PROVIDERS, providers),
            users=frame(USERS, users),
            roles=frame(ROLES, roles),
        ),
        locations=LocationLookup(
            locations=frame(
                LOCATIONS,
                [{"location_id": 5, "uuid": "location-5", "name": "Outpatient Clinic"}],
            ),
            encounter_types=frame(ENCOUNTER_TYPES, encounter_types),
        ),
    )


def matched(rows: pd.DataFrame, patients: Mapping[int, str] | None = None) -> pd.DataFrame:
    """Every person of the frame matched to PATIENT, or as told (a person left out is an unknown patient)."""
    persons = rows[["person_id", "person_uuid"]].drop_duplicates()
    accounts = dict.fromkeys(persons["person_id"].tolist(), PATIENT) if patients is None else patients
    identifiers = frame(
        {"person_id": "int64", "identifier": "str"},
        [{"person_id": p, "identifier": f"{p:012d}"} for p in persons["person_id"].tolist()],
    )
    return match(
        persons, national_ids(identifiers), lambda ids: {i: [accounts[int(i)]] for i in ids if int(i) in accounts}
    )


def under(*overlays: Overlay) -> Hospital:
    """The hospital under these overlays."""
    return HOSPITAL.model_copy(update={"settings": HOSPITAL.settings.model_copy(update={"overlays": overlays})})


_KEPT: dict[int, tuple[ConceptLookup, Lookups]] = {}


def with_staff(known: ConceptLookup | Lookups) -> Lookups:
    """All lookups; of a dictionary the same as before, since what is derived from it takes most of a small draft."""
    if isinstance(known, Lookups):
        return known
    kept, everything = _KEPT.get(id(known), (None, None))
    if kept is not known or everything is None:
        everything = lookups(known)
        _KEPT[id(known)] = known, everything
    return everything


def drafts_of(rows: pd.DataFrame, known: ConceptLookup | Lookups, hospital: Hospital = HOSPITAL) -> Drafts:
    return draft(rows, with_staff(known), hospital)


def accounts_of(clinicians: pd.DataFrame) -> dict[str | None, tuple[str, str | None]]:
    """The same account for every clinician, and the hospital's where nobody else is answerable."""
    return {None: (HOSPITAL_USER, None), **dict.fromkeys(clinicians["clinician_key"], (USER, DOCTOR))}


def led(drafts: Drafts) -> pd.DataFrame:
    """The records that rows lead."""
    return drafts.records[drafts.records["stream"] != ENCOUNTERS].reset_index(drop=True)


def visits(drafts: Drafts) -> pd.DataFrame:
    """The records that are visits."""
    return drafts.records[drafts.records["stream"] == ENCOUNTERS].reset_index(drop=True)


def led_documents(made: Documents) -> list[dict[str, Any]]:
    """The records that rows lead."""
    return [record for record in made.records if record["source"]["stream"] != ENCOUNTERS]


def visit_documents(made: Documents) -> list[dict[str, Any]]:
    """The records that are visits."""
    return [record for record in made.records if record["source"]["stream"] == ENCOUNTERS]


def documents_of(
    rows: pd.DataFrame,
    known: ConceptLookup | Lookups,
    *,
    matches: pd.DataFrame | None = None,
    hospital: Hospital = HOSPITAL,
    now: datetime = NOW,
) -> Documents:
    drafts = drafts_of(rows, known, hospital)
    matches = matched(rows) if matches is None else matches
    return documents(drafts, hospital, matches, accounts_of(drafts.clinicians), now, "run-1")
