"""Figures: what was measured, of how many rows, and over what.

What belongs here: one figure, and taking times. What does not: measuring anything of the pipeline's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

T = TypeVar("T")

MILLION = 1_000_000


@dataclass(frozen=True)
class Figure:
    """One figure of a hospital of so many `rows` of obs: its value in a unit, and its `ratio` to what `over` names,
    which was measured in the same run on the same rows.
    """

    group: str
    name: str
    rows: int
    value: float
    unit: str
    ratio: float
    over: str

    def to_json(self) -> dict[str, Any]:
        """As the JSON file holds it; nothing is rounded."""
        return asdict(self)


@dataclass(frozen=True)
class Times:
    """Wall-clock seconds of the same thing, done several times."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The shortest: least disturbed by other work of the machine."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.seconds)


def timed(action: Callable[[], T], times: int = 1, *, before: Callable[[], object] = lambda: None) -> tuple[T, Times]:
    """Do something so many times, `before` ahead of each and not timed; what it gave the last time, and its times."""
    seconds = []
    for _ in range(times):
        before()
        started = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - started)
    return result, Times(tuple(seconds))
