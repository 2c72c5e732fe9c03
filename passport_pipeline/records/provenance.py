"""Where a record came from: `openmrsData` for the application, `source` for the pipeline.

What belongs here: every field of the two, in their order. What does not: what the patient is shown
(contents), the checksums over it (documents).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.openmrs.lookups import Lookups
from passport_pipeline.records import evidence, values
from passport_pipeline.records.clinicians import Attribution
from passport_pipeline.records.instants import utc_of
from passport_pipeline.records.object_ids import object_id
from passport_pipeline.records.vocabulary import Vocabulary, vocabulary_of

Document = dict[str, Any]


class Leads:
    """The leading rows of some records, as lists that documents are made from."""

    def __init__(
        self,
        observations: pd.DataFrame,
        positions: npt.NDArray[np.int64],
        hospital: Hospital,
        rows: Mapping[int, list[Document]],
    ) -> None:
        self.observations = observations
        frame = self.frame = observations.iloc[positions]
        self.hospital = hospital
        self.obs_id: list[int] = frame["obs_id"].tolist()
        self.obs_uuid = uuids(frame)
        self.created = utc_of(frame["date_created"], hospital.zone)
        self.ids = object_id(hospital.key, self.obs_uuid, self.created)
        self.days: list[str] = np.datetime_as_string(frame["day"].to_numpy(dtype="datetime64[s]"), unit="D").tolist()
        self.person_uuid: list[str] = frame["person_uuid"].tolist()
        self.rows = [rows[number] for number in self.obs_id]

    def column(self, name: str) -> list[Any]:
        """A column's values, None for null."""
        return _nullable(self.frame[name])


def _nullable(column: pd.Series) -> list[Any]:
    values: npt.NDArray[np.object_] = column.to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy()] = None
    return list(values.tolist())


def uuids(frame: pd.DataFrame) -> list[str]:
    """The rows' uuids; a row without one (1.9 allows it) goes by its number."""
    return [
        uuid if isinstance(uuid, str) and uuid else f"obs-{number}"
        for uuid, number in zip(frame["obs_uuid"].tolist(), frame["obs_id"].tolist(), strict=True)
    ]


def openmrs_data(
    records: pd.DataFrame,
    leads: Leads,
    lookups: Lookups,
    who: Attribution,
    *,
    observed: list[datetime],
    created: list[datetime],
) -> list[Document]:
    """The application's own provenance block of each record; what is unknown is absent."""
    types = [values.APPLICATION_TYPES.get(kind, "text") for kind in records["value_type"].tolist()]
    columns = (
        leads.obs_id,
        leads.frame["concept_id"].tolist(),
        leads.frame["person_id"].tolist(),
        observed,
        who.key,
        types,
    )
    made: list[Document] = [
        {"obsId": a, "conceptId": b, "personId": c, "obsDatetime": d, "providerUuid": e, "valueType": f}
        for a, b, c, d, e, f in zip(*columns, strict=True)
    ]
    locations = lookups.locations.locations.set_index("location_id")["name"]
    _add(made, "dateCreated", created)
    _add(made, "creatorName", who.creator)
    _add(made, "locationName", _nullable(leads.frame["location_id"].map(locations)))
    _add(made, "encounterUuid", leads.column("encounter_uuid"))
    return made


def sources(
    records: pd.DataFrame, leads: Leads, lookups: Lookups, who: Attribution, doctors: list[str]
) -> list[Document]:
    """The pipeline's own provenance, without what only the load decides."""
    vocabulary = vocabulary_of(lookups.concepts)
    key = leads.hospital.key
    columns = (leads.obs_uuid, leads.obs_id, leads.person_uuid, leads.days, leads.rows, doctors)
    concepts = _concepts(vocabulary, records["question_position"].tolist())
    made: list[Document] = [
        {
            "hospital": key,
            "obsUuid": uuid,
            "obsId": number,
            "personUuid": person,
            "window": day[:7],
            "day": day,
            "rows": rows,
            "doctorId": doctor,
            "clinician": name,
            "concept": concept,
            "valueType": kind,
        }
        for uuid, number, person, day, rows, doctor, name, concept, kind in zip(
            *columns, who.name, concepts, records["value_type"].tolist(), strict=True
        )
    ]
    _add(made, "encounterUuid", leads.column("encounter_uuid"))
    _add(made, "providers", who.providers)
    _add(made, "previousVersion", leads.column("previous_version"))
    _add(made, "group", _groups(records, leads, vocabulary))
    _add(made, "status", leads.column("status"))
    _add(made, "certainty", records["certainty"].tolist())
    _add(made, "order", records["order"].tolist())
    _add(made, "comment", [values.clean(text) for text in leads.column("comments")])
    _add(made, "accession", [values.clean(text) for text in leads.column("accession_number")])
    return made


def _concepts(vocabulary: Vocabulary, positions: Sequence[int]) -> list[Document]:
    columns = (vocabulary.uuid, vocabulary.name, vocabulary.datatype, vocabulary.concept_class)
    fields = ("uuid", "name", "datatype", "conceptClass")
    concepts = {at: dict(zip(fields, (column[at] for column in columns), strict=True)) for at in set(positions)}
    return [concepts[at] for at in positions]


def _groups(records: pd.DataFrame, leads: Leads, vocabulary: Vocabulary) -> list[Document | None]:
    """The header of the group that each record is a member of; not that of a diagnosis, which is one of its
    rows.
    """
    made: list[Document | None] = [None] * len(records)
    positions = records["group_position"].to_numpy()
    members = np.flatnonzero((positions >= 0) & (records["type"] != evidence.CONDITION).to_numpy(dtype=bool))
    headers = leads.observations[["obs_id", "obs_uuid", "concept_id"]].iloc[positions[members]]
    question = vocabulary.positions(headers["concept_id"])
    columns = (
        headers["obs_id"].tolist(),
        uuids(headers),
        vocabulary.uuid[question],
        vocabulary.name[question],
    )
    for at, number, uuid, concept, name in zip(members.tolist(), *columns, strict=True):
        made[at] = {"obsId": number, "obsUuid": uuid, "concept": concept, "name": name}
    return made


def _add(documents: list[Document], name: str, column: Sequence[Any]) -> None:
    """Put a field into those documents whose value is known."""
    for document, value in zip(documents, column, strict=True):
        if value is not None:
            document[name] = value
