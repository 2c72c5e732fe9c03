"""Observations as a stream of a record system.

What belongs here: the parts of this package behind the interface. What does not: any statement or rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from passport_pipeline.core.row_references import Ids, References
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.mysql.survey import Survey
from passport_pipeline.sources.mysql.table_reader import TableReader
from passport_pipeline.sources.openmrs.lookups import references, unknown_references
from passport_pipeline.sources.openmrs.observations import drafting, stored_references
from passport_pipeline.sources.openmrs.observations.changed_blocks import changed_blocks
from passport_pipeline.sources.openmrs.observations.decisions import decisions, explained, known_codes
from passport_pipeline.sources.openmrs.observations.evidence import RULES_VERSION
from passport_pipeline.sources.openmrs.observations.interpretation import decided, labels
from passport_pipeline.sources.openmrs.observations.other_rules import under_rules
from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS, read_observations
from passport_pipeline.sources.openmrs.observations.row_definition import ObservationRows
from passport_pipeline.sources.openmrs.observations.withdrawn import withdrawn_rows

OBSERVATIONS = drafting.STREAM
_CONCEPTS = ("concept_id", "value_coded")


class Observations:
    """The stream of `obs` rows; what is known of it without a connection."""

    name = OBSERVATIONS
    columns = OBSERVATION_COLUMNS
    rules_version = RULES_VERSION
    identities = staticmethod(drafting.identities)
    draft = staticmethod(drafting.draft)
    decided = staticmethod(decided)
    labels = staticmethod(labels)
    decisions = staticmethod(decisions)
    explained = staticmethod(explained)
    known_codes = staticmethod(known_codes)
    under_rules = staticmethod(under_rules)
    unknown_references = staticmethod(unknown_references)

    def references(self, rows: pd.DataFrame) -> References:
        """As Stream.references; also of kind `named`: what a value may name by its number or uuid (`key_of`)."""
        named = References.of({"named": stored_references.keys(rows)})
        return References.union([references(rows), named])

    def naming(self, rows: pd.DataFrame, concepts: Ids) -> pd.DataFrame:
        """As Stream.naming."""
        columns = ["obs_id", "day"]
        named = [rows[[*columns, column]].set_axis([*columns, "concept_id"], axis=1) for column in _CONCEPTS]
        every = pd.concat(named).dropna(subset="concept_id")
        found = every[np.isin(every["concept_id"], concepts)].drop_duplicates()
        return found.rename(columns={"obs_id": "row_id"}).astype({"concept_id": "int64"})

    def load_survey(self, frames: Mapping[str, pd.DataFrame], texts: Mapping[str, str]) -> Survey | None:
        """As Stream.load_survey: surveys of versions before 0.2 cannot be read any more."""
        return Survey.from_frames(frames, texts) if Survey.readable(frames) else None


def observation_reader(database: Database) -> TableReader:
    """The reader of the observations of an open database."""
    schema = database.schema

    return TableReader(
        database,
        ObservationRows(schema),
        partial(read_observations, database),
        "obs_id",
        lambda connection, survey, since: changed_blocks(connection, schema, survey, since),
        lambda connection: withdrawn_rows(connection, schema),
    )
