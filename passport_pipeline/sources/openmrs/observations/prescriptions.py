"""What the rows beside a medication say of it: dose, unit, how often, until when.

They count only in a group that has one medication alone: with two, nobody knows which one a dose is of.

What belongs here: which rows these are, and what they say together. What does not: what a medication is (evidence).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

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
    group: npt.NDArray[np.int64], asked: Mapping[str, Flags], question: Positions, plain: Flags, medications: Flags
) -> tuple[Positions, Texts]:
    """For each row the position of the medication that it is a part of (-1 for none) and its role; every array has one
    element a row. `plain` are plain answers; `group` as grouping.Rows has it.
    """
    of: Positions = np.full(len(group), -1, dtype=np.intp)
    role: Texts = np.full(len(group), None, dtype=object)
    led = np.flatnonzero(medications & (group >= 0))
    numbers, first, count = np.unique(group[led], return_index=True, return_counts=True)
    alone, of_group = numbers[count == 1], led[first[count == 1]]
    if not len(alone):
        return of, role
    for name, flags in asked.items():
        rows = np.flatnonzero(plain & flags[question] & np.isin(group, alone))
        of[rows] = of_group[np.searchsorted(alone, group[rows])]
        role[rows] = name
    return of, role


def prescribed(values: Values, of: Positions, role: Texts) -> dict[str, Texts]:
    """Dosage, frequency and end date of each medication as its parts say them, None where they do not; one element a
    row. Where two parts of one kind differ, neither counts.
    """
    told: dict[str, dict[int, str | None]] = {name: {} for name in QUESTIONS}
    for at in np.flatnonzero(of >= 0).tolist():
        text = values.display[at]
        if role[at] == END and values.value_type[at] not in {DATE, DATETIME}:
            continue
        of_role, medication = told[role[at]], int(of[at])
        of_role[medication] = text if of_role.get(medication, text) == text else None
    columns = {name: np.full(len(of), None, dtype=object) for name in ("dosage", "frequency", "end")}
    for medication, dose in told[DOSE].items():
        unit = told[UNITS].get(medication)
        columns["dosage"][medication] = f"{dose} {unit}" if dose and unit else dose
    for name in (FREQUENCY, END):
        for medication, text in told[name].items():
            columns[name][medication] = text
    return columns
