"""What stays open from one tick of a sensor to the next: the passport, and one connection to each hospital.

Either is kept for some minutes at most. Then it is opened anew, and with it the hospital's account and columns are
looked at again, and whatever was noted beside its connection is forgotten.

What belongs here: opening, keeping and closing. What does not: what a run talks to (resources), what is noted
(automation.changes).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import SourceBusy, SourceError
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.base import Activity
from passport_pipeline.sources.clock import Clock
from passport_pipeline.sources.systems import system_of

LIFETIME = 600.0
"""Seconds for which a connection is kept, give or take a fifth, so that not all hospitals are due in one minute."""


class KeptSource:
    """One hospital's database that stays open, with its clock and activity as they were when it was asked for.

    `noted` is what its last user wants the next one to find.
    """

    clock: Clock
    activity: Activity | None

    def __init__(self, hospital: Hospital, settings: Settings) -> None:
        self.noted: Any = None
        self._made_of = (hospital, hospital.url(), settings)
        self._until = _end()
        with ExitStack() as opening:
            self.source = opening.enter_context(system_of(hospital).open(hospital, settings))
            self._ask()
            self._opened = opening.pop_all()

    @property
    def over(self) -> bool:
        """Whether it has been open for long enough."""
        return time.monotonic() > self._until

    def serves(self, hospital: Hospital, settings: Settings) -> bool:
        """Whether it is still what these would open, and the hospital still answers on the same line."""
        if self.over or self._made_of != (hospital, hospital.url(), settings):
            return False
        before = self._session
        try:
            self._ask()
        except SourceError:
            return False
        return self._session is before  # an activity says nothing to that of another session

    def close(self) -> None:
        """Give the connection back."""
        self._opened.close()

    def _ask(self) -> None:
        self._session, self.clock, self.activity = self.source.session(), self.source.clock(), self.source.activity()


class Kept:
    """What one process keeps open. Threads may share it; nothing is opened before it is asked for."""

    def __init__(self) -> None:
        self._lock, self._passport_lock = threading.Lock(), threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._sources: dict[str, KeptSource] = {}
        self._passport: tuple[Passport, Settings] | None = None
        self._passport_until = 0.0

    @contextmanager
    def source(self, hospital: Hospital, settings: Settings) -> Iterator[KeptSource]:
        """One hospital's database, for one user at a time; after an error it is not kept. Raises ConfigurationError,
        SourceError; SourceBusy where somebody is still at it: a hospital that hangs has one connection, and no more.
        """
        with self.alone(hospital.key):
            try:
                yield self._of(hospital, settings)
            except BaseException:
                self._drop(hospital.key)
                raise

    @contextmanager
    def alone(self, hospital_key: str, at: str = "") -> Iterator[None]:
        """One user at a time of a hospital, or of what is kept of it (`at`); looks that outlast their ticks do not pile
        up. Raises SourceBusy where somebody is still at it.
        """
        with self._lock:
            busy = self._busy.setdefault(f"{hospital_key}{at}", threading.Lock())
        if not busy.acquire(blocking=False):
            raise SourceBusy(f"{hospital_key}: an earlier look at the hospital has not come to its end yet")
        try:
            yield
        finally:
            busy.release()

    def passport(self, settings: Settings) -> Passport:
        """The passport, its collections and validators in place. Raises PassportError."""
        with self._passport_lock:
            if self._passport and self._passport[1] != settings:
                self._close_passport()
            if self._passport is None:
                self._passport, self._passport_until = (Passport.connect(settings), settings), 0.0
            passport = self._passport[0]
            if time.monotonic() > self._passport_until:
                passport.ensure()
                self._passport_until = _end()
            return passport

    def close_overdue(self) -> None:
        """Close the connections that nobody has asked for since their time was over."""
        for key in [key for key, kept in list(self._sources.items()) if kept.over]:
            if self._busy[key].acquire(blocking=False):
                self._drop(key)
                self._busy[key].release()

    def close(self) -> None:
        """Close everything; what is asked for later is opened anew."""
        for key in list(self._sources):
            self._drop(key)
        with self._passport_lock:
            self._close_passport()

    def __del__(self) -> None:
        # Sensors borrow it from connections that nobody closes: those of a code location.
        self.close()

    def _of(self, hospital: Hospital, settings: Settings) -> KeptSource:
        kept = self._sources.get(hospital.key)
        if kept is None or not kept.serves(hospital, settings):
            self._drop(hospital.key)
            kept = self._sources[hospital.key] = KeptSource(hospital, settings)
        return kept

    def _drop(self, key: str) -> None:
        kept = self._sources.pop(key, None)
        if kept is not None:
            kept.close()

    def _close_passport(self) -> None:
        if self._passport:
            self._passport[0].close()
            self._passport = None


def _end() -> float:
    return time.monotonic() + LIFETIME * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
