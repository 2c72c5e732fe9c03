"""How a row reads: the names of the groups around it, its question, its answer, and what qualifies that.

What decided what a row is (a header, a comment, a state) stands in what is shown of it.

What belongs here: texts of a row. What does not: the answer alone (values), what makes it a note (categories).
"""

from __future__ import annotations

import math

import numpy as np

from passport_pipeline.sources.drafts import NUMERIC, TEST
from passport_pipeline.sources.openmrs.observations.categories import DEEPEST
from passport_pipeline.sources.openmrs.observations.grouping import Grouped, Rows
from passport_pipeline.sources.openmrs.observations.values import cleaned, number
from passport_pipeline.sources.openmrs.observations.vocabulary import Positions, Texts, Vocabulary, objects

WITHIN = " > "


def labels(rows: Rows, vocabulary: Vocabulary) -> Texts:
    """The question of each row after the names of the groups around it, outermost first: "Left ear > Hearing".

    A group that has an answer of its own is named with it: "Allergy: Penicillin > Reaction".
    """
    names: Texts = vocabulary.name[rows.values.question]
    labelled = names.copy()
    inside = np.flatnonzero(rows.parent >= 0)
    headers = np.unique(rows.parent[inside])
    named = dict(zip(headers.tolist(), _headers(rows, names, headers), strict=True))
    for at in inside.tolist():
        around: list[str] = []
        parent = int(rows.parent[at])
        for _ in range(DEEPEST):  # groups may form a circle
            if parent < 0:
                break
            around += [header] if (header := named[parent]) else []
            parent = int(rows.parent[parent])
        labelled[at] = WITHIN.join([*reversed(around), names[at] or ""])
    return labelled


def _headers(rows: Rows, names: Texts, headers: Positions) -> list[str | None]:
    """How each of these headers reads in the labels of its members; None for one that people have to decide about."""
    comments = cleaned(rows.observations["comments"].iloc[headers])
    columns = [names[headers], rows.values.display[headers], comments, rows.withheld[headers]]
    texts: list[str | None] = []
    for name, answer, comment, withheld in zip(*columns, strict=True):
        answered = f"{name}: {answer}" if answer is not None else name
        said = answered if not comment or comment == answer else f"{answered} (comment: {comment})"
        texts.append(None if withheld or name is None else said)
    return texts


def shown(rows: Rows, grouped: Grouped, vocabulary: Vocabulary, positions: Positions) -> Texts:
    """The answers of the rows at these positions, each with what qualifies it: "Malaria (presumed)", "9.1 g/dL
    (normal 12-16; preliminary; comment: clotted)".
    """
    status = rows.observations["status"].to_numpy(dtype=object)[positions]
    comments = cleaned(rows.observations["comments"].iloc[positions])
    columns = [rows.values.display[positions], grouped.certainty[positions], grouped.remark[positions]]
    texts = []
    for answer, certainty, remark, state, comment, usual in zip(
        *columns, status, comments, _normal_ranges(rows, vocabulary, positions), strict=True
    ):
        qualified = [f"normal {usual}"] if usual else []
        qualified += ["presumed"] if certainty == "presumed" else []
        qualified += [remark] if remark else []
        qualified += ["preliminary"] if isinstance(state, str) and state.upper() == "PRELIMINARY" else []
        qualified += [f"comment: {comment}"] if comment and comment != answer else []
        texts.append(f"{answer} ({'; '.join(qualified)})" if qualified else answer)
    return objects(texts)


def _normal_ranges(rows: Rows, vocabulary: Vocabulary, positions: Positions) -> list[str | None]:
    """The normal range of each numeric test, as its concept states it, None where it states none."""
    tests = (rows.categories.category[positions] == TEST) & (rows.values.value_type[positions] == NUMERIC)
    asked = rows.values.question[positions]
    lows, highs = (vocabulary.ranges[name][asked].tolist() for name in ("low_normal", "hi_normal"))
    precisions = vocabulary.precision[asked].tolist()
    return [
        _range(low, high, precision) if test else None
        for test, low, high, precision in zip(tests.tolist(), lows, highs, precisions, strict=True)
    ]


def _range(low: float, high: float, precision: float) -> str | None:
    if math.isnan(low) and math.isnan(high):
        return None
    if math.isnan(high):
        return f"from {number(low, precision)}"
    if math.isnan(low):
        return f"up to {number(high, precision)}"
    return f"{number(low, precision)}-{number(high, precision)}" if low <= high else None
