"""Where a record comes from: `openmrsData` for the application, `source` for the pipeline.

What belongs here: every field of the two, in their order. What does not: the data that the
patient sees (data_fields), the checksums (documents).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.time_zones import utc_of, written
from passport_pipeline.records.object_ids import object_id
from passport_pipeline.sources.drafts import BOOLEAN, CODED, DRUG, NUMERIC, Group

Document = dict[str, Any]
Column = Iterable[tuple[int, Any]]  # values by the position of their document

_APPLICATION_TYPES = {CODED: "coded", BOOLEAN: "coded", DRUG: "coded", NUMERIC: "numeric"}
"""The application knows three types (openmrsData.valueType); any other value is a text to it."""


class Leads:
    """Columns of the leading rows of some records, as lists."""

    def __init__(self, leading: pd.DataFrame, hospital: Hospital, rows: Mapping[int, list[Document]]) -> None:
        """Take the leading rows from Drafts.records or Drafts.outcomes, and all rows of each record by its row_id."""
        self.hospital = hospital
        self.row_id: list[int] = leading["row_id"].tolist()
        self.row_uuid: list[str] = leading["row_uuid"].tolist()
        self.person_uuid: list[str] = leading["person_uuid"].tolist()
        self.rows = [rows[row_id] for row_id in self.row_id]
        self.created = utc_of(leading["created_at"], hospital.zone)
        self.ids = object_id(hospital.key, self.row_uuid, self.created)
        self.days = written(leading["day"], "D")
        self.windows = written(leading["day"], "M")


def openmrs_data(
    records: pd.DataFrame, leads: Leads, *, observed: list[datetime], created: list[datetime]
) -> list[Document]:
    """The application's own provenance block of each record; what is unknown is absent."""
    columns = (
        leads.row_id,
        [concept.concept_id for concept in records["concept"].tolist()],
        records["person_id"].tolist(),
        observed,
        [_APPLICATION_TYPES.get(kind, "text") for kind in records["value_type"].tolist()],
    )
    documents: list[Document] = [
        {
            "obsId": row_id,
            "conceptId": concept,
            "personId": person,
            "obsDatetime": at,
            "valueType": kind,
        }
        for row_id, concept, person, at, kind in zip(*columns, strict=True)
    ]
    _add(documents, "providerUuid", _not_null(records["author_key"]))
    _add(documents, "dateCreated", enumerate(created))
    _add(documents, "creatorName", _not_null(records["author_name"]))
    _add(documents, "locationName", _not_null(records["location"]))
    _add(documents, "encounterUuid", _not_null(records["encounter_uuid"]))
    return documents


def sources(records: pd.DataFrame, leads: Leads, doctors: list[str | None]) -> list[Document]:
    """The pipeline's own provenance of each record, without the fields that only the load decides."""
    key = leads.hospital.key
    columns = (leads.row_uuid, leads.row_id, leads.person_uuid, leads.windows, leads.days, leads.rows)
    described = (_concepts(records["concept"]), records["value_type"].tolist())
    documents: list[Document] = [
        {
            "hospital": key,
            "obsUuid": uuid,
            "obsId": row_id,
            "personUuid": person,
            "window": window,
            "day": day,
            "rows": rows,
            "concept": concept,
            "valueType": value_type,
        }
        for uuid, row_id, person, window, day, rows, concept, value_type in zip(*columns, *described, strict=True)
    ]
    _add(documents, "encounterUuid", _not_null(records["encounter_uuid"]))
    _add(documents, "doctorId", enumerate(doctors))
    _add(documents, "clinician", _not_null(records["author_name"]))
    _add(documents, "clinicianTitle", _not_null(records["author_title"]))
    _add(documents, "enteredBy", _not_null(records["entered_by"]))
    _add(documents, "providers", _not_null(records["author_providers"]))
    _add(documents, "previousVersion", _not_null(records["previous_row"]))
    _add(documents, "group", [(at, _group(group)) for at, group in _not_null(records["group"])])
    for name in ("status", "certainty", "order", "comment", "accession"):
        _add(documents, name, _not_null(records[name]))
    return documents


def _concepts(column: pd.Series) -> list[Document]:
    fields = ("uuid", "name", "datatype", "conceptClass")
    listed = column.tolist()
    concepts = {concept: dict(zip(fields, concept[1:], strict=True)) for concept in set(listed)}
    return [concepts[concept] for concept in listed]


def _group(group: Group) -> Document:
    return {
        "obsId": group.row_id,
        "obsUuid": group.row_uuid,
        "concept": group.concept.uuid,
        "name": group.concept.name,
    }


def _not_null(column: pd.Series) -> Column:
    """The values of a column that are not null: most columns have few."""
    at = np.flatnonzero(column.notna().to_numpy())
    return list(zip(at.tolist(), column.iloc[at].tolist(), strict=True))


def _add(documents: list[Document], name: str, column: Column) -> None:
    """Put a field into those documents whose value is known."""
    for at, value in column:
        if value is not None:
            documents[at][name] = value
