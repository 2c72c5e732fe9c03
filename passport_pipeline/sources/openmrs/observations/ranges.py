"""The normal and critical range of each measured number: what OpenMRS chose for the row, else what the dictionary says
of persons of this age and sex, else the concept's own.

    obs_reference_range      2.7+: the range that OpenMRS chose when the number was saved. It outranks everything else
    concept_reference_range  2.7+: ranges with criteria. One is taken where its criteria surely hold; if it is unsure
                             whether any holds, or if several different ones hold, there is no range
    concept_numeric          where none of the concept's criteria holds, or where it has none

What belongs here: choosing the range, and which ranges are none. What does not: reading criteria (range_criteria), what
a range says of a number (test_status).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from passport_pipeline.sources.openmrs.observations.placeholders import without_placeholders
from passport_pipeline.sources.openmrs.observations.range_criteria import Criterion, Persons, read_criterion
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Floats, Positions, Vocabulary

BOUNDS = ("low_critical", "low_normal", "hi_normal", "hi_critical")

Ranges = Mapping[str, Floats]
"""BOUNDS by name, one element a row, NaN where not stated."""


class RangesByPerson:
    """The ranges with criteria of one hospital's concepts; `ranges` is that of ConceptLookup."""

    def __init__(self, ranges: pd.DataFrame, vocabulary: Vocabulary) -> None:
        bounds = without_placeholders({name: ranges[name].to_numpy(dtype=np.float64) for name in BOUNDS})
        listed = np.column_stack([bounds[name] for name in BOUNDS])
        self._of: dict[int, list[tuple[Criterion | None, Floats]]] = {}
        positions = vocabulary.positions(ranges["concept_id"])
        for position, criteria, row in zip(positions.tolist(), ranges["criteria"].tolist(), listed, strict=True):
            self._of.setdefault(position, []).append((read_criterion(criteria), row))

    def choose(self, question: Positions, rows: Flags, persons: Persons, bounds: Floats) -> None:
        """Put what the criteria say of `rows` into `bounds`: a row for each of a frame, a column for each of BOUNDS."""
        asked = question[rows]
        for position in set(np.unique(asked).tolist()) & self._of.keys():
            at = np.flatnonzero(rows)[asked == position]
            bounds[at] = _chosen(self._of[position], persons.take(at), bounds[at])


def _chosen(ranges: list[tuple[Criterion | None, Floats]], persons: Persons, otherwise: Floats) -> Floats:
    """The range of each person, `otherwise` where no criterion holds, NaN where that is unsure."""
    chosen, held = otherwise.copy(), np.zeros(len(otherwise), dtype=bool)
    unsure = np.zeros(len(otherwise), dtype=bool)
    for criterion, bounds in ranges:
        if criterion is None:
            unsure[:] = True
            continue
        holds = criterion(persons)
        unsure |= ~holds.known | held & holds.true & ~np.all(_same(chosen, bounds), axis=1)
        chosen[holds.true & holds.known] = bounds
        held |= holds.true & holds.known
    chosen[unsure] = np.nan
    return chosen


def _same(left: Floats, right: Floats) -> Flags:
    same: Flags = (left == right) | np.isnan(left) & np.isnan(right)
    return same


def ranges_of(
    observations: pd.DataFrame, question: Positions, vocabulary: Vocabulary, by_person: RangesByPerson
) -> dict[str, Floats]:
    """BOUNDS for each row of a frame of OBSERVATION_COLUMNS; batches of earlier versions lack the row's own range, and
    the person's age and sex.
    """
    bounds = np.column_stack([vocabulary.ranges[name][question] for name in BOUNDS])
    stated = np.zeros(len(observations), dtype=bool)
    if f"range_{BOUNDS[0]}" in observations:
        own = {name: observations[f"range_{name}"].to_numpy(dtype=np.float64, na_value=np.nan) for name in BOUNDS}
        stated = np.any([~np.isnan(values) for values in own.values()], axis=0)
        cleaned = without_placeholders(own)
        bounds[stated] = np.column_stack([cleaned[name] for name in BOUNDS])[stated]
    by_person.choose(
        question, ~stated & observations["value_numeric"].notna().to_numpy(), Persons.of(observations), bounds
    )
    return {name: bounds[:, number] for number, name in enumerate(BOUNDS)}
