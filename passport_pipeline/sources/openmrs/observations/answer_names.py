"""What the names of a concept say of the disease that they name: that it is there, or that it is not, was, may be, or
is somebody else's.

It is judged once for each concept of a hospital's dictionary, for coded answers ("Tuberculosis ruled out", "No known
allergies") and for diseases as the question ("Family history of diabetes: yes"). That there is none counts in a fully
specified name alone: "Amenorrhoea" has the synonym "No menses", and is there nonetheless.

What belongs here: judging names. What does not: how a text is judged (meaning.assertion), which rows have the answer
(vetoes).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from passport_pipeline.meaning.assertion.assertions import assertions
from passport_pipeline.meaning.assertion.diseases import Diseases
from passport_pipeline.sources.openmrs.observations.evidence import Veto
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Vocabulary


def taken_back_by_name(vocabulary: Vocabulary, vetoes: Sequence[Veto], diseases: Diseases) -> list[Flags]:
    """For each veto the concepts, by position, whose own names say what it is about."""
    names = vocabulary.names
    categories = np.array([each.category for each in assertions(names.texts, diseases)], dtype=object)
    said = {name: names.having(categories == name, full=name == "negated") for name in _OF_A_NAME}
    nobody_reads = names.unreadable & ~vocabulary.mapped
    taken_back = []
    for veto in vetoes:
        says = names.beginning(veto.answer_begins, but_not=veto.answer_but_not)
        for category in _OF_A_NAME.intersection(veto.says):
            says |= said[category]
        taken_back.append(says | nobody_reads if veto.unreadable else says)
    return taken_back


_OF_A_NAME = frozenset({"negated", "uncertain", "historical", "other"})
"""Not `unreadable`: a concept with one name in other letters has others, and is judged by all of them."""
