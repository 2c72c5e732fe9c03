"""How often Python's cyclic garbage collector runs.

What belongs here: the one threshold for work that makes many objects and no cycles. What does not: such work.
"""

from __future__ import annotations

import gc
import threading
from contextlib import ContextDecorator

THRESHOLD = 100_000
"""New objects after which the collector runs; Python's own number is some hundreds."""


class _LessOften(ContextDecorator):
    """Several threads may be inside, each more than once: the process's own threshold returns when all have left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = gc.get_threshold()
                gc.set_threshold(THRESHOLD, *self._before[1:])
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                gc.set_threshold(*self._before)


collecting_less_often = _LessOften()
"""A context, and a decorator, in which the collector runs less often. Documents are hundreds of thousands of objects,
none of them in a cycle, which it would walk again and again while they are made and written: measured, a fifth of a
backfill's processor time.
"""
