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
from passport_pipeline.records.labels import shown_labels
from passport_pipeline.records.object_ids import object_ids, unique_number
from passport_pipeline.sources.drafts import BOOLEAN, CODED, DRUG, ENCOUNTERS, NUMERIC, Group

Document = dict[str, Any]
Column = Iterable[tuple[int, Any]]  # values by the position of their document

_APPLICATION_TYPES = {CODED: "coded", BOOLEAN: "coded", DRUG: "coded", NUMERIC: "numeric"}
"""The application knows three types (openmrsData.valueType); any other value is a text to it."""


class Leads:
    """What names some records, as lists: the columns of the rows that lead them, or of their visits."""

    def __init__(self, leading: pd.DataFrame, hospital: Hospital, rows: Mapping[int, list[Document]]) -> None:
        """Take them from Drafts.records or Drafts.outcomes (with `stream`), and all rows of each record by its
        number.
        """
        self.hospital = hospital
        self.streams: list[str] = leading["stream"].tolist()
        self.row_id: list[int] = leading["row_id"].tolist()
        self.row_uuid: list[str] = leading["row_uuid"].tolist()
        self.person_uuid: list[str] = leading["person_uuid"].tolist()
        self.rows = [rows.get(number, []) for number in leading["record"].tolist()]
        self.created = utc_of(leading["created_at"], hospital.zone)
        # A visit's rows may be voided and entered again, so no time of theirs is part of its _id.
        of_day = utc_of(leading["day"], hospital.zone)
        seconds = np.where(leading["stream"] == ENCOUNTERS, of_day, self.created)
        self.ids = object_ids(hospital.key, self.streams, self.row_uuid, seconds)
        self.days = written(leading["day"], "D")
        self.windows = written(leading["day"], "M")


def openmrs_data(
    records: pd.DataFrame, leads: Leads, *, observed: list[datetime], created: list[datetime]
) -> list[Document]:
    """The application's own provenance block of each record; what is unknown is absent."""
    columns = (
        map(unique_number, leads.ids),
        records["person_id"].tolist(),
        observed,
        [_APPLICATION_TYPES.get(kind, "text") for kind in records["value_type"].tolist()],
        records["hospital"].tolist(),
    )
    documents: list[Document] = [
        {
            "obsId": number,
            "personId": person,
            "obsDatetime": at,
            "valueType": kind,
            "locationName": hospital,
        }
        for number, person, at, kind, hospital in zip(*columns, strict=True)
    ]
    _add(documents, "providerUuid", _not_null(records["author_key"]))
    _add(documents, "conceptId", [(at, concept.concept_id) for at, concept in _not_null(records["concept"])])
    _add(documents, "dateCreated", enumerate(created))
    _add(documents, "creatorName", _not_null(records["author_name"]))
    _add(documents, "encounterUuid", _not_null(records["encounter_uuid"]))
    return documents


def sources(records: pd.DataFrame, leads: Leads, doctors: list[str | None]) -> list[Document]:
    """The pipeline's own provenance of each record, without the fields that only the load decides."""
    key = leads.hospital.key
    columns = (leads.streams, leads.row_uuid, leads.row_id, leads.person_uuid, leads.windows, leads.days, leads.rows)
    value_types = records["value_type"].tolist()
    documents: list[Document] = [
        {
            "hospital": key,
            "stream": stream,
            "rowUuid": uuid,
            "rowId": row_id,
            "personUuid": person,
            "window": window,
            "day": day,
            "rows": rows,
            "valueType": value_type,
        }
        for stream, uuid, row_id, person, window, day, rows, value_type in zip(*columns, value_types, strict=True)
    ]
    _add(documents, "concept", _concepts(records["concept"]))
    _add(documents, "encounterUuid", _not_null(records["encounter_uuid"]))
    _add(documents, "doctorId", enumerate(doctors))
    _add(documents, "clinician", _not_null(records["author_name"]))
    _add(documents, "clinicianTitle", _not_null(records["author_title"]))
    _add(documents, "enteredBy", _not_null(records["entered_by"]))
    _add(documents, "location", _not_null(records["location"]))
    _add(documents, "providers", _not_null(records["author_providers"]))
    _add(documents, "previousVersion", _not_null(records["previous_row"]))
    _add(documents, "group", [(at, _group(group)) for at, group in _not_null(records["group"])])
    _add(documents, "labels", enumerate(shown_labels(records)))
    for name in ("status", "certainty", "order", "unit", "ucum", "comment", "accession"):
        _add(documents, name, _not_null(records[name]))
    return documents


def _concepts(column: pd.Series) -> Column:
    fields = ("uuid", "name", "datatype", "conceptClass")
    listed = _not_null(column)
    concepts = {concept: dict(zip(fields, concept[1:], strict=True)) for concept in {each for _, each in listed}}
    return [(at, concepts[concept]) for at, concept in listed]


def _group(group: Group) -> Document:
    return {
        "rowId": group.row_id,
        "rowUuid": group.row_uuid,
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
