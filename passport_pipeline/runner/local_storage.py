"""Dagster's storage where there is no PostgreSQL: the events of all runs in one SQLite file, over connections that
stay open.

Dagster's own opens a file for each run and a connection for each statement, and SQLite then waits for the disk several
times for each event. Measured for a window without changes: 0.9 s of CPU and 330 waits for the disk; so 0.4 s and none.

What belongs here: how SQLite is opened. What does not: what is stored (Dagster), which instance uses it (instance).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa

from passport_pipeline.runner.dagster_private import (
    ConfigurableClass,
    ConfigurableClassData,
    ConsolidatedSqliteEventLogStorage,
    DagsterStorage,
    SqliteRunStorage,
    SqliteScheduleStorage,
)

SECONDS_TO_WAIT = 30
"""How long a process waits for others that write."""


class LocalEvents(ConsolidatedSqliteEventLogStorage):
    """The events of all runs in one file."""

    @cached_property
    def _engine(self) -> sa.Engine:
        return _engine(self._conn_string)

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as connection:
            yield connection

    def has_table(self, table_name: str) -> bool:
        """Whether the file has this table."""
        with self._connect() as connection:
            return bool(sa.inspect(connection).has_table(table_name))

    def dispose(self) -> None:
        """Close the connections."""
        super().dispose()  # type: ignore[no-untyped-call]
        self._engine.dispose()


class LocalRuns(SqliteRunStorage):
    """The runs."""

    @cached_property
    def _engine(self) -> sa.Engine:
        return _engine(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """A transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        super().dispose()
        self._engine.dispose()


class LocalStorage(DagsterStorage[dg.DagsterInstance], ConfigurableClass):
    """Runs, events and schedules below `base_dir`; for `storage: {custom: ...}` in dagster.yaml."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        history = str(Path(base_dir) / "history")
        self._runs = LocalRuns.from_local(history)
        self._events = LocalEvents(history)
        self._schedules = SqliteScheduleStorage.from_local(str(Path(base_dir) / "schedules"))
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What it was made from."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """What dagster.yaml says of it."""
        return {"base_dir": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Make the instance known to all three."""
        super().register_instance(instance)
        for storage in (self._runs, self._events, self._schedules):
            storage.register_instance(instance)

    @property
    def run_storage(self) -> LocalRuns:
        """The runs."""
        return self._runs

    @property
    def event_log_storage(self) -> LocalEvents:
        """The events of all runs."""
        return self._events

    @property
    def schedule_storage(self) -> SqliteScheduleStorage:
        """Ticks of sensors and schedules."""
        return self._schedules


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": SECONDS_TO_WAIT})
    sa.event.listen(engine, "connect", _leave_flushing_to_checkpoints)
    return engine


def _leave_flushing_to_checkpoints(connection: sqlite3.Connection, _: object) -> None:
    # In WAL mode nothing is lost when a process is killed. When the machine loses power, the last events may be.
    connection.execute("PRAGMA synchronous = NORMAL")
