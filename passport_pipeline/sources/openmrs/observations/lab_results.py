"""What the rows beside a test say of it: the laboratory's own flag, range and notes.

What belongs here: what they say together. What does not: which rows these are (assembling), what follows for the test
(test_status).
"""

from __future__ import annotations

import math
import re

import numpy as np

from passport_pipeline.sources.drafts import NUMERIC
from passport_pipeline.sources.openmrs.observations.assembling import Assembly
from passport_pipeline.sources.openmrs.observations.details import Details, put
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.vocabulary import Floats, Positions, Texts

_OF_NORMAL = ("flag", "minimum", "maximum", "range")
_NUMBER = r"[-+]?[0-9]{1,15}(?:[.,][0-9]{1,15})?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*(?:-|\u2013|\u2014|to|a|\u00e0)\s*({_NUMBER})\s*[^\d\s]*\s*", re.IGNORECASE)


def describe_tests(assembly: Assembly, rows: Rows, names: Texts, details: Details) -> None:
    """Add what the parts of each test say to its details; `names` are those of concepts.

    Limits that are equal, such as 0 and 0, or exchanged state no range.
    """
    for leader, word in assembly.words("flag"):
        details.flag[leader] = word
    for role, column in (("minimum", details.low), ("maximum", details.high)):
        leaders, parts = assembly.said(role)
        column[leaders] = _numbers(rows, parts)
    leaders, parts = assembly.said("range")
    for leader, at in zip(leaders.tolist(), parts.tolist(), strict=True):
        limits = _RANGE.fullmatch(rows.values.display[at])
        details.own_range[leader] = limits is None
        if limits and math.isnan(details.low[leader]) and math.isnan(details.high[leader]):
            details.low[leader], details.high[leader] = map(_as_number, limits.groups())
    none = (details.low >= details.high) | (np.isnan(details.high) & (details.low <= 0))
    details.low[none] = details.high[none] = np.nan
    details.own_range[:] |= ~np.isnan(details.low) | ~np.isnan(details.high)
    open_groups = rows.group[assembly.asked(*_OF_NORMAL) & ~assembly.counted & ~rows.empty]
    details.unclear[assembly.claimed & np.isin(rows.group, open_groups)] = True
    put(details.told, [(int(assembly.of[at]), text) for at, text in assembly.told(rows.values, names)])
    put(details.remark, [(int(assembly.of[at]), text) for at, text in assembly.taken(rows.values, names)])


def _numbers(rows: Rows, parts: Positions) -> Floats:
    """The limits that these rows hold, also as text; NaN where one is none."""
    numbers: Floats = rows.observations["value_numeric"].to_numpy(dtype=np.float64, na_value=np.nan)[parts]
    written = rows.values.value_type[parts] != NUMERIC
    texts = rows.values.display[parts[written]]
    numbers[written] = [_as_number(text) if re.fullmatch(_NUMBER, text) else math.nan for text in texts]
    return numbers


def _as_number(text: str) -> float:
    return float(text.replace(",", "."))
