"""Connections that are reused between sensor ticks: the passport, and one connection to each hospital.

Either is reused for some minutes at most. Then it is opened anew, and with it the hospital's account and columns are
checked again, and the cache entry beside its connection is dropped.

What belongs here: opening, caching and closing, and what makes a cache entry outdated. What does not: what a run or a
tick talks to (run), which check is cached (detection.hospital).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import SourceBusy, SourceError
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.base import Activity
from passport_pipeline.sources.clock import Clock
from passport_pipeline.sources.systems import system_of

T_co = TypeVar("T_co", covariant=True)

LIFETIME = 600.0
"""Seconds for which a connection is reused, give or take a fifth, so that not all hospitals are due in one minute."""


@dataclass(frozen=True)
class CacheKey:
    """What a cached value was made from, as short as it can be said: the hospital's activity, and the `versions` of all
    else. Where nothing of it has changed, the value would be the same.
    """

    activity: Activity
    versions: tuple[object, ...]

    def unchanged_since(self, before: CacheKey) -> bool:
        """Whether nothing has changed since `before`, which was read over the same connection."""
        return self.versions == before.versions and self.activity.unchanged_since(before.activity)


@dataclass(frozen=True)
class CacheEntry(Generic[T_co]):
    """A value, and what it was made from."""

    cache_key: CacheKey
    value: T_co


class CachedSource:
    """One hospital's database that stays open, with its clock and activity as they were when it was asked for.

    `entry` is what its last user found; it does not outlive the connection.
    """

    clock: Clock
    activity: Activity | None

    def __init__(self, hospital: Hospital, settings: Settings) -> None:
        self.entry: CacheEntry[object] | None = None
        self._opened_for = (hospital, hospital.url(), settings)
        self._until = _end()
        with ExitStack() as opening:
            self.source = opening.enter_context(system_of(hospital).open(hospital, settings))
            self._read_status()
            self._opened = opening.pop_all()

    @property
    def expired(self) -> bool:
        """Whether it has been open for long enough."""
        return time.monotonic() > self._until

    def serves(self, hospital: Hospital, settings: Settings) -> bool:
        """Whether it is still what these would open, and the hospital still answers on the same connection."""
        if self.expired or self._opened_for != (hospital, hospital.url(), settings):
            return False
        before = self._session
        try:
            self._read_status()
        except SourceError:
            return False
        return self._session is before  # the activity that another session read cannot be compared

    def close(self) -> None:
        """Give the connection back."""
        self._opened.close()

    def _read_status(self) -> None:
        self._session, self.clock, self.activity = self.source.session(), self.source.clock(), self.source.activity()


class ConnectionCache:
    """The connections that one process reuses. Threads may share it; nothing is opened before it is asked for."""

    def __init__(self) -> None:
        self._lock, self._passport_lock = threading.Lock(), threading.Lock()
        self._in_use: dict[str, threading.Lock] = {}
        self._sources: dict[str, CachedSource] = {}
        self._passport: tuple[Passport, Settings] | None = None
        self._passport_until = 0.0

    @contextmanager
    def source(self, hospital: Hospital, settings: Settings) -> Iterator[CachedSource]:
        """One hospital's database, for one user at a time; after an error it is closed. Raises ConfigurationError,
        SourceError; SourceBusy where a user still has it: a hospital that hangs has one connection, and no more.
        """
        with self.exclusive(hospital.key):
            try:
                yield self._of(hospital, settings)
            except BaseException:
                self._drop(hospital.key)
                raise

    @contextmanager
    def exclusive(self, hospital_key: str, part: str = "") -> Iterator[None]:
        """One user at a time of a hospital, or of what is stored of it (`part`), so that checks that outlast their
        ticks do not pile up. Raises SourceBusy where another user has not ended.
        """
        with self._lock:
            in_use = self._in_use.setdefault(f"{hospital_key}{part}", threading.Lock())
        if not in_use.acquire(blocking=False):
            raise SourceBusy(f"{hospital_key}: a previous check of this hospital is still running")
        try:
            yield
        finally:
            in_use.release()

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

    def close_expired(self) -> None:
        """Close the connections that nobody has asked for since they expired."""
        for key in [key for key, cached in list(self._sources.items()) if cached.expired]:
            if self._in_use[key].acquire(blocking=False):
                self._drop(key)
                self._in_use[key].release()

    def close(self) -> None:
        """Close everything; what is asked for later is opened anew."""
        for key in list(self._sources):
            self._drop(key)
        with self._passport_lock:
            self._close_passport()

    def __del__(self) -> None:
        # Nobody closes the connections of a code location, from which sensors borrow it.
        self.close()

    def _of(self, hospital: Hospital, settings: Settings) -> CachedSource:
        cached = self._sources.get(hospital.key)
        if cached is None or not cached.serves(hospital, settings):
            self._drop(hospital.key)
            cached = self._sources[hospital.key] = CachedSource(hospital, settings)
        return cached

    def _drop(self, key: str) -> None:
        cached = self._sources.pop(key, None)
        if cached is not None:
            cached.close()

    def _close_passport(self) -> None:
        if self._passport:
            self._passport[0].close()
            self._passport = None


def _end() -> float:
    return time.monotonic() + LIFETIME * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
