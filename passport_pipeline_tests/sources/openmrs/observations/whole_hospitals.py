"""Whole hospitals through the reader, for tests of what comes out at the other end."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from passport_pipeline.identity.matching import match, national_ids
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.openmrs.lookups import read_concepts, read_locations, read_providers
from passport_pipeline.sources.openmrs.observations.reading import read_observations
from passport_pipeline_tests.sources.observing import full_survey


def read_all(opened: Database) -> tuple[pd.DataFrame, Lookups]:
    """Every live row that has a day, and what the rows refer to."""
    cells = full_survey(opened).cells
    with opened.snapshot() as connection:
        frames = list(read_observations(opened, connection, cells[cells["day"].notna()]))
    lookups = Lookups(read_concepts(opened), read_providers(opened), read_locations(opened))
    return pd.concat(frames, ignore_index=True), lookups


def patient_of(national_id: str) -> str:
    """The passport patient of a national id, as if there were one."""
    return f"{int(national_id):024x}"


def match_known(rows: pd.DataFrame, identifiers: pd.DataFrame, person_ids: Collection[str]) -> pd.DataFrame:
    """Matches of the rows' persons in a passport that knows these national ids."""
    persons = rows[["person_id", "person_uuid"]].drop_duplicates("person_id")
    return match(persons, national_ids(identifiers), lambda ids: {i: [patient_of(i)] for i in ids if i in person_ids})
