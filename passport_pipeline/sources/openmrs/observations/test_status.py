"""Whether a test's result is normal: what the laboratory said, else what its range says, else nothing.

What belongs here: the application's three words for it and the evidence for each. What does not: what a test
is (evidence).
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd

from passport_pipeline.sources.drafts import NUMERIC
from passport_pipeline.sources.openmrs.observations.ranges import Ranges
from passport_pipeline.sources.openmrs.observations.values import Values, cleaned
from passport_pipeline.sources.openmrs.observations.vocabulary import Texts

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


def test_statuses(observations: pd.DataFrame, values: Values, ranges: Ranges, in_words: Texts) -> Texts:
    """Normal, Abnormal, Critical or None for each row of an observations frame, as if it were a test.

    A stated interpretation outranks the ranges, also where it gives no status. There is no Normal without a normal
    range, or for a result of which only a limit is known ("< 20"), and nothing for a number that only stands for words
    (`in_words`, as `qualitative` gives it).
    """
    status = _by_ranges(observations, values, ranges)
    status[pd.notna(in_words)] = None
    interpretations = cleaned(observations["interpretation"])
    stated = pd.notna(interpretations)
    status[stated] = [INTERPRETATIONS.get(value.upper()) for value in interpretations[stated]]
    return status


def _by_ranges(observations: pd.DataFrame, values: Values, ranges: Ranges) -> Texts:
    status: Texts = np.full(len(observations), None, dtype=object)
    rows = np.flatnonzero((values.value_type == NUMERIC) & pd.notna(values.display))
    if not len(rows):
        return status
    value = observations["value_numeric"].to_numpy(dtype=np.float64, na_value=np.nan)[rows]
    modifier = cleaned(observations["value_modifier"])[rows]
    bounds = {name: limits[rows] for name, limits in ranges.items()}
    exact = pd.isna(modifier) | (modifier == "=")
    # "<20": the true value is below 20, so it is below every limit from 20 up; nothing is known of the other
    # side. At a critical limit is critical, at a normal one still normal, as OpenMRS itself shows it.
    low, high = bounds["low_critical"], bounds["hi_critical"]
    critical = (exact | (modifier == "<") | (modifier == "<=")) & (value <= low)
    critical |= (exact | (modifier == ">") | (modifier == ">=")) & (value >= high)
    low, high = bounds["low_normal"], bounds["hi_normal"]
    abnormal = (exact | (modifier == "<=")) & (value < low) | (modifier == "<") & (value <= low)
    abnormal |= (exact | (modifier == ">=")) & (value > high) | (modifier == ">") & (value >= high)
    ranged = ~np.isnan(low) | ~np.isnan(high)
    by_range: Texts = np.full(len(rows), None, dtype=object)
    by_range[exact & ranged] = NORMAL
    by_range[abnormal] = ABNORMAL
    by_range[critical] = CRITICAL
    status[rows] = by_range
    return status
