"""All that is read of a hospital, to be compared with what is read of another one or in another way."""

from __future__ import annotations

import pandas as pd
import pandas.testing

from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.openmrs.identifiers import identifiers_digest, read_identifiers, suggest_types
from passport_pipeline.sources.openmrs.lookups import read_concepts, read_locations, read_providers
from passport_pipeline.sources.openmrs.observations.reading import read_observations
from passport_pipeline_tests.sources.observing import full_survey, read_row_checksums, tail_survey


def everything(opened: Database) -> dict[str, pd.DataFrame]:
    """The surveys, every row, the checksums of one day, the lookups and the identifiers, as frames by name."""
    survey = full_survey(opened)
    cells = survey.cells[survey.cells["day"].notna()]
    day = cells["day"].iloc[-1]
    with opened.snapshot() as connection:
        rows = pd.concat(read_observations(opened, connection, cells), ignore_index=True)
        checksums = read_row_checksums(connection, opened.schema, cells[cells["day"] == day], day.date())
    lookups = {"concepts": read_concepts(opened), "providers": read_providers(opened)}
    frames = {f"{name} {part}": frame for name, lookup in lookups.items() for part, frame in lookup.frames().items()}
    return frames | {
        "locations": read_locations(opened).locations,
        "cells": survey.cells,
        "tail": tail_survey(opened, survey).cells,
        "rows": rows,
        "checksums": checksums,
        "identifiers": read_identifiers(opened),
        "types": suggest_types(opened),
        "digest": pd.DataFrame([identifiers_digest(opened)]),
    }


def assert_same(actual: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    """Raise AssertionError where two of what `everything` gives differ, or hold nothing."""
    assert actual.keys() == expected.keys()
    for name, frame in actual.items():
        pandas.testing.assert_frame_equal(frame, expected[name], obj=name)
    assert not actual["rows"].empty and not actual["identifiers"].empty
