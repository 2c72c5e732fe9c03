"""What assets are handed: the hospitals, the raw batches and the passport, opened when they are needed.

What belongs here: turning settings into the domain's objects. What does not: the settings themselves
(hospitals.settings), or anything that one asset alone needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.hospitals import Hospital, load_hospitals
from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.cache import Kept
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.hospitals.state import refuse_inactive
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.base import Source
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.restore_check import admit


class Connections:
    """Everything outside that a run talks to. Made from given settings, else from the environment.

    Nothing is read or opened before it is asked for, so that a code location loads without any server. With `kept`
    it is one tick of a sensor, which uses what stays open from tick to tick and leaves it open.
    """

    def __init__(self, settings: Settings | None = None, kept: Kept | None = None) -> None:
        self._settings = settings
        self._of_a_tick = kept is not None
        self.kept = kept or Kept()
        self._sources: dict[str, tuple[ExitStack, Source]] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises ConfigurationError."""
        return self._settings or Settings.read()

    @cached_property
    def hospitals(self) -> dict[str, Hospital]:
        """The registered hospitals by key. Raises ConfigurationError."""
        return {hospital.key: hospital for hospital in load_hospitals(self.settings.hospitals_file)}

    def reread(self) -> Connections:
        """The same settings with nothing read yet, for a tick of a sensor: it sees what hospitals.yaml says now, and
        what is kept open from tick to tick until these connections are closed.
        """
        self.kept.close_overdue()
        return Connections(self._settings, self.kept)

    def hospital(self, key: str) -> Hospital:
        """One registered hospital. Raises ConfigurationError for a key that hospitals.yaml lacks."""
        if key not in self.hospitals:
            known = ", ".join(sorted(self.hospitals)) or "none"
            raise ConfigurationError(f"hospital {key!r} is not in {self.settings.hospitals_file} (there: {known})")
        return self.hospitals[key]

    @contextmanager
    def source(self, key: str) -> Iterator[Source]:
        """One hospital's database, open for reading. Raises ConfigurationError, SourceError.

        It stays open for the next one who asks, so its account and columns are looked at once; after an error it
        is opened anew.
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

    def close(self) -> None:
        """Close the databases that are open; what is asked for later is opened anew."""
        while self._sources:
            self._sources.popitem()[1][0].close()
        passport = self.__dict__.pop("passport", None)
        if self._of_a_tick:
            return
        if passport is not None:
            passport.close()
        self.kept.close()

    @cached_property
    def batches(self) -> Batches:
        """The raw batches."""
        return Batches(self.settings.batches)

    @cached_property
    def passport(self) -> Passport:
        """The passport, its collections and validators in place. Raises PassportError."""
        if self._of_a_tick:
            return self.kept.passport(self.settings)
        passport = Passport.connect(self.settings)
        passport.ensure()
        return passport
