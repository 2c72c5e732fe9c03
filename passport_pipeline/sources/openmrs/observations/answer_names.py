"""What the names of a concept say of the disease that they name: that it is there, or that it is not, was, may be, or
is somebody else's.

It is judged once for each concept of a hospital's dictionary, for coded answers ("Tuberculosis ruled out", "No known
allergies") and for diseases as the question ("Family history of diabetes: yes"). Negations count at the beginning of a
fully specified name alone: "Amenorrhoea" has the synonym "No menses", and is there nonetheless.

What belongs here: judging names. What does not: which rows have the answer (vetoes), judging written answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from passport_pipeline.sources.openmrs.observations.evidence import Veto
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Vocabulary


def taken_back_by_name(vocabulary: Vocabulary, vetoes: Sequence[Veto]) -> list[Flags]:
    """For each veto the concepts, by position, whose own names say what it is about."""
    return [_says(vocabulary, veto) | _cannot_be_read(vocabulary, veto) for veto in vetoes]


def _says(vocabulary: Vocabulary, veto: Veto) -> Flags:
    names, but_not = vocabulary.names, veto.answer_but_not
    says = names.holding(veto.answer_holds, but_not=but_not)
    says |= names.beginning(veto.answer_begins, but_not=but_not)
    return says | names.ending(veto.answer_ends, but_not=but_not)


def _cannot_be_read(vocabulary: Vocabulary, veto: Veto) -> Flags:
    if not veto.unreadable:
        return np.zeros(len(vocabulary), dtype=bool)
    return vocabulary.names.unreadable & ~vocabulary.mapped
