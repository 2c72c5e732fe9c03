"""How a row reads: the names of the groups around it, its question, its answer, and what qualifies that.

What decided what a row is (a header, a comment, a state) stands in what is shown of it.

What belongs here: texts of a row. What does not: the answer alone (values), what makes it a note (categories).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from passport_pipeline.sources.drafts import COMPLEX, CONDITION, IMAGE, LEAD, MEDICATION, NUMERIC, TEST
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.constructs import DIAGNOSIS, SET
from passport_pipeline.sources.openmrs.observations.details import Details
from passport_pipeline.sources.openmrs.observations.evidence import EVIDENCE, HEADERS_THAT_SAY_NOTHING
from passport_pipeline.sources.openmrs.observations.grouping import Grouped
from passport_pipeline.sources.openmrs.observations.nesting import DEEPEST
from passport_pipeline.sources.openmrs.observations.pointers import NOT_SHOWN, title
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.test_status import INTERPRETATIONS, normal_limits
from passport_pipeline.sources.openmrs.observations.values import cleaned, number, state_of, translated
from passport_pipeline.sources.openmrs.observations.vocabulary import Positions, Texts, Vocabulary, objects

WITHIN = " > "

_NOTHING = frozenset(word for words in HEADERS_THAT_SAY_NOTHING for word in words.split())
_ASKED = [n for n, rule in enumerate(EVIDENCE) if rule.category == CONDITION and rule.classes]


def labels(rows: Rows, grouped: Grouped, vocabulary: Vocabulary) -> Texts:
    """The question of each row after the names of the groups around it, outermost first: "Left ear > Hearing".

    A group that has an answer of its own is named with it, and with what qualifies it: "Allergy: Penicillin >
    Reaction", "Results (comment: Mother) > HIV test". A group that is called like its question is not named: Bahmni
    writes a result into two of them. A construct that reads as one line is called what it is about ("Asthma",
    "Immunization"), without the name of the header that was made for it.
    """
    called = grouped.details.label
    names: Texts = np.where(pd.isna(called), vocabulary.name[rows.values.question], called)
    labelled = names.copy()
    inside = np.flatnonzero(rows.parent >= 0)
    headings = _headings(rows, vocabulary)
    made = (rows.categories.role == SET) & pd.isna(rows.values.display) & ~rows.qualified
    for at in inside.tolist():
        around = _around(rows, at)
        if called[at] is not None and made[around[-1]]:
            around.pop()
        path = [headings[parent] for parent in around if headings[parent]]
        while path and path[-1] == names[at]:
            path.pop()
        labelled[at] = WITHIN.join([*path, names[at] or ""])
    return labelled


def answers(rows: Rows, grouped: Grouped, vocabulary: Vocabulary, positions: Positions) -> Texts:
    """The answers of the rows at these positions; of a diagnosis that is the question, that: "Malaria" for yes,
    "Malaria: of the brain" for words.
    """
    texts = rows.values.display[positions]
    asked = np.isin(rows.categories.rule[positions], _ASKED) & (rows.categories.category[positions] == CONDITION)
    for place in np.flatnonzero(asked & (grouped.role[positions] == LEAD)).tolist():
        name = vocabulary.name[rows.values.question[positions[place]]]
        if EVIDENCE[rows.categories.rule[positions[place]]].yes:
            texts[place] = name
        elif not set(fold(name).split()) <= _NOTHING:
            texts[place] = f"{name}: {texts[place]}"
    return texts


def shown(rows: Rows, grouped: Grouped, vocabulary: Vocabulary, positions: Positions, said: Texts) -> Texts:
    """The answers of the rows at these positions (`said`, as `answers` gives them), each with what qualifies it:
    "Malaria (presumed)", "9.1 g/dL (normal 12-16; preliminary; comment: clotted)".

    A diagnosis and a medication are shown without their label, so what the groups around them say qualifies them too:
    "Cataract (Left eye)".
    """
    details = grouped.details
    columns = [said, *(each[positions] for each in (details.certainty, details.remark, details.told))]
    without_label = np.isin(rows.categories.category[positions], (CONDITION, MEDICATION))
    around = _said_around(rows, vocabulary, positions[without_label & (grouped.role[positions] == LEAD)])
    texts = []
    for at, answer, certainty, remark, told, file, own, usual, in_words in zip(
        positions.tolist(),
        *columns,
        _files(rows, positions),
        _qualifiers(rows, positions),
        _normal_ranges(rows, details, vocabulary, positions),
        rows.in_words[positions],
        strict=True,
    ):
        qualified = [in_words] if in_words and f"comment: {in_words}" not in own else []
        qualified += [f"normal {usual}"] if usual else []
        qualified += ["presumed"] if certainty == "presumed" else []
        qualified += [text for text in (remark, file) if text]
        qualified += own
        qualified += [told] if told else []
        qualified += around.get(at, [])
        texts.append(f"{answer} ({'; '.join(dict.fromkeys(qualified))})" if qualified else answer)
    return objects(texts)


def _around(rows: Rows, at: int) -> list[int]:
    """The groups around a row, outermost first; ends also where groups form a circle."""
    around: list[int] = []
    parent = int(rows.parent[at])
    while parent >= 0 and len(around) < DEEPEST:
        around.append(parent)
        parent = int(rows.parent[parent])
    return around[::-1]


def _headings(rows: Rows, vocabulary: Vocabulary) -> dict[int, str]:
    """What is shown of each group, by position; "" of one that says nothing, or that people have to decide about."""
    headers = np.unique(rows.parent[rows.parent >= 0])
    columns = vocabulary.name[rows.values.question[headers]], *_said_of_itself(rows, headers)
    headings = {}
    for at, name, answer, qualified in zip(headers.tolist(), *columns, strict=True):
        heading = name if name is None or answer is None else f"{name}: {answer}"
        parts = [part for part in (heading, f"({'; '.join(qualified)})" if qualified else None) if part]
        headings[at] = "" if rows.withheld[at] else " ".join(parts)
    return headings


def _said_around(rows: Rows, vocabulary: Vocabulary, positions: Positions) -> dict[int, list[str]]:
    """What the groups around the rows at these positions say of each, but for names that say nothing."""
    around = {at: _around(rows, at) for at in positions.tolist()}
    headers = np.array(sorted({header for of_row in around.values() for header in of_row}), dtype=np.intp)
    said: dict[int, list[str]] = {}
    columns = vocabulary.name[rows.values.question[headers]], *_said_of_itself(rows, headers)
    for header, name, answer, qualified in zip(headers.tolist(), *columns, strict=True):
        said[header] = []
        if rows.withheld[header]:
            continue
        if rows.categories.role[header] not in {SET, DIAGNOSIS} and name and not set(fold(name).split()) <= _NOTHING:
            said[header].append(name if answer is None else f"{name}: {answer}")
        elif answer is not None:
            said[header].append(answer)
        said[header] += qualified
    return {at: [text for header in of_row for text in said[header]] for at, of_row in around.items()}


def _said_of_itself(rows: Rows, headers: Positions) -> tuple[Texts, list[list[str]]]:
    """The answers of these groups, and what qualifies each; nothing of one that is kept back."""
    answers, kept_back = rows.values.display[headers], rows.kept_back[headers]
    answers[kept_back] = None
    return answers, [[] if kept else said for kept, said in zip(kept_back, _qualifiers(rows, headers), strict=True)]


def _qualifiers(rows: Rows, positions: Positions) -> list[list[str]]:
    """What the interpretation, the state and the comment of each row say of it.

    Not an interpretation that is the status of a test, nor a comment that is the answer.
    """
    about = rows.observations[["interpretation", "status", "comments"]].iloc[positions]
    interpretations = translated(about["interpretation"], _interpretation)
    of_status = np.isin(translated(about["interpretation"], _status), [*INTERPRETATIONS])
    interpretations[of_status & (rows.categories.category[positions] == TEST)] = None
    comments = cleaned(about["comments"])
    comments[comments == rows.values.display[positions]] = None
    columns = [interpretations, translated(about["status"], state_of), comments]
    said: list[list[str]] = [[] for _ in positions]
    for column, words in zip(columns, ("{}", "{}", "comment: {}"), strict=True):
        for place in np.flatnonzero(pd.notna(column)).tolist():
            said[place].append(words.format(column[place]))
    return said


def _status(interpretation: str) -> str:
    return interpretation.strip("\0 ").upper()


def _interpretation(interpretation: str) -> str | None:
    return _status(interpretation).lower().replace("_", " ") or None


def _files(rows: Rows, positions: Positions) -> list[str | None]:
    """The names of files that are shown by their captions; not of pictures."""
    files: list[str | None] = [None] * len(positions)
    pointers = rows.observations["value_complex"].to_numpy(dtype=object)
    for place, at in enumerate(positions.tolist()):
        if (
            rows.values.value_type[at] == COMPLEX
            and not rows.values.stored[at]
            and rows.categories.category[at] != IMAGE
        ):
            file = title(pointers[at])
            files[place] = file if file not in {NOT_SHOWN, rows.values.display[at]} else None
    return files


def _normal_ranges(rows: Rows, details: Details, vocabulary: Vocabulary, positions: Positions) -> list[str | None]:
    """The normal range of each numeric test, as `test_status.normal_limits` has it, None where there is none."""
    tests = (rows.categories.category[positions] == TEST) & (rows.values.value_type[positions] == NUMERIC)
    asked = rows.values.question[positions]
    lows, highs = (limits.tolist() for limits in normal_limits(rows, details, positions))
    precisions = vocabulary.precision[asked].tolist()
    return [
        _range(low, high, precision) if test else None
        for test, low, high, precision in zip(tests.tolist(), lows, highs, precisions, strict=True)
    ]


def _range(low: float, high: float, precision: float) -> str | None:
    """A range in words."""
    if math.isnan(low) and math.isnan(high):
        return None
    if math.isnan(high):
        return f"from {number(low, precision)}"
    if math.isnan(low):
        return f"up to {number(high, precision)}"
    return f"{number(low, precision)}-{number(high, precision)}"
