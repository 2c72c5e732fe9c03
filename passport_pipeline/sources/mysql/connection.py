"""A hospital's database, open for reading and for nothing else.

Every session is read-only, has a statement timeout, no sql_mode and speaks utf8mb4, whatever the URL or the server
says, and an account that could write is refused. A session is set up before SQLAlchemy sees it: SQLAlchemy quotes names
by the sql_mode that it finds. Outside of a snapshot every statement is a transaction of its own.

Driver errors become SourceUnreachable or SourceRefused in one place, for every statement of the engine, in words that
name neither URL nor account. A connection that was closed while it was idle is noticed, and another one is opened.

What belongs here: sessions, snapshots, errors. What does not: any statement about a table, what an error number means
(known_errors), what is used of PyMySQL beyond its documentation (pymysql_connection).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ExceptionContext

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import ConfigurationError, PipelineError, SourceRefused, SourceUnreachable
from passport_pipeline.sources.mysql.grants import read_rights
from passport_pipeline.sources.mysql.known_errors import MARIADB, timed_out
from passport_pipeline.sources.mysql.pymysql_connection import SharedContextConnection, set_timeouts
from passport_pipeline.sources.mysql.schema import Schema

CONNECT_TIMEOUT = 10
"""Seconds to wait for each answer while a session is opened, or an idle connection is tested."""
GRACE = 30
"""Seconds to wait for a statement's answer after the time at which the server ends the statement."""
LONGEST_TEXT = "passport.longest_text"
"""The key in the `info` of a connection: how many bytes a text has at most that the server puts together."""

_TABLE = re.compile(r"(?:for table|Table) ([`'\w$.]+)")


Probe = Callable[[sa.Connection, str], Schema]
"""probe(connection, hospital key): which tables and columns the database has. Raises SourceRefused where they are not
those of the record system."""


