"""All that is read of a hospital, to be compared with what is read of another one or in another way."""

from __future__ import annotations

import pandas as pd
import pandas.testing

from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.openmrs.identifiers import identifiers_digest, read_identifiers, suggest_types
from passport_pipeline.sources.openmrs.lookups import read_concepts, read_locations, read_providers
from passport_pipeline.sources.openmrs.observations.reading import read_observations
from passport_pipeline_tests.sources.observing import full_survey, read_row_checksums, tail_survey


def everything(source: Database) -> dict[str, pd.DataFrame]:
    """The surveys, every row, the checksums of one day, the lookups and the identifiers, as frames by name."""
    survey = full_survey(source)
    cells = survey.cells[survey.cells["day"].notna()]
    day = cells["day"].iloc[-1]
    with source.snapshot() as connection:
        rows = pd.concat(read_observations(source, connection, cells), ignore_index=True)
        checksums = read_row_checksums(connection, source.schema, cells[cells["day"] == day], day.date())
    lookups = {"concepts": read_concepts(source), "providers": read_providers(source)}
    frames = {f"{name} {part}": frame for name, one in lookups.items() for part, frame in one.frames().items()}
    return frames | {
        "locations": read_locations(source).locations,
        "cells": survey.cells,
        "tail": tail_survey(source, survey).cells,
        "rows": rows,
        "checksums": checksums,
        "identifiers": read_identifiers(source),
        "types": suggest_types(source),
        "digest": pd.DataFrame([identifiers_digest(source)]),
    }


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    """Raise AssertionError where two of what `everything` gives differ, or hold nothing."""
    assert found.keys() == expected.keys()
    for name, frame in found.items():
        pandas.testing.assert_frame_equal(frame, expected[name], obj=name)
    assert not found["rows"].empty and not found["identifiers"].empty
