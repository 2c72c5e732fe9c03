"""Many hospitals within the time limit of a tick: in which order they are checked, how many at once, and until when.

A tick has a deadline, so not every hospital may have a turn in it. Those that had one, whatever its result, come after
those that had none in the next tick. Hospitals that answered last time never wait for others: those that did not, or
were never asked, have threads of their own, one each, and no more of them are tried in a tick than there are such
threads.

What belongs here: order, threads and the deadline. What does not: what a check is (hospital, dependencies), when a
hospital that does not answer is due (passport.hospitals.unanswered).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from passport_pipeline.passport.hospitals.state import HospitalState

T = TypeVar("T")

OTHERS_AT_ONCE = 64
"""Hospitals that are tried in a tick, all at once, though they did not answer last time, or were never asked. Each may
hold its thread until its connection times out, and delays no other."""


class SensorCursor(BaseModel):
    """What one tick of a sensor leaves to the next, as JSON."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def read(cls, text: str | None) -> Self:
        """What the tick before left; an empty cursor where it left nothing, or another version of the pipeline did."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()


class LastTurns(SensorCursor):
    """The last hospital that had a turn, of those that answer and of the others."""

    answering: str | None = None
    others: str | None = None


@dataclass(frozen=True)
class Turns:
    """The hospitals of a tick, in the order of their turns."""

    answering: Sequence[str]
    others: Sequence[str] = ()

    @classmethod
    def of(cls, states: Mapping[str, HospitalState], resting: Collection[str], last: LastTurns) -> Self:
        """The turns of hospitals in these states; those `resting` have none."""
        answering = [key for key, state in states.items() if state.answers]
        others = [key for key, state in states.items() if not state.answers and key not in resting]
        return cls(rotated(answering, last.answering), rotated(others, last.others)[:OTHERS_AT_ONCE])

    def last(self, checks: Checks[T], before: LastTurns) -> LastTurns:
        """The cursor after these checks."""
        return LastTurns(
            answering=checks.last_of(self.answering, before.answering),
            others=checks.last_of(self.others, before.others),
        )


@dataclass(frozen=True)
class Checks(Generic[T]):
    """What came of a tick's checks, by hospital: their results, and what they raised. `late` are hospitals whose check
    was not done when the tick ended, `waiting` those that had no turn.
    """

    results: Mapping[str, T] = field(default_factory=dict)
    failed: Mapping[str, BaseException] = field(default_factory=dict)
    late: Sequence[str] = ()
    waiting: Sequence[str] = ()

    def last_of(self, keys: Sequence[str], before: str | None) -> str | None:
        """The last of these, which are in the order of their turns, that had one; `before` where none had."""
        had = [key for key in keys if key in self.results or key in self.failed or key in self.late]
        return had[-1] if had else before


def rotated(keys: Iterable[str], last: str | None) -> list[str]:
    """The keys, beginning after `last`, so that those that had no turn come first."""
    ordered = sorted(keys)
    start = sum(key <= last for key in ordered) if last else 0
    return [*ordered[start:], *ordered[:start]]


def side_by_side(turns: Turns, check: Callable[[str], T], *, until: float, at_once: int) -> Checks[T]:
    """Check each hospital in its turn, `at_once` of those that answer, `until` a time of the monotonic clock.

    A check that is not done by then is left to its own time limits, and its result is dropped.
    """
    pools = [
        (ThreadPoolExecutor(threads, thread_name_prefix="check"), keys)
        for threads, keys in ((at_once, turns.answering), (OTHERS_AT_ONCE, turns.others))
    ]
    begun: dict[Future[T], str] = {pool.submit(check, key): key for pool, keys in pools for key in keys}
    done, pending = wait(begun, timeout=max(0.0, until - time.monotonic()))
    waiting = {future for future in pending if future.cancel()}
    for pool, _ in pools:
        pool.shutdown(wait=False)
    failed = {begun[future]: error for future in done if (error := future.exception()) is not None}
    return Checks(
        results={begun[future]: future.result() for future in done if begun[future] not in failed},
        failed=failed,
        late=sorted(begun[future] for future in pending - waiting),
        waiting=sorted(begun[future] for future in waiting),
    )
