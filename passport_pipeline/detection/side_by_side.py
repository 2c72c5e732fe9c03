"""Whose turn it is in a tick of a sensor: in which order hospitals are looked at, how many at once, and until when.

A tick has a deadline, so not everybody may have a turn in it. Whoever had one, whatever came of it, is behind those
who had none when the next tick begins. Hospitals that answered last time are never kept waiting by others: those that
did not, or were never asked, have threads of their own, one each, and no more of them are tried in a tick than there
are such threads.

What belongs here: order, threads and the deadline. What does not: what a look is (changes, inputs), when a hospital
that does not answer is due (passport.unanswered).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ValidationError

from passport_pipeline.passport.hospitals.state import HospitalState

T = TypeVar("T")

OTHERS_AT_ONCE = 64
"""Hospitals that are tried in a tick, all at once, though they did not answer last time, or were never asked. Each may
hold its thread for as long as a connection is waited for, and holds up nobody."""


class SensorCursor(BaseModel):
    """What one tick of a sensor leaves to the next, as JSON."""

    @classmethod
    def read(cls, text: str | None) -> Self:
        """What the tick before left; an empty cursor, where it left nothing that is understood."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()


class LastTurns(SensorCursor):
    """The last of those who answer, and the last of the others, who had a turn."""

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

    def last(self, looks: Looks[T], before: LastTurns) -> LastTurns:
        """The cursor after these looks."""
        return LastTurns(
            answering=looks.last_of(self.answering, before.answering), others=looks.last_of(self.others, before.others)
        )


@dataclass(frozen=True)
class Looks(Generic[T]):
    """What came of a tick's looks, by hospital: what they gave, and what they raised. `late` are hospitals whose look
    was not done when the tick ended, `waiting` those who had no turn.
    """

    found: Mapping[str, T] = field(default_factory=dict)
    failed: Mapping[str, BaseException] = field(default_factory=dict)
    late: Sequence[str] = ()
    waiting: Sequence[str] = ()

    def last_of(self, keys: Sequence[str], before: str | None) -> str | None:
        """The last of these, which are in the order of their turns, who had one; `before` where nobody had."""
        had = [key for key in keys if key in self.found or key in self.failed or key in self.late]
        return had[-1] if had else before


def rotated(keys: Iterable[str], last: str | None) -> list[str]:
    """The keys, beginning after `last`, so that those who had no turn come first."""
    ordered = sorted(keys)
    start = sum(key <= last for key in ordered) if last else 0
    return [*ordered[start:], *ordered[:start]]


def side_by_side(turns: Turns, look: Callable[[str], T], *, until: float, at_once: int) -> Looks[T]:
    """Look at each hospital in its turn, `at_once` of those that answer, `until` a time of the monotonic clock.

    A look that is not done by then is left to its own time limits, and its result is dropped.
    """
    pools = [
        (ThreadPoolExecutor(threads, thread_name_prefix="look"), keys)
        for threads, keys in ((at_once, turns.answering), (OTHERS_AT_ONCE, turns.others))
    ]
    begun: dict[Future[T], str] = {pool.submit(look, key): key for pool, keys in pools for key in keys}
    done, pending = wait(begun, timeout=max(0.0, until - time.monotonic()))
    waiting = {one for one in pending if one.cancel()}
    for pool, _ in pools:
        pool.shutdown(wait=False)
    failed = {begun[one]: error for one in done if (error := one.exception()) is not None}
    return Looks(
        found={begun[one]: one.result() for one in done if begun[one] not in failed},
        failed=failed,
        late=sorted(begun[one] for one in pending - waiting),
        waiting=sorted(begun[one] for one in waiting),
    )
