"""The rows of a frame, each interpreted by itself: its value, its category, its group, why it cannot be shown.

What belongs here: what is known of a row before it is put together with others. What does not: which rows belong
together (assembling), which outcome each has (grouping).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.drafts import ENCOUNTER_OF_ANOTHER_PATIENT, UNREADABLE
from passport_pipeline.sources.openmrs.observations.categories import Categories, decide
from passport_pipeline.sources.openmrs.observations.interpretation import Interpretation
from passport_pipeline.sources.openmrs.observations.qualitative import qualitative
from passport_pipeline.sources.openmrs.observations.ranges import Ranges, ranges_of
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline.sources.openmrs.observations.values import Values, cleaned, describe, state_of, translated
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts


@dataclass(frozen=True)
class Rows:
    """A frame's rows as arrays, each interpreted by itself; one element a row.

    group     the same for rows of one obs_group_id, day and person, be that row live or not; -1 for none
    parent    the position of the group's own row, -1 for none
    ranges    what is normal for each number
    in_words  the words for which a number only stands, None where it does not
    reason    why it cannot be shown, None where it can
    withheld  people have to decide about it
    kept_back it holds somebody else's name or HIV status, which the hospital does not pass on
    """

    observations: pd.DataFrame
    obs_id: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    parent: Positions
    values: Values
    ranges: Ranges
    in_words: Texts
    categories: Categories
    reason: Texts
    withheld: Flags
    kept_back: Flags

    @classmethod
    def of(
        cls, observations: pd.DataFrame, interpretation: Interpretation, parent: Positions, *, third_persons: bool
    ) -> Rows:
        """Read a frame of OBSERVATION_COLUMNS; `parent` as `nesting.parents_of` gives it. Names and HIV status of third
        persons are kept back, unless `third_persons`.
        """
        stored = interpretation.stored_references.of(observations)
        observations = stored.unmarked(observations)
        vocabulary, by_person = interpretation.vocabulary, interpretation.ranges_by_person
        values = describe(observations, vocabulary, stored)
        categories = decide(observations, values, interpretation.tables, parent)
        group = _groups(observations)
        reason = values.reason.copy()
        withheld = _withheld(observations, reason)
        return cls(
            observations=observations,
            obs_id=observations["obs_id"].to_numpy(dtype=np.int64),
            group=group,
            parent=parent,
            values=values,
            ranges=ranges_of(observations, values.question, vocabulary, by_person),
            in_words=qualitative(observations, values, group, vocabulary),
            categories=categories,
            reason=reason,
            withheld=withheld,
            kept_back=categories.third_person & ~withheld & (not third_persons),
        )

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.obs_id)

    @cached_property
    def empty(self) -> Flags:
        """Rows without a value."""
        return pd.isna(self.values.value_type)

    @cached_property
    def qualified(self) -> Flags:
        """Rows of which a comment or a state is shown."""
        states = translated(self.observations["status"], state_of)
        return np.asarray(pd.notna(cleaned(self.observations["comments"])) | pd.notna(states), dtype=bool)


def _withheld(observations: pd.DataFrame, reason: Texts) -> Flags:
    """Rows that people have to decide about; sets their reasons. Batches of earlier versions lack the columns."""
    withheld = np.zeros(len(observations), dtype=bool)
    for column, why in (("unreadable", UNREADABLE), ("encounter_patient_id", ENCOUNTER_OF_ANOTHER_PATIENT)):
        if column in observations:
            values = observations[column]
            flags = values.to_numpy(dtype=bool) if values.dtype == bool else values.notna().to_numpy()
            reason[flags] = why
            withheld |= flags
    return withheld


def _groups(observations: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The group of each row, numbered within the frame.

    Rows of two units or days that share an obs_group_id are separate groups, in any frame; and so are those of two
    persons: no row ever says something of another person's record.
    """
    group, _ = pd.factorize(observations["obs_group_id"])
    numbers = group.astype(np.int64)
    of_unit = pd.factorize(units_of(observations)), pd.factorize(observations["day"])
    for codes, known in (*of_unit, pd.factorize(observations["person_id"])):
        numbers = numbers * len(known) + codes
    return np.where(group < 0, -1, numbers)
