"""The groups around a row: which row is whose header, and what lies around a row.

What belongs here: positions of headers in a frame. What does not: what a group means (evidence), which record its rows
belong to (grouping).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions

DEEPEST = 8
"""How many groups around a row are considered; OpenMRS forms nest two or three."""


def parents_of(observations: pd.DataFrame) -> Positions:
    """The position in the frame of each row's group; -1 where it is in none, in one that is not live, or in one of
    another unit or day, which may be in another frame. A record's rows count for one day, in any frame.
    """
    index = pd.Index(observations["obs_id"].to_numpy(dtype=np.int64))
    group_ids = observations["obs_group_id"].to_numpy(dtype=np.int64, na_value=-1)
    parents: Positions = np.asarray(index.get_indexer(pd.Index(group_ids)), dtype=np.intp)
    day, unit = observations["day"].to_numpy(), units_of(observations)
    parents[(parents == np.arange(len(parents))) | (day[parents] != day) | (unit[parents] != unit)] = -1
    return parents


def around(rows: Positions, parents: Positions, flags: Flags) -> Flags:
    """Whether one of the groups around each of these rows is flagged; ends also where groups form a circle."""
    hit = np.zeros(len(rows), dtype=bool)
    at = parents[rows]
    for _ in range(DEEPEST):
        inside = at >= 0
        if not inside.any():
            break
        hit[inside] |= flags[at[inside]]
        at = np.where(inside, parents[at], -1)
    return hit
