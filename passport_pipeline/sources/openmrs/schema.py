"""What an OpenMRS database must have, which version its columns belong to, and what an older version lacks.

What belongs here: these three. What does not: asking the database for its columns (sources.mysql.schema), and the
columns themselves (tables).
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from passport_pipeline.core.errors import SourceRefused
from passport_pipeline.sources.mysql.schema import Schema, read_schema
from passport_pipeline.sources.openmrs.tables import MARKERS, metadata

# Required. Where other columns are missing, the result degrades.
REQUIRED = {
    table: columns.split()
    for table, columns in {
        "obs": "obs_id person_id concept_id encounter_id obs_datetime obs_group_id value_coded "
        "value_datetime value_numeric value_text creator date_created voided uuid",
        "encounter": "encounter_id patient_id encounter_type location_id encounter_datetime voided uuid",
        "person": "person_id voided uuid",
        "patient": "patient_id voided",
        "patient_identifier": "patient_id identifier identifier_type voided",
        "patient_identifier_type": "patient_identifier_type_id name uuid",
        "person_name": "person_id given_name family_name voided",
        "users": "user_id person_id",
        "provider": "provider_id person_id",
        "location": "location_id name",
        "encounter_type": "encounter_type_id name",
        "concept": "concept_id datatype_id class_id uuid",
        "concept_name": "concept_id name locale",
        "concept_class": "concept_class_id name",
        "concept_datatype": "concept_datatype_id name",
    }.items()
}

# Newest first; the first with its column in the database names the version.
_VERSIONS = (
    ("2.9", "outbox_event", "event_type"),
    ("2.7", "concept_reference_range", "concept_reference_range_id"),
    ("2.6", "medication_dispense", "medication_dispense_id"),
    ("2.5", "encounter_diagnosis", "dx_rank"),
    ("2.4", "conditions", "encounter_id"),
    ("2.3", "drug", "dose_limit_units"),
    ("2.2", "encounter_diagnosis", "diagnosis_id"),
    ("2.1", "obs", "status"),
    ("1.9", "encounter_provider", "encounter_provider_id"),
)

_DEGRADED = (
    ("obs", "previous_version", "a change of an old observation is found by a full survey, not by that of the tail"),
    ("obs", "interpretation", "a test's status comes from its concept's ranges alone"),
    ("obs", "status", "preliminary observations cannot be told from final ones"),
    ("encounter_provider", "provider_id", "the clinician is the encounter's one provider, else who typed"),
    ("concept_reference_map", "concept_id", "concepts have no mappings; categories come from classes and names"),
    ("concept_numeric", "units", "numeric values have neither units nor ranges"),
    ("concept_complex", "handler", "numbers in complex values are not known to be locations or providers"),
    ("drug", "name", "drugs go by their concept's name"),
    ("global_property", "property_value", "the concepts of true and false are unknown"),
)


def version_of(schema: Schema) -> str:
    """The oldest OpenMRS version that has these columns; "2.7" stands for 2.8 too."""
    return next((version for version, table, column in _VERSIONS if schema.has(table, column)), "1.8")


def degraded(schema: Schema) -> list[str]:
    """What degrades for lack of a column, one sentence each."""
    return [
        f"{table}.{column} is missing (or not granted): {effect}"
        for table, column, effect in _DEGRADED
        if not schema.has(table, column)
    ]


def probe(connection: sa.Connection, hospital_key: str) -> Schema:
    """The schema of the database, with one statement.

    Raises SourceRefused where it is no OpenMRS database, or where required tables are not granted.
    """
    schema = read_schema(connection, {*metadata.tables, *MARKERS})
    missing = _missing(schema)
    if "obs" in missing and "person" in missing and "encounter" in missing:
        raise SourceRefused(
            f"{hospital_key}: the database holds no OpenMRS tables that the account may read; check the "
            "database's name in the URL and grant the account SELECT on it"
        )
    if missing:
        raise SourceRefused(
            f"{hospital_key}: missing in the database, or not granted to the account: {', '.join(missing)}; "
            "grant SELECT on them"
        )
    return schema


def _missing(schema: Schema) -> list[str]:
    return [name for table, columns in REQUIRED.items() for name in _missing_of(schema, table, columns)]


def _missing_of(schema: Schema, table: str, columns: Iterable[str]) -> list[str]:
    if not schema.has(table):
        return [table]
    return [f"{table}.{column}" for column in columns if not schema.has(table, column)]
