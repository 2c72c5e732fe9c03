"""What a run or a tick talks to: the hospitals, the raw batches and the passport, opened when they are needed.

What belongs here: turning settings into the domain's objects. What does not: the settings themselves
(config.settings), what stays open between ticks (cache), or anything that one asset alone needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.hospitals import Hospital, load_hospitals
from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.cache import ConnectionCache
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.hospitals.state import refuse_inactive
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.base import Source
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.restore_check import admit


class Connections:
    """Everything outside that a run talks to; it owns what it opens. Made from given settings, else from the
    environment.

    Nothing is read or opened before it is asked for, so that a code location loads without any server.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._cache = ConnectionCache()
        self._passport: Passport | None = None
        self._sources: dict[str, tuple[ExitStack, Source]] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises ConfigurationError."""
        return self._settings or Settings.read()

    @cached_property
    def hospitals(self) -> dict[str, Hospital]:
        """The registered hospitals by key. Raises ConfigurationError."""
        return _by_key(self.settings)

    def hospital(self, key: str) -> Hospital:
        """One registered hospital. Raises ConfigurationError for a key that hospitals.yaml lacks."""
        if key not in self.hospitals:
            known = ", ".join(sorted(self.hospitals)) or "none"
            raise ConfigurationError(f"hospital {key!r} is not in {self.settings.hospitals_file} (there: {known})")
        return self.hospitals[key]

    @cached_property
    def batches(self) -> Batches:
        """The raw batches."""
        return Batches(self.settings.batches)

    @property
    def passport(self) -> Passport:
        """The passport, its collections and validators in place. Raises PassportError."""
        if self._passport is None:
            passport = Passport.connect(self.settings)
            passport.ensure()
            self._passport = passport
        return self._passport

    @contextmanager
    def source(self, key: str) -> Iterator[Source]:
        """One hospital's database, open for reading. Raises ConfigurationError, SourceError.

        It stays open for the next caller, so its account and columns are checked once; after an error it is opened
        anew.
        """
        if key not in self._sources:
            opened, hospital = ExitStack(), self.hospital(key)
            self._sources[key] = opened, opened.enter_context(system_of(hospital).open(hospital, self.settings))
        opened, source = self._sources[key]
        try:
            yield source
        except BaseException:
            self._sources.pop(key, None)
            opened.close()
            raise

    @contextmanager
    def admitted(self, key: str) -> Iterator[Source]:
        """The same for a run. Raises HospitalNotActive where the hospital does not take part, SourceRefused where its
        database was restored from a backup or is another hospital's, ConfigurationError, SourceError, PassportError.
        """
        state = refuse_inactive(self.passport, key)
        with self.source(key) as source:
            admit(source, self.passport, state)
            yield source

    def tick(self) -> TickConnections:
        """What a tick of a sensor or schedule talks to. Raises ConfigurationError."""
        self._cache.close_expired()
        return TickConnections(self._settings or Settings.read(), self._cache)

    def close(self) -> None:
        """Close all that is open, what ticks reuse too; what is asked for later is opened anew."""
        while self._sources:
            self._sources.popitem()[1][0].close()
        if self._passport is not None:
            self._passport.close()
            self._passport = None
        self._cache.close()


class TickConnections:
    """What one tick of a sensor or schedule talks to: the hospitals that hospitals.yaml names now, and connections
    that it borrows from the cache. It closes nothing.
    """

    def __init__(self, settings: Settings, cache: ConnectionCache) -> None:
        self.settings, self.cache = settings, cache
        self.batches = Batches(settings.batches)

    @cached_property
    def hospitals(self) -> dict[str, Hospital]:
        """The registered hospitals by key. Raises ConfigurationError."""
        return _by_key(self.settings)

    @cached_property
    def passport(self) -> Passport:
        """The passport, its collections and validators in place. Raises PassportError."""
        return self.cache.passport(self.settings)


def _by_key(settings: Settings) -> dict[str, Hospital]:
    return {hospital.key: hospital for hospital in load_hospitals(settings.hospitals_file)}