class Database:
    """One hospital's database. Made by `Database.open`; `statements` counts the statements sent so far."""

    def __init__(self, hospital: Hospital, engine: sa.Engine, schema: Schema) -> None:
        self.hospital = hospital
        self.engine = engine
        self.schema = schema
        self.statements = 0
        sa.event.listen(engine, "before_cursor_execute", self._count)

    @classmethod
    @contextmanager
    def open(cls, hospital: Hospital, settings: Settings, probe: Probe) -> Iterator[Self]:
        """Open the hospital's database and close it in the end.

        Raises ConfigurationError (no usable URL), SourceUnreachable, SourceRefused (an account that can
        write, a missing grant), and what `probe` raises.
        """
        engine = connect(hospital, settings)
        try:
            if not settings.allow_writable_source:
                refuse_writable(hospital, read_rights(engine).beyond)
            with engine.connect() as connection:
                schema = probe(connection, hospital.key)
            yield cls(hospital, engine, schema)
        finally:
            engine.dispose()

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection that sees the database as it is now until the end, whatever is written meanwhile."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            try:
                yield connection
            except BaseException:
                connection.invalidate()  # ends the transaction too, and cannot hide the error
                raise
            if not connection.invalidated:
                connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection on which each statement sees the database as it is then, so that a long walk over a
        table keeps no old row versions alive at the hospital."""
        with self.engine.connect() as connection:
            yield connection

    def _count(self, *_: Any) -> None:
        self.statements += 1


def connect(hospital: Hospital, settings: Settings) -> sa.Engine:
    """An engine whose every session is read-only. Raises ConfigurationError; connects to nothing yet."""
    url = hospital.url()
    if "+" not in url.drivername:
        url = url.set(drivername=f"{url.drivername}+pymysql")
    arguments: dict[str, Any] = {}
    if url.get_driver_name() == "pymysql":
        arguments = {
            "charset": "utf8mb4",
            "autocommit": True,
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": CONNECT_TIMEOUT,
            "write_timeout": CONNECT_TIMEOUT,  # holds for the TLS handshake
            "defer_connect": True,
        }
        url = url.difference_update_query(arguments)
    try:
        engine = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_size=1,
            max_overflow=2,
            pool_pre_ping=True,
            pool_reset_on_return=None,  # snapshots end their transactions themselves
            connect_args=arguments,
            hide_parameters=True,
        )
    except (sa.exc.ArgumentError, ImportError, TypeError, ValueError) as error:
        raise _unusable(hospital, error) from None
    sa.event.listen(engine, "do_connect", _connector(hospital, settings.statement_timeout))
    sa.event.listen(engine, "checkout", _waiting(settings.statement_timeout + GRACE))
    sa.event.listen(engine, "checkin", _waiting(CONNECT_TIMEOUT))
    sa.event.listen(engine, "handle_error", _translator(hospital.key))
    return engine


def refuse_writable(hospital: Hospital, beyond: list[str]) -> None:
    """Raise SourceRefused where the account can do more than read."""
    if beyond:
        shown = ", ".join(beyond[:5]) + (f" and {len(beyond) - 5} more" if len(beyond) > 5 else "")
        raise SourceRefused(
            f"{hospital.key}: the account can do more than read ({shown}); give the pipeline an account "
            "that has SELECT on the hospital's database and nothing else"
        )


def _connector(hospital: Hospital, statement_timeout: int) -> Any:
    def connect(dialect: sa.Dialect, record: Any, arguments: Any, options: Any) -> Any:
        driver_error = dialect.loaded_dbapi.Error
        try:
            open_connection = SharedContextConnection if dialect.driver == "pymysql" else dialect.connect
            dbapi_connection: Any = open_connection(*arguments, **options)
        except driver_error:
            raise
        except Exception as error:  # noqa: BLE001 - an unknown option, a missing certificate
            raise _unusable(hospital, error) from None
        try:
            if options.get("defer_connect"):
                dbapi_connection.connect()
            _prepare(dbapi_connection, record, statement_timeout)
        except Exception as error:  # noqa: BLE001 - anything that the driver raises over an unexpected answer
            dbapi_connection.close()
            raise _not_opened(hospital, error, isinstance(error, driver_error)) from None
        return dbapi_connection

    return connect


def _not_opened(hospital: Hospital, error: Exception, of_driver: bool) -> PipelineError:
    if timed_out(error):
        return SourceUnreachable(
            f"{hospital.key}: no answer within {CONNECT_TIMEOUT} s while connecting; is the server running, may this "
            "machine reach its port, and does it speak MySQL's protocol there?"
        )
    if of_driver and "Packet sequence" not in str(error):
        return translated(hospital.key, error)
    return SourceUnreachable(
        f"{hospital.key}: what answers does not speak MySQL's protocol; check the server's name and port in "
        f"{hospital.settings.url_env} ({type(error).__name__})"
    )


def _unusable(hospital: Hospital, error: Exception) -> ConfigurationError:
    # Without the error's own text: it quotes what the URL says.
    return ConfigurationError(
        f"{hospital.key}: the driver does not understand {hospital.settings.url_env} ({type(error).__name__}); use "
        "mysql+pymysql://account:password@host/database, and only options that PyMySQL knows"
    )


def _prepare(dbapi_connection: Any, record: Any, timeout: int) -> None:
    """Set what holds for the whole session; `record` is the pool's entry of the driver's connection."""
    cursor = dbapi_connection.cursor()
    # sql_mode decides what a zero date and a quoted name mean: it is the same for every server.
    # Joined texts may become as long as the server lets any become, and no answer is cut to a number of rows.
    cursor.execute(f"SET SESSION sql_mode = '', sql_select_limit = {2**64 - 1}")
    cursor.execute("SET SESSION group_concat_max_len = @@max_allowed_packet")
    cursor.execute("SELECT VERSION(), @@max_allowed_packet")
    version, record.info[LONGEST_TEXT] = cursor.fetchone()
    if "mariadb" in str(version).lower():
        cursor.execute(f"SET SESSION max_statement_time = {timeout}")
    else:
        # MySQL 8 would show an AUTO_INCREMENT of a day ago; MySQL 5.7 takes the setting for a comment.
        latest = "/*!80003 , information_schema_stats_expiry = 0 */"
        cursor.execute(f"SET SESSION max_execution_time = {timeout * 1000} {latest}")
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    cursor.execute("SET NAMES utf8mb4")
    cursor.close()


def _waiting(seconds: int) -> Any:
    """A listener that sets how long answers are waited for: an idle connection not as long as a statement."""

    def wait(dbapi_connection: Any, *_: object) -> None:
        set_timeouts(dbapi_connection, seconds)

    return wait


def _translator(hospital_key: str) -> Any:
    def translate(context: ExceptionContext) -> None:
        error = context.original_exception
        if context.is_pre_ping and context.is_disconnect:
            return  # another connection is opened
        # Ctrl-C is no failure of the hospital's, and goes on as it is.
        if isinstance(error, Exception) and not isinstance(error, PipelineError):
            raise translated(hospital_key, error)

    return translate


def translated(hospital_key: str, error: BaseException) -> PipelineError:
    """The error that stands for a driver's: SourceUnreachable or SourceRefused."""
    match = _TABLE.search(str(error.args[-1])) if error.args else None
    table = match.group(1).strip("`'").replace("`", "").rpartition(".")[2] if match else "a table"
    return MARIADB.explained(hospital_key, error, table=table)
