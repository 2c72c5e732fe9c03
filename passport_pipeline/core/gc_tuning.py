"""How often Python's collector of cycles looks for some.

What belongs here: the one pace for work that makes many objects and no cycles. What does not: such work.
"""

from __future__ import annotations

import gc
import threading
from contextlib import ContextDecorator

SELDOM = 100_000
"""Objects that there are more of than before when the collector looks again; Python's own number is some hundreds."""


class _Seldom(ContextDecorator):
    """Entered by several threads, and within itself: the process's own pace comes back when all have left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = gc.get_threshold()
                gc.set_threshold(SELDOM, *self._before[1:])
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                gc.set_threshold(*self._before)


collecting_seldom = _Seldom()
"""A context, and a decorator, in which the collector looks seldom. Documents are hundreds of thousands of objects, none
of them in a cycle, which it would walk again and again while they are made and written: measured, a fifth of a
backfill's processor time.
"""
