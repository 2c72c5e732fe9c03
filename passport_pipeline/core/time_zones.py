"""The hospital's local time as UTC: OpenMRS stores what the wall clock showed, without a zone.

What belongs here: the one rule for times that a clock showed twice, or never, or that have no UTC, and the forms in
which documents hold times. What does not: which time a patient sees (records.documents: always the wall clock's).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

# In zones east or west of UTC, the first and the last day of the calendar have no UTC. No date of either counts as an
# instant in any zone, so that a row has the same outcome in all of them.
_FIRST, _END = np.datetime64("0001-01-02", "us"), np.datetime64("9999-12-31", "us")


def utc_of(local: pd.Series, zone: ZoneInfo) -> npt.NDArray[np.datetime64]:
    """Naive local datetimes (NaT where unknown) as UTC, datetime64[us], NaT where unknown or no instant.

    A time that the clock showed twice is the first of the two; one that it skipped moves forward to the next that
    it showed. Never raises, and gives no time that a datetime cannot hold.
    """
    times = local.to_numpy(dtype="datetime64[us]")
    wall = pd.DatetimeIndex(np.where(_in_calendar(times), times, np.datetime64("NaT", "us")))
    first = np.ones(len(wall), dtype=bool)
    aware = wall.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    instants: npt.NDArray[np.datetime64] = aware.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]")
    return instants


def are_instants(local: pd.Series) -> npt.NDArray[np.bool_]:
    """Which of these naive local datetimes have a UTC in every zone."""
    return _in_calendar(local.to_numpy(dtype="datetime64[us]"))


def _in_calendar(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (times >= _FIRST) & (times < _END)  # NaT is not
    return inside


def moments(instants: npt.NDArray[np.datetime64]) -> list[Any]:
    """UTC instants (from `utc_of`) as aware datetimes, None for NaT."""
    return _each_once(instants, lambda distinct: pd.DatetimeIndex(distinct).tz_localize("UTC").to_pydatetime())


def written(local: pd.Series, unit: Literal["s", "D", "M"]) -> list[Any]:
    """Datetimes as ISO texts to the second, the day or the month, None for NaT."""
    whole = local.to_numpy(dtype="datetime64[s]")
    return _each_once(whole, lambda distinct: np.datetime_as_string(distinct, unit=unit))


def _each_once(
    values: npt.NDArray[np.datetime64], make: Callable[[npt.NDArray[np.datetime64]], npt.NDArray[Any]]
) -> list[Any]:
    """`make` applied to each distinct value once; many rows of a hospital have the same time."""
    at, distinct = pd.factorize(values)
    made = np.full(len(distinct) + 1, None, dtype=object)  # NaT has the position -1
    made[:-1] = make(distinct)
    return list(made[at].tolist())
