"""The hospitals of the soak: what is written in them, at a given rate, by one thread each.

What belongs here: the mix of what happens. What does not: what each event leaves in the rows
(passport_sample.mutations).
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from benchmarks.healing import Event
from passport_sample.hospital import SampleHospital
from passport_sample.ledger import wall_clock
from passport_sample.mutations import LateCommit, Mutation, Mutations

BELOW_THE_TAIL = 60_000
"""Ids between what was there and what is written: further than a tick looks back."""
ROUND = 1.0
"""Seconds of one round of each writer."""

# Few merges: each makes two ids unusable, and a small hospital that loses three in ten at once is held back.
# What happens in a round beside encounters, edits and voids, and how often in a hundred rounds.
SELDOM = {
    "purge": 100, "unvoid": 60, "change_value": 60, "change_datetime": 20, "change_person": 20, "late_row": 50,
    "merge": 2, "unmerge": 1, "void_patient": 2, "withdraw_identifier": 1, "rename_concept": 3, "rename_provider": 3,
    "rename_location": 3, "retire": 3, "exchange_values": 60, "correct_many": 10, "void_encounter": 10,
    "unvoid_encounter": 6, "misfile": 4, "insert_odd_date": 20,
}  # fmt: skip


class Writer(threading.Thread):
    """Writes into one hospital until told to stop; `error` is what stopped it otherwise.

    Its clock is the hospital's wall clock. `mutations.written` counts the rows of obs inserted, updated, deleted.
    """

    def __init__(self, engine: sa.Engine, database: str, hospital: SampleHospital, seed: int, rate: float) -> None:
        super().__init__(name=f"writer-{hospital.spec.key}", daemon=True)
        self.mutations = Mutations(engine, database, hospital, seed, wall_clock(hospital.spec.timezone))
        self.mutations.leap(BELOW_THE_TAIL)
        self.log: list[Event] = []
        self.error: BaseException | None = None
        self._random = random.Random(f"{seed}/{hospital.spec.key}")
        self._rate = rate
        self._ended = threading.Event()
        self._working = threading.Lock()
        self._late: tuple[LateCommit, float] | None = None

    @property
    def events(self) -> Counter[str]:
        """What happened, counted by kind."""
        return Counter(event.kind for event in self.log)

    @property
    def written(self) -> int:
        """Rows of obs that were written."""
        return self.mutations.written

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Write nothing inside; an open transaction is given up, as by a server that goes down."""
        with self._working:
            if self._late:
                self._late[0].give_up()
                self._late = None
            self.mutations.close()
            yield

    def stop(self) -> None:
        """End, with everything committed."""
        self._ended.set()
        self.join()
        if self._late:
            self._done(self._late[0].commit())
        self.mutations.close()

    def run(self) -> None:
        """Round after round, each as large as the rate requires."""
        started = time.monotonic()
        try:
            while not self._ended.is_set():
                due = self._rate * (time.monotonic() - started + ROUND) - self.written
                if due > 0:
                    with self._working:
                        self._round(due)
                self._ended.wait(max(0.05, started + self.written / self._rate - time.monotonic()))
        except BaseException as error:  # noqa: BLE001 - shown by whoever started it
            self.error = error

    def _round(self, rows: float) -> None:
        """About so many rows: two thirds new, the rest edits, voids, and what happens seldom."""
        size = min(rows / (self._rate * ROUND), 3.0)
        before = self.written
        for kind, often in SELDOM.items():
            for _ in range(self._times(often / 100 * size)):
                self._do(getattr(self.mutations, kind))
        for _ in range(self._times(rows * 0.04)):
            self._do(self.mutations.void)
        self._do(lambda: self.mutations.edit_many(max(1, round(rows * 0.07))))
        self._commit_late()
        rest = rows - (self.written - before)
        if rest > 0:
            self._do(lambda: self.mutations.insert_many(max(1, round(rest / 6))))

    def _commit_late(self) -> None:
        """A transaction that is always open for some seconds, and then committed."""
        now = time.monotonic()
        if self._late is None:
            self._late = self.mutations.late_commit(), now + self._random.uniform(2, 12)
        elif now > self._late[1]:
            late, self._late = self._late[0], None
            self._done(late.commit())

    def _do(self, event: Callable[[], Mutation]) -> None:
        try:
            self._done(event())
        except LookupError:  # no row is fit for it now
            return

    def _done(self, mutation: Mutation) -> None:
        self.log.append(Event(self.mutations.hospital.spec.key, mutation.kind, datetime.now(UTC), mutation.obs_ids))

    def _times(self, expected: float) -> int:
        return int(expected) + (self._random.random() < expected % 1)
