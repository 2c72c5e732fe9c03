"""What rows of a record system result in, in words that are the same for all: records, still without their patient's
account in the passport, and an outcome for every row.

What belongs here: the columns of a draft, and the words in them (outcomes, roles, reasons, types of record and value).
What does not: how a stream decides them (sources.openmrs.observations), the documents (records).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.lookups import Lookups

LEAD, ATTACHED, PARKED, SKIPPED = "lead", "attached", "parked", "skipped"

# Why a row is parked of which no record can be made as it is.
UNKNOWN_CONCEPT, INVALID_VALUE, INVALID_DATE = "unknown_concept", "invalid_value", "invalid_date"
NO_VALUE = "no_value"
UNREADABLE, ENCOUNTER_OF_ANOTHER_PATIENT = "unreadable", "encounter_of_another_patient"
REASONS = (UNKNOWN_CONCEPT, INVALID_DATE, INVALID_VALUE, NO_VALUE, UNREADABLE, ENCOUNTER_OF_ANOTHER_PATIENT)

NOT_MATCHED = "not_matched"
"""Why a row is parked whose person is not matched yet; the other reasons are those of identity.matching."""

UNBUILDABLE = "unbuildable"
"""Why a row is parked of which no document can be made: making it raised an unforeseen exception."""

EMPTY_GROUP = "empty_group"
PART_WITHOUT_DIAGNOSIS = "diagnosis_part_without_diagnosis"
SKIP_REASONS = (EMPTY_GROUP, PART_WITHOUT_DIAGNOSIS)

CONDITION, MEDICATION, TEST, VISIT, IMAGE = "condition", "medication", "test", "visit", "image"
RECORD_TYPES = (CONDITION, MEDICATION, TEST, VISIT, IMAGE)

CODED, TEXT, NUMERIC, BOOLEAN, DRUG, COMPLEX = "coded", "text", "numeric", "boolean", "drug", "complex"
DATE, TIME, DATETIME = "date", "time", "datetime"
VALUE_TYPES = (CODED, TEXT, NUMERIC, BOOLEAN, DRUG, COMPLEX, DATE, TIME, DATETIME)


ROW_COLUMNS = ["row_id", "row_uuid", "row_crc", "day", "person_uuid", "created_at"]
"""The columns of Drafter.identities that an outcome has."""


class Concept(NamedTuple):
    """A question in the hospital's dictionary; a concept that it lacks has the id -1 and no words."""

    concept_id: int
    uuid: str | None
    name: str | None
    datatype: str | None
    concept_class: str | None


class Group(NamedTuple):
    """The row of which a record's rows are members, and its concept."""

    row_id: int
    row_uuid: str
    concept: Concept


@dataclass(frozen=True)
class Drafts:
    """The records and outcomes of a frame of rows.

    outcomes    one row per source row, in the frame's order: ROW_COLUMNS as Drafter.identities gives them; outcome str
                (lead, attached, parked, skipped); lead_row_id Int64 (its own for a lead; null where skipped); role str
                (lead, or what the row is to its record); reason str (of REASONS or SKIP_REASONS; null where lead or
                attached)
    records     one row per lead that is not parked, by row_id. Never null: row_id, row_uuid, day, person_id,
                person_uuid as Drafter.identities gives them; position int64 (of its row in `outcomes`); type str (of
                RECORD_TYPES); question, answer str; value_type str (of VALUE_TYPES); question_is_drug bool; hospital
                str; at datetime64[us] (when it was observed, by the hospital's wall clock); concept (a Concept). Null
                where there is none: author_key, author_name, author_signature str (the answerable clinician: the name
                without a title, and as a diagnosis is signed; null where nobody but the hospital is answerable);
                author_title str (as the source has it, never invented); created_at; dosage str;
                test_status str (of a test: Normal, Abnormal, Critical); certainty (confirmed, presumed) and order
                (primary, secondary) str of a diagnosis; remark str (why a diagnosis is only a note); author_providers
                (all of the encounter: a list of {uuid, role?}); entered_by str (who typed it); encounter_uuid str;
                location str; comment str; accession str; previous_row Int64; status str (as the source has it); group
                (a Group)
    clinicians  authors of the rows' records, by clinician_key: clinician_key, provider_uuid, name str; none null
    rules       the version of the rules that were applied

    Texts of `records` are Python objects, or str columns as they came from the source.
    """

    outcomes: pd.DataFrame
    records: pd.DataFrame
    clinicians: pd.DataFrame
    rules: int


class Drafter(Protocol):
    """What a stream knows of its rows without a connection. Pure: it reads nothing but its arguments."""

    def identities(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The identity of each row, and its group, in the frame's order and with an index from 0.

        row_id int64, row_uuid str, row_crc int64, day datetime64[s], person_id int64, person_uuid str, created_at
        datetime64[us] (by the hospital's wall clock; may be null), root_id int64 (rows with the same one are never
        drafted apart), parent int64 (where in the frame the header of its group is, -1 for none).
        """

    def draft(self, rows: pd.DataFrame, lookups: Lookups, hospital: Hospital) -> Drafts:
        """The drafts of a frame of whole groups."""
