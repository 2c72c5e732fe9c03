"""What the rows beside a leading row say of it.

What belongs here: the columns of it, and putting several texts of one row together. What does not: which rows these
are (assembling), what they say (diagnoses, prescriptions, lab_results, immunizations), how it reads (wording).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Floats, Texts


@dataclass(frozen=True)
class Details:
    """What is said of each row of a frame by those beside it, one element a row; None where nothing is.

    certainty  of a diagnosis (confirmed, presumed), None where that is not certain
    order      of a diagnosis (primary, secondary)
    remark     why a row is only a note
    told       what else is said of it: comments, notes, a certainty that is none of the two or may not be its own
    dosage     of a medication; `frequency` and `end` (the day, or the time, until which it is taken) likewise
    label      what a note is called instead of its question, and `answer` what it answers then
    flag       of a test, by the laboratory: normal, not abnormal, abnormal, critical
    unclear    of a test, whether something is said of what is normal that is not understood
    own_range  of a test, whether the laboratory states a range of its own: from `low` to `high`, NaN where it states no
               such limit, or where the range is not understood
    """

    certainty: Texts
    order: Texts
    remark: Texts
    told: Texts
    dosage: Texts
    frequency: Texts
    end: Texts
    label: Texts
    answer: Texts
    flag: Texts
    unclear: Flags
    own_range: Flags
    low: Floats
    high: Floats

    @classmethod
    def of(cls, size: int) -> Details:
        """Nothing is said yet of any of so many rows."""
        texts = (np.full(size, None, dtype=object) for _ in range(10))
        flags = (np.zeros(size, dtype=bool) for _ in range(2))
        return cls(*texts, *flags, *(np.full(size, np.nan) for _ in range(2)))


def put(texts: Texts, said: Iterable[tuple[int, str]]) -> None:
    """Add texts to those of their rows, each once: "ruled out; revised later"."""
    by_row: dict[int, dict[str, None]] = {}
    for at, text in said:
        by_row.setdefault(at, {})[text] = None
    for at, of_row in by_row.items():
        texts[at] = "; ".join([*([texts[at]] if texts[at] else ()), *of_row])
