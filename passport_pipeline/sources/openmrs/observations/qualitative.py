"""Numbers that only stand for words: the 0, -1 or 20 beside "not detected".

A laboratory that finds no virus writes the word, and a number because the form wants one. The number is then no
measurement: it is shown with the word, and no range says whether it is normal. The word counts where it is the row's
own (its text, or its comment), where it is the only such answer in a group with one number, or where one number and one
such answer of an encounter have questions of the same name ("HIV viral load", "HIV viral load, qualitative").

What belongs here: such words, and which number they are of. What does not: status and texts of the row (test_status,
wording).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.drafts import CODED, NUMERIC, TEXT
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.name_index import phrases
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline.sources.openmrs.observations.values import Values, cleaned
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Texts, Vocabulary

_LIMITS = phrases(
    (
        *("not detected", "target not detected", "not detectable", "undetected", "undetectable", "tnd", "ldl"),
        *(
            "lower than detectable limit",
            "lower than detection limit",
            "below detectable limit",
            "below detection limit",
        ),
        *(
            "below detectable levels",
            "below the detection limit",
            "below limit of detection",
            "beyond detectable limit",
        ),
        *("below the limit of detection", "lower than the detection limit", "less than detectable", "lod"),
        *("indetectable", "non detecte", "non detectee", "non detectable", "inferieur au seuil", "inferieure au seuil"),
        *("no detectado", "no detectada", "no detectable", "nao detectado", "nao detectada", "nao detectavel"),
        *("indetectavel", "haijagundulika", "haionekani"),
    )
)
_WHOLE = frozenset(
    fold(words)
    for words in (
        *("negative", "negatif", "négative", "negativo", "negativa", "nil", "none", "absent", "no growth"),
        *("invalid", "invalide", "invalido", "error", "failed", "not done", "indeterminate", "inconclusive"),
        *("unsuitable specimen", "rejected", "haemolysed", "insufficient sample"),
    )
)
_BELOW = re.compile(r"\s*[<≤]")
_KIND = frozenset(
    (
        *("qualitative", "quantitative", "qualitatif", "quantitatif", "qualitativo", "quantitativo"),
        *("cualitativo", "cuantitativo", "result", "results", "resultat", "resultats", "resultado"),
        *("value", "valeur", "valor", "test", "number", "numeric", "coded", "text", "copies"),
    )
)
_LONGEST = 6
"""Of how many words an answer may be to be such a word: a sentence says more."""


def qualitative(
    observations: pd.DataFrame, values: Values, group: npt.NDArray[np.int64], vocabulary: Vocabulary
) -> Texts:
    """The words of which each number is only a stand-in; None of any other row. `group` as Rows.group."""
    said: Texts = np.full(len(observations), None, dtype=object)
    numbers = (values.value_type == NUMERIC) & pd.notna(values.display)
    if not numbers.any():
        return said
    worded = np.isin(values.value_type, (CODED, TEXT)) & pd.notna(values.display)
    worded[worded] = _matching(values.display[worded], stands_for_a_number)
    if worded.any():
        questions, asked = np.unique(values.question, return_inverse=True)
        measured = np.array([_measured(fold(name)) for name in vocabulary.name[questions]], dtype=object)
        keys = pd.Series(measured[asked])
        met = pd.Series(units_of(observations))
        day, person = observations["day"].to_numpy(), observations["person_id"].to_numpy()
        same_name = pd.DataFrame({"unit": met, "day": day, "person": person, "asked": keys})
        same_group = pd.DataFrame({"group": group, "person": person})
        _pair(said, values.display, numbers, worded & (keys != "").to_numpy(), same_name)
        _pair(said, values.display, numbers & (group >= 0), worded & (group >= 0), same_group)
    for column in ("comments", "value_text"):
        own = cleaned(observations[column])
        rows = numbers & pd.notna(own)
        rows[rows] = _matching(own[rows], stands_for_a_number)
        said[rows] = own[rows]
    return said


def stands_for_a_number(words: str) -> bool:
    """Whether an answer says that there was nothing to measure."""
    folded = fold(words)
    if len(folded.split()) > _LONGEST:
        return False
    return bool(_BELOW.match(words)) or folded in _WHOLE or bool(_LIMITS.search(folded))


def _measured(words: str) -> str:
    """What a question measures: its folded name without words for the kind of its answer."""
    return " ".join(word for word in words.split() if word not in _KIND)


def _matching(texts: Texts, holds: Callable[[str], bool]) -> Flags:
    codes, distinct = pd.factorize(pd.Series(texts, dtype=object))
    return np.array([*map(holds, distinct), False], dtype=bool)[codes]


def _pair(said: Texts, display: Texts, numbers: Flags, worded: Flags, keys: pd.DataFrame) -> None:
    """Give each number the answer with the same keys, where these are of one number and one such answer."""
    place = keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup().to_numpy()
    once = np.bincount(place[numbers], minlength=place.max() + 1) == 1
    word_of = np.full(len(once), -1)
    word_of[place[worded]] = np.flatnonzero(worded)
    single = once & (np.bincount(place[worded], minlength=len(once)) == 1)
    rows = np.flatnonzero(numbers & single[place])
    said[rows] = display[word_of[place[rows]]]
