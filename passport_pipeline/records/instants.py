"""The hospital's local time as UTC: OpenMRS stores what the wall clock showed, without a zone.

What belongs here: the one rule for times that a clock showed twice, or never. What does not: which time is
shown to the patient (documents: always the wall clock's).
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd


def utc_of(local: pd.Series, zone: ZoneInfo) -> npt.NDArray[np.datetime64]:
    """Naive local datetimes (NaT where unknown) as UTC, datetime64[us], NaT where unknown.

    A time that the clock showed twice is the first of the two; one that it skipped moves forward to the next
    that there was. Never raises.
    """
    wall = pd.DatetimeIndex(local.to_numpy(dtype="datetime64[us]"))
    first = np.ones(len(wall), dtype=bool)
    aware = wall.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    instants: npt.NDArray[np.datetime64] = aware.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]")
    return instants
