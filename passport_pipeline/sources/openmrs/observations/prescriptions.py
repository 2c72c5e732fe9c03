"""What the rows beside a medication say of it: dose, unit, how often, until when.

They count only in a group that has one medication alone: with two, nobody knows which one a dose is of. A row that does
not count stays a plain answer of its visit, so that it is read at least there.

What belongs here: which rows these are, and what they say together. What does not: what a medication is (evidence).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.drafts import DATE, DATETIME
from passport_pipeline.sources.openmrs.observations.values import Values
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary

DOSE, UNITS, FREQUENCY, END = "dose", "units", "frequency", "end"

QUESTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        DOSE: ("dose", "dosage", "medication dose", "drug dose", "dose given", "dose administered", "dosis", "dosagem"),
        UNITS: ("units", "unit", "dose units", "dosing units", "unite", "unites", "unidad", "unidade", "unidades"),
        FREQUENCY: ("frequency", "medication frequency", "drug frequency", "dosing frequency", "dose frequency",
                    "frequence", "frecuencia", "frequencia"),
        END: ("end date", "stop date", "date stopped", "medication end date", "medication stop date", "date de fin",
              "fecha de fin", "data de fim"),
    }
)  # fmt: skip
"""The whole names of the questions, in the languages of the vocabulary."""


def prescription_questions(vocabulary: Vocabulary) -> dict[str, Flags]:
    """By role, which concepts ask for it."""
    return {role: vocabulary.called(names) for role, names in QUESTIONS.items()}


def parts_of(
    groups: npt.NDArray[np.int64],
    asked: Mapping[str, Flags],
    values: Values,
    *,
    plain: Flags,
    medications: Flags,
    claimed: Flags,
) -> tuple[Positions, Texts]:
    """For each row the position of the medication that it is a part of (-1 for none) and its role; every array has one
    element a row. `groups` tells apart the rows of one group and person (-1 for none); `plain` are the plain answers
    that nothing qualifies; `claimed` are the rows that are a medication, or may be one that cannot be shown.

    Where two rows of one kind differ, neither counts; nor does a unit without a dose, or an end that is no date.
    """
    of: Positions = np.full(len(groups), -1, dtype=np.intp)
    role: Texts = np.full(len(groups), None, dtype=object)
    led = np.flatnonzero(claimed & (groups >= 0))
    numbers, first, count = np.unique(groups[led], return_index=True, return_counts=True)
    alone = (count == 1) & medications[led[first]]
    numbers, of_group = numbers[alone], led[first[alone]]
    if not len(numbers):
        return of, role
    ends = np.isin(values.value_type, (DATE, DATETIME))
    for name, flags in asked.items():
        chosen = plain & flags[values.question] & np.isin(groups, numbers)
        rows = np.flatnonzero(chosen & ends if name == END else chosen)
        medication = of_group[np.searchsorted(numbers, groups[rows])]
        said: dict[int, set[str]] = {}
        for at, of_row in zip(rows.tolist(), medication.tolist(), strict=True):
            said.setdefault(of_row, set()).add(values.display[at])
        agreed = np.array([len(said[at]) == 1 for at in medication.tolist()], dtype=bool)
        of[rows[agreed]] = medication[agreed]
        role[rows[agreed]] = name
    units = np.flatnonzero(role == UNITS)
    lonely = units[~np.isin(of[units], of[role == DOSE])]
    of[lonely], role[lonely] = -1, None
    return of, role


def prescribed(values: Values, of: Positions, role: Texts) -> dict[str, Texts]:
    """Dosage, frequency and end date of each medication as its parts say them, None where they do not; one element a
    row.
    """
    columns = {name: np.full(len(of), None, dtype=object) for name in (DOSE, UNITS, FREQUENCY, END)}
    for at in np.flatnonzero(of >= 0).tolist():
        columns[role[at]][of[at]] = values.display[at]
    units = columns.pop(UNITS)
    dosage = columns["dosage"] = columns.pop(DOSE)
    for at in np.flatnonzero(pd.notna(units)).tolist():
        if not dosage[at].casefold().endswith(units[at].casefold()):
            dosage[at] = f"{dosage[at]} {units[at]}"
    return columns
