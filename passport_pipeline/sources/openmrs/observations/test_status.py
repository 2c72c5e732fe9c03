"""Whether a test's result is normal: what the laboratory said, else what its range says, else nothing.

What belongs here: the application's three words for it and the evidence for each. What does not: what a test
is (evidence).
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd

from passport_pipeline.sources.drafts import NUMERIC
from passport_pipeline.sources.openmrs.observations.details import Details
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.values import cleaned
from passport_pipeline.sources.openmrs.observations.vocabulary import Floats, Positions, Texts

NORMAL, ABNORMAL, CRITICAL = "Normal", "Abnormal", "Critical"

INTERPRETATIONS = MappingProxyType(
    {
        "NORMAL": NORMAL,
        "ABNORMAL": ABNORMAL,
        "LOW": ABNORMAL,
        "HIGH": ABNORMAL,
        "CRITICALLY_ABNORMAL": CRITICAL,
        "CRITICALLY_LOW": CRITICAL,
        "CRITICALLY_HIGH": CRITICAL,
    }
)
"""OpenMRS's interpretations that give a status. The others (NEGATIVE, POSITIVE, RESISTANT, OFF_SCALE_LOW,
SIGNIFICANT_CHANGE_UP ...) do not say what is normal: a negative test may be the bad news."""


_SEVERITY = (None, NORMAL, ABNORMAL, CRITICAL)
_FLAGS = MappingProxyType({"abnormal": ABNORMAL, "critical": CRITICAL})


def test_statuses(rows: Rows, details: Details) -> Texts:
    """Normal, Abnormal, Critical or None for each row of a frame, as if it were a test.

    A stated interpretation outranks the ranges, also where it gives no status. There is no Normal without a normal
    range, or for a result of which only a limit is known ("< 20"), and nothing for a number that only stands for words
    (Rows.in_words). A flag beside the result (Details.flag) that calls it abnormal or critical outranks them all.
    """
    observations = rows.observations
    status = _by_ranges(rows, details)
    status[pd.notna(rows.in_words)] = None
    interpretations = cleaned(observations["interpretation"])
    stated = pd.notna(interpretations)
    status[stated] = [INTERPRETATIONS.get(value.upper()) for value in interpretations[stated]]
    for at in np.flatnonzero(pd.notna(details.flag)).tolist():
        status[at] = _flagged(details.flag[at], status[at], stated=bool(stated[at]))
    status[details.unclear & (status == NORMAL)] = None
    return status


def _flagged(flag: str, status: str | None, *, stated: bool) -> str | None:
    """The status of a flagged result, with what its interpretation (`stated`) or else the ranges say.

    "Not abnormal" alone is no "normal": laboratories' software says so of every result of which it knows no range. A
    flag that contradicts the ranges leaves the status open.
    """
    if flag in _FLAGS:
        return max(_FLAGS[flag], status, key=_SEVERITY.index)
    if stated:
        return status
    return NORMAL if status == NORMAL or (status is None and flag == "normal") else None


def normal_limits(rows: Rows, details: Details, positions: Positions) -> tuple[Floats, Floats]:
    """Below and above which the rows at these positions are not normal: the laboratory's own range (Details), else that
    of the row (Rows.ranges); NaN where there is none, as for a range in words that is not understood.
    """
    known = (rows.ranges[name][positions] for name in ("low_normal", "hi_normal"))
    own = (limits[positions] for limits in (details.low, details.high))
    stated = details.own_range[positions]
    low, high = (np.where(stated, limit, of_row) for limit, of_row in zip(own, known, strict=True))
    return low, high


def _by_ranges(rows: Rows, details: Details) -> Texts:
    status: Texts = np.full(rows.size, None, dtype=object)
    numbers = np.flatnonzero((rows.values.value_type == NUMERIC) & pd.notna(rows.values.display))
    if not len(numbers):
        return status
    value = rows.observations["value_numeric"].to_numpy(dtype=np.float64, na_value=np.nan)[numbers]
    modifier = cleaned(rows.observations["value_modifier"])[numbers]
    bounds = {name: limits[numbers] for name, limits in rows.ranges.items()}
    exact = pd.isna(modifier) | (modifier == "=")
    # "<20": the true value is below 20, so it is below every limit from 20 up; nothing is known of the other
    # side. At a critical limit is critical, at a normal one still normal, as OpenMRS itself shows it.
    low, high = bounds["low_critical"], bounds["hi_critical"]
    critical = (exact | (modifier == "<") | (modifier == "<=")) & (value <= low)
    critical |= (exact | (modifier == ">") | (modifier == ">=")) & (value >= high)
    low, high = normal_limits(rows, details, numbers)
    abnormal = (exact | (modifier == "<=")) & (value < low) | (modifier == "<") & (value <= low)
    abnormal |= (exact | (modifier == ">=")) & (value > high) | (modifier == ">") & (value >= high)
    ranged = ~np.isnan(low) | ~np.isnan(high)
    by_range: Texts = np.full(len(numbers), None, dtype=object)
    by_range[exact & ranged] = NORMAL
    by_range[abnormal] = ABNORMAL
    # What the laboratory's own range calls normal is not critical: the concept's limits may be for another age.
    critical &= ~details.own_range[numbers] | abnormal
    by_range[critical] = CRITICAL
    status[numbers] = by_range
    return status
