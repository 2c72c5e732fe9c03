"""Where a record came from: `openmrsData` for the application, `source` for the pipeline.

What belongs here: every field of the two, in their order. What does not: what the patient is shown
(contents), the checksums over it (documents).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.time_zones import utc_of, written
from passport_pipeline.records.object_ids import object_id
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations import evidence, values
from passport_pipeline.sources.openmrs.observations.clinicians import Attribution
from passport_pipeline.sources.openmrs.observations.vocabulary import Vocabulary, vocabulary_of

Document = dict[str, Any]
Column = Iterable[tuple[int, Any]]  # values by the position of their document
_COLUMNS = [
    "obs_id",
    "day",
    "person_id",
    "person_uuid",
    "concept_id",
    "encounter_uuid",
    "location_id",
    "obs_datetime",
    "accession_number",
    "comments",
    "creator",
    "date_created",
    "previous_version",
    "status",
    "providers",
]


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
        frame = self.frame = observations[_COLUMNS].iloc[positions]
        self.hospital = hospital
        self.obs_id: list[int] = frame["obs_id"].tolist()
        self.rows = [rows[number] for number in self.obs_id]
        self.obs_uuid: list[str] = [parts[0]["obsUuid"] for parts in self.rows]
        self.created = utc_of(frame["date_created"], hospital.zone)
        self.ids = object_id(hospital.key, self.obs_uuid, self.created)
        self.days = written(frame["day"], "D")
        self.windows = written(frame["day"], "M")
        self.person_uuid = [
            uuid or f"person-{number}"
            for uuid, number in zip(frame["person_uuid"].tolist(), frame["person_id"].tolist(), strict=True)
        ]
        self.encounter_uuid = _known(frame["encounter_uuid"])


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
    frame = leads.frame
    columns = (leads.obs_id, frame["concept_id"].tolist(), frame["person_id"].tolist(), observed, who.key, types)
    made: list[Document] = [
        {"obsId": a, "conceptId": b, "personId": c, "obsDatetime": d, "providerUuid": e, "valueType": f}
        for a, b, c, d, e, f in zip(*columns, strict=True)
    ]
    locations = lookups.locations.locations.set_index("location_id")["name"]
    _add(made, "dateCreated", enumerate(created))
    _add(made, "creatorName", enumerate(who.creator))
    _add(made, "locationName", _known(frame["location_id"].map(locations)))
    _add(made, "encounterUuid", leads.encounter_uuid)
    return made


def sources(
    records: pd.DataFrame, leads: Leads, lookups: Lookups, who: Attribution, doctors: list[str]
) -> list[Document]:
    """The pipeline's own provenance, without what only the load decides."""
    vocabulary = vocabulary_of(lookups.concepts)
    key, frame = leads.hospital.key, leads.frame
    columns = (leads.obs_uuid, leads.obs_id, leads.person_uuid, leads.windows, leads.days, leads.rows, doctors)
    concepts = _concepts(vocabulary, records["question_position"].tolist())
    made: list[Document] = [
        {
            "hospital": key,
            "obsUuid": uuid,
            "obsId": number,
            "personUuid": person,
            "window": window,
            "day": day,
            "rows": rows,
            "doctorId": doctor,
            "clinician": name,
            "concept": concept,
            "valueType": kind,
        }
        for uuid, number, person, window, day, rows, doctor, name, concept, kind in zip(
            *columns, who.name, concepts, records["value_type"].tolist(), strict=True
        )
    ]
    _add(made, "encounterUuid", leads.encounter_uuid)
    _add(made, "providers", enumerate(who.providers))
    _add(made, "previousVersion", _known(frame["previous_version"]))
    _add(made, "group", _groups(records, leads, vocabulary))
    _add(made, "status", _known(frame["status"]))
    _add(made, "certainty", _known(records["certainty"]))
    _add(made, "order", _known(records["order"]))
    _add(made, "comment", [(at, values.clean(text)) for at, text in _known(frame["comments"])])
    _add(made, "accession", [(at, values.clean(text)) for at, text in _known(frame["accession_number"])])
    return made


def _concepts(vocabulary: Vocabulary, positions: Sequence[int]) -> list[Document]:
    columns = (vocabulary.uuid, vocabulary.name, vocabulary.datatype, vocabulary.concept_class)
    fields = ("uuid", "name", "datatype", "conceptClass")
    concepts = {at: dict(zip(fields, (column[at] for column in columns), strict=True)) for at in set(positions)}
    return [concepts[at] for at in positions]


def _groups(records: pd.DataFrame, leads: Leads, vocabulary: Vocabulary) -> Column:
    """The header of the group that each record is a member of; not that of a diagnosis, which is one of its
    rows.
    """
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
    return [
        (at, {"obsId": number, "obsUuid": uuid, "concept": concept, "name": name})
        for at, number, uuid, concept, name in zip(members.tolist(), *columns, strict=True)
    ]


def _known(column: pd.Series) -> Column:
    """The values of a column that are not null: most columns have few."""
    at = np.flatnonzero(column.notna().to_numpy())
    return list(zip(at.tolist(), column.iloc[at].tolist(), strict=True))


def _add(documents: list[Document], name: str, column: Column) -> None:
    """Put a field into those documents whose value is known."""
    for at, value in column:
        if value is not None:
            documents[at][name] = value
