"""Ranges that somebody entered because a form wants numbers, and that nobody can mean.

What belongs here: which ranges are none. What does not: which range is a row's (ranges).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]


def without_placeholders(ranges: Mapping[str, _Floats]) -> dict[str, _Floats]:
    """The ranges without those that nobody can mean: 0 to 0, a low at or above its high, a zero alone, a critical limit
    on the inner side of the normal one. `ranges` may hold absolute limits, of which a low of 0 alone is one.
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN, which a database may hold
        cleaned = {name: values + 0.0 for name, values in ranges.items()}  # -0.0 is 0.0
    for kind in ("absolute", "critical", "normal"):
        low, high = cleaned.get(f"low_{kind}"), cleaned.get(f"hi_{kind}")
        if low is None or high is None:
            continue
        none = low >= high
        low[none | (low == 0) & np.isnan(high) & (kind != "absolute")] = np.nan
        high[none | (high == 0) & np.isnan(low)] = np.nan
    for critical, normal, outward in (("low_critical", "low_normal", 1), ("hi_critical", "hi_normal", -1)):
        cleaned[critical][outward * cleaned[critical] > outward * cleaned[normal]] = np.nan
    return cleaned
