"""Writing days into the passport, several at once, while the documents of the next ones are made.

What belongs here: cutting frames' documents into parts of days, and the threads and futures that write them. What does
not: how a part is written (passport.reconcile), how documents are made (documents), which days there are (load).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from passport_pipeline.core.digests import Digest
from passport_pipeline.passport.reconcile.day import DayReconciler, DayResult
from passport_pipeline.records.documents import Documents
from passport_pipeline.windows.compare import DayState, DayStates


@dataclass
class DayPart:
    """What one frame makes of one day."""

    records: list[dict[str, Any]] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, Digest] = field(default_factory=dict)
    allergies: list[dict[str, Any]] = field(default_factory=list)


def day_parts(days: Sequence[date], frames: Iterable[Documents]) -> Iterator[tuple[date, DayPart | None, bool]]:
    """The parts of each of these days, in the order of the days, each with its day and whether it is the day's last.

    The last day of a frame may continue in the next frame, which is not waited for: its last part is None, and comes
    once the next frame is made. A day without a frame has None as its only part.
    """
    waiting = deque(days)
    for frame in frames:
        parts = _by_day(frame)
        for number, (day, part) in enumerate(parts, start=1):
            while waiting[0] != day:
                yield waiting.popleft(), None, True
            yield day, part, number < len(parts)
            if number < len(parts):
                waiting.popleft()
    for day in waiting:
        yield day, None, True


def _by_day(documents: Documents) -> list[tuple[date, DayPart]]:
    parts: defaultdict[str, DayPart] = defaultdict(DayPart)
    for record in documents.records:
        parts[record["source"]["day"]].records.append(record)
    for parked in documents.parked:
        parts[parked["day"]].parked.append(parked)
    for allergy in documents.allergies:
        parts[allergy["day"]].allergies.append(allergy)
    for (day, reason), rows in documents.skipped.groupby(["day", "reason"]):
        parts[f"{day:%Y-%m-%d}"].skipped[str(reason)] = Digest.of(rows["row_crc"].to_numpy())
    return [(date.fromisoformat(day), parts[day]) for day in sorted(parts)]


def write_days(
    parts: Iterable[tuple[date, DayPart | None, bool]],
    reconciler_of: Callable[[date], DayReconciler],
    states: DayStates,
    threads: int,
) -> Iterator[DayResult]:
    """Write what `day_parts` gives, a result a day, in their order.

    The documents of a frame are made while those of the frame before are written, several days at once; so there are
    those of two frames in memory. Whatever happens, no thread is still writing in the end.
    """
    closing = deque[Future[DayResult]]()
    opened: OpenDay | None = None
    with _writers(threads) as pool:
        for day, part, is_last in parts:
            if opened is None:
                opened = OpenDay(reconciler_of(day))
            else:  # the previous frame ended within this day: write its other days before more come
                yield from _results(closing)
            if is_last:
                closing.append(opened.close(pool, part, states[day]))
                opened = None
            elif part is not None:
                opened.write(pool, part)
        yield from _results(closing)


@dataclass
class OpenDay:
    """A day that is being reconciled. Its parts are written in their order, one at a time, whichever threads do it."""

    reconciler: DayReconciler
    skipped: defaultdict[str, Digest] = field(default_factory=lambda: defaultdict(Digest))
    writing: Future[None] | None = None

    def write(self, pool: Executor, part: DayPart) -> None:
        """Begin to write a part that may not be the last."""
        self._written()
        self.writing = pool.submit(self._write, part)

    def close(self, pool: Executor, part: DayPart | None, state: DayState) -> Future[DayResult]:
        """Write the last part, retract what the day no longer holds, and record it."""
        return pool.submit(self._close, part, state)

    def _written(self) -> None:
        """Wait for what is being written."""
        if self.writing is not None:
            self.writing.result()

    def _write(self, part: DayPart) -> None:
        self.reconciler.apply(part.records, part.parked, part.allergies)
        for reason, digest in part.skipped.items():
            self.skipped[reason] += digest

    def _close(self, part: DayPart | None, state: DayState) -> DayResult:
        self._written()
        if part is not None:
            self._write(part)
        return self.reconciler.close(state.digest, self.skipped, state.fingerprint)


@contextmanager
def _writers(threads: int) -> Iterator[Executor]:
    """Threads that write days; whatever happens, none is still writing in the end."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="writer")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _results(closing: deque[Future[DayResult]]) -> Iterator[DayResult]:
    while closing:
        yield closing.popleft().result()
