"""What was answered, as text that a patient can read, from any value column of the observation.

What belongs here: which of the value columns counts, how numbers and dates are written, what is no valid
value, how a row's state reads. What does not: whether a result is normal (test_status), what kind of record it makes
(evidence).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.drafts import (
    BOOLEAN,
    CODED,
    COMPLEX,
    DATE,
    DATETIME,
    DRUG,
    HELD_CONCEPT,
    INVALID_DATE,
    INVALID_VALUE,
    NUMERIC,
    TEXT,
    TIME,
    UNKNOWN_CONCEPT,
)
from passport_pipeline.sources.openmrs.observations.pointers import title
from passport_pipeline.sources.openmrs.observations.stored_references import NONE, Stored
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary

_MOST_DECIMALS = 15  # a double has no more, but a dictionary may state two thousand million

_BY_DATATYPE = {
    "coded": CODED,
    "boolean": BOOLEAN,
    "numeric": NUMERIC,
    "text": TEXT,
    "document": TEXT,
    "complex": COMPLEX,
    "date": DATE,
    "time": TIME,
    "datetime": DATETIME,
}


@dataclass(frozen=True)
class Values:
    """What each row of a frame answers; every array has one element a row.

    value_type  one of the nine types, None where the row has no value
    display     the answer as text, None where there is none or it is not valid
    dosage      the strength of the drug answered, None where unknown
    reason      why the value cannot be shown (UNKNOWN_CONCEPT, HELD_CONCEPT, INVALID_DATE, INVALID_VALUE), None where
                it can
    question    position of the question in the vocabulary, -1 where unknown
    answer      position of the coded answer, -1 where there is none or it is unknown
    stored      the value is an entry of another table, such as a location
    """

    value_type: Texts
    display: Texts
    dosage: Texts
    reason: Texts
    question: Positions
    answer: Positions
    stored: Flags


def number(value: float, precision: float = math.nan) -> str:
    """A number as it was measured: "5" for 5.0, and "5.0" where the concept's display precision is 1.

    The precision adds zeros, up to 15 decimals, and never rounds: no written digit is dropped.
    """
    text = f"{value:.15g}"  # the exact digits of a double: 0.1 + 0.2 reads 0.3
    if "e" in text:
        text = f"{value:.15f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:.0f}"
    if text == "-0":
        text = "0"
    whole, _, decimals = text.partition(".")
    places = 0 if math.isnan(precision) else int(min(max(0.0, precision), _MOST_DECIMALS))
    padded = decimals.ljust(places, "0")
    return f"{whole}.{padded}" if padded else whole


def clean(value: object) -> str | None:
    """Text without NUL characters and outer white space; None where nothing is left."""
    if not isinstance(value, str):
        return None
    if "\0" in value:
        value = value.replace("\0", "")
    return value.strip() or None


def state_of(status: object) -> str | None:
    """The state of a row in words, None where it is final or unknown: "preliminary", "amended"."""
    words = clean(status)
    return None if words is None or words.upper() == "FINAL" else words.lower().replace("_", " ")


def translated(column: pd.Series, words: Callable[[str], str | None]) -> Texts:
    """A column of few different texts, each in words; None where it is null."""
    codes, texts = pd.factorize(column)
    return np.array([*map(words, texts), None], dtype=object)[codes]


def cleaned(column: pd.Series) -> Texts:
    """A column of texts, each `clean`; most are null and take no time."""
    filled = np.flatnonzero(column.notna().to_numpy())
    texts = np.full(len(column), None, dtype=object)
    texts[filled] = [clean(value) for value in column.iloc[filled].tolist()]
    return texts


def _objects(flags: Flags) -> Texts:
    return np.full(len(flags), None, dtype=object)


def value_types(observations: pd.DataFrame, datatypes: Texts, texts: Texts, pointers: Texts) -> Texts:
    """Which type of value each row holds: the one that the question's datatype says if that column is filled,
    else the first filled of drug, coded, numeric, date, text, pointer, boolean (datatypes get changed, rows
    stay).
    """
    filled: dict[str, Flags] = {
        column: observations[column].notna().to_numpy()
        for column in ("value_coded", "value_drug", "value_numeric", "value_boolean")
    }
    dated = observations["value_datetime"].notna().to_numpy()
    if "bad_datetime" in observations:
        dated = dated | observations["bad_datetime"].fillna(value=False).to_numpy(dtype=bool)
    written, pointed = pd.notna(texts), pd.notna(pointers)
    numeric, flagged = filled["value_numeric"], filled["value_boolean"]
    present: dict[str, Flags] = {
        CODED: filled["value_coded"],
        BOOLEAN: filled["value_coded"] | flagged | numeric,
        NUMERIC: numeric,
        TEXT: written,
        COMPLEX: pointed,
        DATE: dated,
        TIME: dated,
        DATETIME: dated,
    }
    kinds = _objects(dated)
    fallback = ((CODED, filled["value_coded"]), (NUMERIC, numeric), (DATETIME, dated), (TEXT, written))
    for kind, flags in reversed((*fallback, (COMPLEX, pointed), (BOOLEAN, flagged))):
        kinds[flags] = kind
    for datatype, kind in _BY_DATATYPE.items():
        kinds[(datatypes == datatype) & present[kind]] = kind
    kinds[filled["value_drug"]] = DRUG
    return kinds


def describe(observations: pd.DataFrame, vocabulary: Vocabulary, stored: Stored = NONE) -> Values:
    """What each row of a frame of OBSERVATION_COLUMNS answers. Never raises for a row's content.

    `stored` are the rows whose value is an entry of another table: complex values, so that no rule reads them as words.
    """
    question = vocabulary.positions(observations["concept_id"])
    answer = vocabulary.positions(observations["value_coded"])
    texts, pointers = cleaned(observations["value_text"]), cleaned(observations["value_complex"])
    kinds = value_types(observations, vocabulary.datatype_key[question], texts, pointers)
    kinds[stored.positions] = COMPLEX
    truth = (answer == vocabulary.true_position) | (answer == vocabulary.false_position)
    kinds[(kinds == CODED) & truth] = BOOLEAN
    kinds[(kinds == BOOLEAN) & ~truth & observations["value_coded"].notna().to_numpy()] = CODED

    display, dosage, reason = _objects(truth), _objects(truth), _objects(truth)
    reason[question == -1] = UNKNOWN_CONCEPT
    reason[pd.isna(vocabulary.name[question])] = UNKNOWN_CONCEPT

    entered = observations["date_created"].to_numpy(dtype="datetime64[us]")
    for position in (question, answer):
        reason[entered >= vocabulary.held_from[position]] = HELD_CONCEPT

    coded = (kinds == CODED) | ((kinds == BOOLEAN) & truth)
    display[coded] = vocabulary.name[answer[coded]]
    text = kinds == TEXT
    display[text] = texts[text]
    named = np.zeros(len(truth), dtype=bool)
    named[stored.positions] = True
    display[stored.positions] = stored.shown
    pointer = (kinds == COMPLEX) & ~named
    captions = cleaned(observations["comments"])[pointer]
    display[pointer] = [caption or title(value) for caption, value in zip(captions, pointers[pointer], strict=True)]
    _show_drugs(observations, vocabulary, kinds == DRUG, answer, display=display, dosage=dosage)
    nameless = (coded | (kinds == DRUG)) & pd.isna(display)
    reason[nameless] = UNKNOWN_CONCEPT
    _show_flags(observations, vocabulary, (kinds == BOOLEAN) & ~truth, display, reason)
    _show_numbers(observations, vocabulary, kinds == NUMERIC, question, display=display, reason=reason)
    _show_dates(observations, kinds, display, reason)
    return Values(kinds, display, dosage, reason, question, answer, named)


def _show_drugs(
    observations: pd.DataFrame, vocabulary: Vocabulary, rows: Flags, answer: Positions, *, display: Texts, dosage: Texts
) -> None:
    if not rows.any():
        return
    drug = vocabulary.drug_positions(observations["value_drug"])[rows]
    names, substances = vocabulary.drug_name[drug], vocabulary.name[answer[rows]]
    display[rows] = [name or substance for name, substance in zip(names, substances, strict=True)]
    dosage[rows] = vocabulary.drug_strength[drug]


def _show_flags(observations: pd.DataFrame, vocabulary: Vocabulary, rows: Flags, display: Texts, reason: Texts) -> None:
    """Booleans in value_boolean (1.9) or, before that, as 1 or 0 in value_numeric."""
    if not rows.any():
        return
    yes = _word(vocabulary, vocabulary.true_position, "Yes")
    no = _word(vocabulary, vocabulary.false_position, "No")
    flags = observations["value_boolean"].to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = observations["value_numeric"].to_numpy(dtype=np.float64, na_value=np.nan)
    truth = np.where(np.isnan(flags), numbers, flags)
    display[rows & (truth == 1)] = yes
    display[rows & (truth == 0)] = no
    _refuse(rows & ~np.isin(truth, (0.0, 1.0)), INVALID_VALUE, display, reason)


def _word(vocabulary: Vocabulary, position: int, otherwise: str) -> str:
    name = vocabulary.name[position] if position >= 0 else None
    return name or otherwise


def _show_numbers(
    observations: pd.DataFrame,
    vocabulary: Vocabulary,
    rows: Flags,
    question: Positions,
    *,
    display: Texts,
    reason: Texts,
) -> None:
    if not rows.any():
        return
    values = observations["value_numeric"].to_numpy(dtype=np.float64, na_value=np.nan)[rows]
    asked = question[rows]
    modifiers = cleaned(observations["value_modifier"])[rows]
    columns = (values.tolist(), vocabulary.precision[asked].tolist(), modifiers.tolist(), vocabulary.units[asked])
    display[rows] = [
        f"{modifier or ''}{number(value, precision)}{' ' + unit if unit else ''}"
        for value, precision, modifier, unit in zip(*columns, strict=True)
    ]
    ranges = vocabulary.ranges
    impossible = np.zeros(len(rows), dtype=bool)
    # Beyond an absolute limit no body can be: OpenMRS refuses it at the keyboard, imports let it through.
    impossible[rows] = (
        (values < ranges["low_absolute"][asked]) | (values > ranges["hi_absolute"][asked]) | ~np.isfinite(values)
    )
    _refuse(impossible, INVALID_VALUE, display, reason)


def _show_dates(observations: pd.DataFrame, kinds: Texts, display: Texts, reason: Texts) -> None:
    values: npt.NDArray[np.datetime64] = observations["value_datetime"].to_numpy(dtype="datetime64[s]")
    for kind, part in ((DATETIME, slice(None)), (DATE, slice(10)), (TIME, slice(11, None))):
        rows = kinds == kind
        display[rows] = [text[part] for text in np.datetime_as_string(values[rows], unit="s").tolist()]
        _refuse(rows & np.isnat(values), INVALID_DATE, display, reason)


def _refuse(rows: Flags, why: str, display: Texts, reason: Texts) -> None:
    display[rows] = None
    reason[rows & pd.isna(reason)] = why
