"""Observations as drafts of records: the one entry of the stream for rows that were read.

What belongs here: combining the results of the other modules as columns of drafts. What does not: which row leads a
record (grouping), what it is (evidence), what was answered (values), who is responsible (clinicians).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.drafts import CONDITION, MEDICATION, ROW_COLUMNS, TEST, VISIT, Drafts, Group
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations.categories import parents_of
from passport_pipeline.sources.openmrs.observations.clinicians import attribute
from passport_pipeline.sources.openmrs.observations.evidence import EVIDENCE, RULES_VERSION
from passport_pipeline.sources.openmrs.observations.grouping import Grouped, Rows, group
from passport_pipeline.sources.openmrs.observations.interpretation import Interpretation
from passport_pipeline.sources.openmrs.observations.test_status import test_statuses
from passport_pipeline.sources.openmrs.observations.values import cleaned
from passport_pipeline.sources.openmrs.observations.vocabulary import Texts, objects

_OF_A_RECORD = ["row_id", "row_uuid", "day", "person_id", "person_uuid", "created_at"]
_AS_THEY_ARE = {
    "at": "obs_datetime",
    "encounter_uuid": "encounter_uuid",
    "previous_row": "previous_version",
    "status": "status",
}
_ABOUT = [*_AS_THEY_ARE.values(), "location_id", "comments", "accession_number"]
_DRUG_ANSWERED = [
    n for n, rule in enumerate(EVIDENCE) if rule.category == MEDICATION and (rule.point == 3 or rule.codes)
]


def draft(rows: pd.DataFrame, lookups: Lookups, hospital: Hospital) -> Drafts:
    """Decide every row's outcome and gather the content of each record.

    `rows` is a frame of OBSERVATION_COLUMNS: groups whole, obs_id unique, any order and index; batches of earlier
    versions may lack bad_datetime, unreadable and encounter_patient_id. Never raises for a row's content.
    """
    interpretation = lookups.derived(Interpretation)
    identified = identities(rows)
    read = Rows.of(rows, interpretation, identified["parent"].to_numpy())
    grouped = group(read, interpretation)
    attribution = attribute(rows, interpretation.people(hospital.settings))
    leads = grouped.leads
    columns: dict[str, Any] = {name: identified[name].to_numpy()[leads] for name in _OF_A_RECORD}
    columns |= {"position": leads.astype(np.int64), "hospital": np.full(len(leads), hospital.name, dtype=object)}
    columns |= _content(read, grouped, interpretation) | attribution.columns(leads)
    columns |= _about(rows[_ABOUT].iloc[leads], interpretation)
    columns["group"] = _groups(read, identified, columns["type"], grouped, interpretation)
    return Drafts(_outcomes(identified, grouped), _frame(columns), attribution.clinicians(), RULES_VERSION)


def identities(rows: pd.DataFrame) -> pd.DataFrame:
    """The identity of each row, and its group; columns as `sources.drafts.Drafter` has them.

    A row without a uuid (1.9 allows it) is identified by its number, and so is a person.
    """
    obs_id, person_id = rows["obs_id"].to_numpy(dtype=np.int64), rows["person_id"].to_numpy(dtype=np.int64)
    columns: dict[str, Any] = {
        "row_id": obs_id,
        "row_uuid": _named(rows["obs_uuid"], "obs", obs_id),
        "row_crc": rows["row_crc"].to_numpy(dtype=np.int64),
        "day": rows["day"].to_numpy(),
        "person_id": person_id,
        "person_uuid": _named(rows["person_uuid"], "person", person_id),
        "created_at": rows["date_created"].to_numpy(),
        "root_id": rows["root_id"].to_numpy(dtype=np.int64),
        "parent": parents_of(rows),
    }
    return _frame(columns)


def _named(uuids: pd.Series, kind: str, numbers: np.ndarray) -> Texts:
    named: Texts = uuids.to_numpy(dtype=object, copy=True)
    unnamed = np.flatnonzero((uuids.isna() | (uuids == "")).to_numpy(dtype=bool))
    named[unnamed] = [f"{kind}-{number}" for number in numbers[unnamed].tolist()]
    return named


def _outcomes(identified: pd.DataFrame, grouped: Grouped) -> pd.DataFrame:
    row_id = identified["row_id"].to_numpy()
    lead_row_id = row_id[grouped.lead] if len(row_id) else row_id
    return identified[ROW_COLUMNS].assign(
        outcome=pd.Series(grouped.outcome, dtype="str"),
        lead_row_id=pd.arrays.IntegerArray(lead_row_id, grouped.lead < 0),
        role=pd.Series(grouped.role, dtype="str"),
        reason=pd.Series(grouped.reason, dtype="str"),
    )


def _content(rows: Rows, grouped: Grouped, interpretation: Interpretation) -> dict[str, Any]:
    """The content of each record, by column."""
    vocabulary, leads = interpretation.vocabulary, grouped.leads
    question = rows.values.question[leads]
    remark = grouped.remark[leads]
    record_type = rows.categories.category[leads]
    record_type[pd.notna(remark)] = VISIT
    status = test_statuses(rows.observations, rows.values, vocabulary)[leads]
    status[record_type != TEST] = None
    return {
        "type": record_type,
        "question": vocabulary.name[question],
        "answer": rows.values.display[leads],
        "value_type": rows.values.value_type[leads],
        "dosage": rows.values.dosage[leads],
        "test_status": status,
        "certainty": grouped.certainty[leads],
        "order": grouped.order[leads],
        "remark": remark,
        "question_is_drug": interpretation.tables.drug_questions[question]
        & ~np.isin(rows.categories.rule[leads], _DRUG_ANSWERED),
        "concept": vocabulary.asked[question],
    }


def _about(leading: pd.DataFrame, interpretation: Interpretation) -> dict[str, Any]:
    """What else is known of each record; `leading` are the rows that lead them."""
    columns: dict[str, Any] = {name: leading[column].array for name, column in _AS_THEY_ARE.items()}
    return columns | {
        "location": leading["location_id"].map(interpretation.locations).array,
        "comment": cleaned(leading["comments"]),
        "accession": cleaned(leading["accession_number"]),
    }


def _groups(
    rows: Rows, identified: pd.DataFrame, record_type: Texts, grouped: Grouped, interpretation: Interpretation
) -> Texts:
    """The header of the group that each record is a member of; not that of a diagnosis, which is one of its rows."""
    headers = rows.parent[grouped.leads]
    members = np.flatnonzero((headers >= 0) & (record_type != CONDITION))
    headers = headers[members]
    asked = interpretation.vocabulary.asked[rows.values.question[headers]]
    uuids = identified["row_uuid"].to_numpy()[headers]
    groups: Texts = np.full(len(grouped.leads), None, dtype=object)
    groups[members] = objects(map(Group, rows.obs_id[headers].tolist(), uuids, asked))
    return groups


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    # Texts stay Python objects: documents are made of them next, and need no str column.
    return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()})
