"""A tick: what the sensor `source_changes` does for one hospital, every minute.

What is timed: reading hospitals.yaml and the hospital's state, one check of the hospital (detection.hospital), and
storing the result; Dagster's own part of a tick is not in it. Beside the time there is what it cost the hospital:
the rows that its server read (its Handler_read_* counters, of the whole server, on which nothing else happens), and
every statement that reached it, whichever driver sent it, with what EXPLAIN says of it.

What belongs here: these. What does not: which rows are changed before (data).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from benchmarks.place import Pipeline
from benchmarks.timing import Times, timed
from passport_pipeline.config.hospitals import first_month_of
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month
from passport_pipeline.detection.hospital import HospitalCheck, check_hospital
from passport_pipeline.passport.hospitals.state import hospital_states, record_checks
from passport_sample.loading import engine_of

READ = "SHOW GLOBAL STATUS LIKE 'Handler_read%%'"
LOGGED = (
    "SELECT argument FROM mysql.general_log WHERE command_type IN ('Query', 'Execute') "
    "AND thread_id <> CONNECTION_ID() ORDER BY event_time"
)
EXPLAINED = ("select", "with")
SCANS = frozenset({"ALL", "index"})


@dataclass(frozen=True)
class Step:
    """One line of an EXPLAIN: of which statement of the tick, how the table is read, and how many rows that takes."""

    statement: str
    table: str
    access: str
    index: str | None
    rows: int


@dataclass(frozen=True)
class Ticked:
    """The time of a tick, and what it read; `months` are the windows that the last one asked for, `steps` how its
    statements read the hospital.
    """

    times: Times
    rows_read: int
    statements: int
    months: Sequence[str]
    steps: Sequence[Step]

    def scans_of(self, rows: int) -> list[Step]:
        """The steps that read half as many rows as the hospital has, or more, by walking over a table or an index; what
        a statement walks over that it has made itself is none of the hospital's.
        """
        walks = (step for step in self.steps if step.access in SCANS and not step.table.startswith("<"))
        return [step for step in walks if step.rows * 2 >= rows]


def ticks(pipeline: Pipeline, times: int, *, before: Callable[[], object] = lambda: None) -> Ticked:
    """Tick so many times, and twice more to see what it reads and sends, `before` ahead of each.

    What a sensor keeps open from tick to tick is open at the first, too. Raises RuntimeError where the hospital would
    have to be surveyed in full.
    """
    with pipeline.connections() as connections:
        _tick(connections)
        _, taken = timed(lambda: _tick(connections), times, before=before)
        before()
        admin = engine_of(pipeline.place.admin, pipeline.hospital.database)
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            nothing = -_rows_read(connection) + _rows_read(connection)
            unread = _rows_read(connection)
            check = _tick(connections)
            rows_read = _rows_read(connection) - unread - nothing
            before()
            with _logging(connection):
                _tick(connections)
            statements = list(connection.exec_driver_sql(LOGGED).scalars())
            steps = [step for statement in statements for step in _explained(connection, statement)]
        admin.dispose()
    return Ticked(taken, rows_read, len(statements), [diff.month for diff in check.diffs or ()], steps)


def _tick(connections: Connections) -> HospitalCheck:
    tick = connections.tick()
    key, hospital = next(iter(tick.hospitals.items()))
    state = hospital_states(tick.passport, tick.hospitals)[key]
    check = check_hospital(tick, hospital, state, (first_month_of(hospital, tick.settings), last_month()))
    if check.diffs is None:
        raise RuntimeError("the tick wants a full survey first")
    record_checks(tick.passport, [check.result])
    return check


def _rows_read(connection: sa.Connection) -> int:
    return sum(int(value) for _, value in connection.exec_driver_sql(READ))


@contextmanager
def _logging(connection: sa.Connection) -> Iterator[None]:
    """Every statement that reaches the server inside is in its log; earlier ones are not."""
    connection.exec_driver_sql("SET GLOBAL log_output = 'TABLE'")
    connection.exec_driver_sql("TRUNCATE mysql.general_log")
    connection.exec_driver_sql("SET GLOBAL general_log = ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("SET GLOBAL general_log = OFF")


def _explained(connection: sa.Connection, statement: str | bytes) -> Iterator[Step]:
    text = statement.decode() if isinstance(statement, bytes) else statement
    if not text.lstrip(" (").lower().startswith(EXPLAINED):
        return
    for row in connection.exec_driver_sql("EXPLAIN " + text.replace("%", "%%")).mappings():
        if row["table"] and row["type"]:
            yield Step(text, row["table"], row["type"], row["key"], int(row["rows"] or 0))
