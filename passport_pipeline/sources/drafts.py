"""What rows of a record system result in, in words that are the same for all: records, still without their patient's
account in the passport, and an outcome for every row.

What belongs here: the columns of a draft, and the words in them (outcomes, roles, reasons, types of record and value).
What does not: how a stream decides them (sources.openmrs.observations), the documents (records).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.lookups import Lookups

LEAD, ATTACHED, PARKED, SKIPPED = "lead", "attached", "parked", "skipped"

ANSWER = "answer"
"""The role of a row that is a plain answer of its visit."""

PART = "part"
"""Of a decision: the row belongs to a record that another row leads."""

ENCOUNTERS = "encounters"
"""The stream of visits: a visit is no row of its own, but is named after its encounter."""

# Why a row is parked of which no record can be made as it is.
UNKNOWN_CONCEPT, INVALID_VALUE, INVALID_DATE = "unknown_concept", "invalid_value", "invalid_date"
NO_VALUE = "no_value"
HELD_CONCEPT = "held_concept"
UNREADABLE, ENCOUNTER_OF_ANOTHER_PATIENT = "unreadable", "encounter_of_another_patient"
REASONS = (
    UNKNOWN_CONCEPT,
    HELD_CONCEPT,
    INVALID_DATE,
    INVALID_VALUE,
    NO_VALUE,
    UNREADABLE,
    ENCOUNTER_OF_ANOTHER_PATIENT,
)

NOT_MATCHED = "not_matched"
"""Why a row is parked whose person is not matched yet; the other reasons are those of identity.matching."""

UNBUILDABLE = "unbuildable"
"""Why a row is parked of which no document can be made: making it raised an unforeseen exception."""

EMPTY_GROUP = "empty_group"
PART_WITHOUT_DIAGNOSIS = "diagnosis_part_without_diagnosis"
ABOUT_SOMEBODY_ELSE = "about_somebody_else"
"""Why a row is skipped that holds somebody else's name or HIV status, which the hospital does not pass on."""
IGNORED = "ignored"
"""Why a row is skipped of whose question people decided so."""
SKIP_REASONS = (EMPTY_GROUP, PART_WITHOUT_DIAGNOSIS, ABOUT_SOMEBODY_ELSE, IGNORED)

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


ALLERGY_COLUMNS = ["row_id", "row_uuid", "day", "person_id", "person_uuid", "at", "text"]
"""The columns of Drafts.allergies."""


def no_allergies() -> pd.DataFrame:
    """Drafts.allergies of rows that state none."""
    dtypes = ("int64", "str", "datetime64[s]", "int64", "str", "datetime64[us]", "str")
    columns = zip(ALLERGY_COLUMNS, dtypes, strict=True)
    return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in columns})


@dataclass(frozen=True)
class Drafts:
    """The records and outcomes of a frame of rows.

    outcomes    one row per source row, in the frame's order: ROW_COLUMNS as Drafter.identities gives them; outcome str
                (lead, attached, parked, skipped); record int64 (the number of the record that the row leads, belongs
                to or would lead; that of a row that leads one is its position in the frame; -1 where skipped); role str
                (lead, answer, or what else the row is to its record); reason str (of REASONS or SKIP_REASONS; null
                where lead or attached)
    records     one row per lead that is not parked, by row_id, then one per visit. Never null: record int64 (its
                number); stream str; row_id, row_uuid, day, person_id, person_uuid as Drafter.identities gives them, of
                a visit its encounter's number and uuid; type str (of RECORD_TYPES); value_type str (of VALUE_TYPES);
                question_is_drug bool; hospital str; at datetime64[us] (when it was observed, or the visit took place,
                by the hospital's wall clock); visit int64 (the number of the visit in which it was noted, -1 for none;
                a visit's own). Of all but visits: question, answer str; label str (the names of the groups around it,
                then the question: "Left ear > Hearing"); shown str (the answer with what qualifies it, such as a
                comment); concept (a Concept). Of visits alone: reason str (why the patient came, else the kind of
                encounter); lines (list of str: the plain answers, as "label: shown", in the order of the form). Null
                where there is none: created_at; dosage, frequency, end (a date) str of a medication; test_status str of
                a test (Normal, Abnormal, Critical); unit str of a test whose answer is a number (as the source
                writes it) and ucum str (its UCUM code, where that is sure); certainty (confirmed, presumed) and order
                (primary, secondary) str of a diagnosis; author_key, author_name, author_signature str (the answerable
                clinician: the name without a title, and as a diagnosis is signed); author_title str (as the source has
                it, never invented); author_providers (all of the encounter: a list of {uuid, role?}); entered_by str
                (who typed it); encounter_uuid str; location str; comment str; accession str; previous_row Int64; status
                str (as the source has it); group (a Group); labels (a sorted tuple of
                str: how sensitive what it names is)
    clinicians  authors of the rows' records, by clinician_key: clinician_key, provider_uuid, name str; none null
    rules       the version of the rules that were applied
    stream      the name of the stream of the rows
    allergies   one row per source row that states an allergy of its person, by row_id, nothing null: row_id, row_uuid,
                day, person_id, person_uuid as Drafter.identities gives them; at datetime64[us] (when it was observed,
                by the hospital's wall clock); text str (what the allergy is to; never that there is none)

    Texts of `records` are Python objects, or str columns as they came from the source.
    """

    outcomes: pd.DataFrame
    records: pd.DataFrame
    clinicians: pd.DataFrame
    rules: int
    stream: str
    allergies: pd.DataFrame = field(default_factory=no_allergies)


class Drafter(Protocol):
    """What a stream knows of its rows without a connection. Pure: it reads nothing but its arguments."""

    @property
    def name(self) -> str:
        """`observations`, `conditions`: part of every stored key."""
        ...

    def identities(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The identity of each row, and its group, in the frame's order and with an index from 0.

        row_id int64, row_uuid str, row_crc int64, day datetime64[s], person_id int64, person_uuid str, created_at
        datetime64[us] (by the hospital's wall clock; may be null), unit_id int64 (rows with the same one are never
        drafted apart), parent int64 (where in the frame the header of its group is, -1 for none).
        """

    def draft(self, rows: pd.DataFrame, lookups: Lookups, hospital: Hospital) -> Drafts:
        """The drafts of a frame of whole groups."""
