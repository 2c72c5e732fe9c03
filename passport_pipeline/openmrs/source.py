"""A hospital's database, open for reading and for nothing else.

Every session is read-only, has a statement timeout and speaks utf8mb4, whatever the URL or the server says,
and an account that could write is refused. Driver errors become SourceUnreachable or SourceRefused in one
place, for every statement of the engine, in words that name neither URL nor account.

What belongs here: sessions, snapshots, errors. What does not: any statement about OpenMRS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext

from passport_pipeline.errors import ConfigurationError, SourceError, SourceRefused, SourceUnreachable
from passport_pipeline.hospitals.registry import Hospital
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline.openmrs.grants import beyond_reading
from passport_pipeline.openmrs.schema import Schema, probe

CONNECT_TIMEOUT = 10  # seconds

# What MariaDB and MySQL say, and what someone can do about it. Errors that are not listed are permanent.
_UNREACHABLE = {
    1040: "the server has no free connection; trying again later may help",
    1053: "the server is shutting down",
    1152: "the connection was cut",
    1184: "the connection was cut",
    1203: "the account has no free connection; trying again later may help",
    1205: "a lock was waited for too long",
    1213: "the server chose this read to end a deadlock",
    1226: "the account has used up its hourly allowance",
    1317: "the statement was ended by the server",
    1927: "the connection was ended by the server",
    1969: "a statement took longer than PASSPORT_STATEMENT_TIMEOUT allows",
    2002: "the server does not answer; is it running, and may this machine reach its port?",
    2003: "the server does not answer; is it running, and may this machine reach its port?",
    2005: "the server's name is not known here",
    2006: "the server has gone away",
    2013: "the connection was lost during a statement",
    2055: "the connection was lost during a statement",
    3024: "a statement took longer than PASSPORT_STATEMENT_TIMEOUT allows",
}
_REFUSED = {
    1044: "the account may not use this database; GRANT SELECT on it",
    1045: "the server refuses the account: a wrong user name or password",
    1049: "there is no such database on the server; check the name at the end of the URL",
    1054: "a column is missing that was there a moment ago; has OpenMRS been updated?",
    1129: "the server has blocked this machine after too many errors",
    1130: "the server accepts no connection from this machine",
    1142: "the account may not read {table}; GRANT SELECT on it",
    1143: "the account may not read a column of {table}; GRANT SELECT on it",
    1146: "{table} is missing",
    1227: "the account lacks a privilege",
    1251: "the account's kind of password is not supported by the driver",
    1370: "the account may not run a routine",
    1698: "the server refuses the account: it does not log in with a password",
    1820: "the account's password has expired",
    1862: "the account's password has expired",
    2026: "an encrypted connection could not be made; check the certificates",
    2059: "the account's kind of password is not supported by the driver",
    3118: "the account is locked",
    3159: "the server accepts encrypted connections only; add ssl settings to the URL",
}
_TABLE = re.compile(r"(?:for table|Table) ([`'\w$.]+)")


class Source:
    """One hospital's database. Made by `Source.open`; `statements` counts the statements sent so far."""

    def __init__(self, hospital: Hospital, engine: sa.Engine, schema: Schema) -> None:
        self.hospital = hospital
        self.engine = engine
        self.schema = schema
        self.statements = 0
        sa.event.listen(engine, "before_cursor_execute", self._count)

    @classmethod
    @contextmanager
    def open(cls, hospital: Hospital, settings: Settings) -> Iterator[Self]:
        """Open the hospital's database and close it in the end.

        Raises ConfigurationError (no usable URL), SourceUnreachable, SourceRefused (an account that can
        write, a missing grant, not an OpenMRS database).
        """
        engine = connect(hospital, settings)
        try:
            if not settings.allow_writable_source:
                refuse_writable(hospital, beyond_reading(engine))
            with autocommitting(engine) as connection:
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
            finally:
                connection.rollback()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection on which each statement sees the database as it is then, so that a long walk over a
        table keeps no old row versions alive at the hospital."""
        with autocommitting(self.engine) as connection:
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
            "connect_timeout": CONNECT_TIMEOUT,
            # A dead line shows itself a little after the server would have ended the statement.
            "read_timeout": settings.statement_timeout + 30,
        }
        url = url.difference_update_query(arguments)
    try:
        engine = sa.create_engine(url, pool_size=1, max_overflow=2, connect_args=arguments, hide_parameters=True)
    except (sa.exc.ArgumentError, ImportError, TypeError, ValueError) as error:
        raise _unusable(hospital, error) from None
    sa.event.listen(engine, "do_connect", _connector(hospital))
    sa.event.listen(engine, "connect", _session(settings.statement_timeout))
    sa.event.listen(engine, "handle_error", _translator(hospital.key))
    return engine


@contextmanager
def autocommitting(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection without a transaction around its statements."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def refuse_writable(hospital: Hospital, beyond: list[str]) -> None:
    """Raise SourceRefused where the account can do more than read."""
    if beyond:
        shown = ", ".join(beyond[:5]) + (f" and {len(beyond) - 5} more" if len(beyond) > 5 else "")
        raise SourceRefused(
            f"{hospital.key}: the account can do more than read ({shown}); give the pipeline an account "
            "that has SELECT on the OpenMRS database and nothing else"
        )


def _connector(hospital: Hospital) -> Any:
    def connect(dialect: sa.Dialect, _: object, arguments: Any, named: Any) -> Any:
        try:
            return dialect.connect(*arguments, **named)
        except (TypeError, ValueError, OSError) as error:  # an unknown option, a certificate that is not there
            raise _unusable(hospital, error) from None

    return connect


def _unusable(hospital: Hospital, error: Exception) -> ConfigurationError:
    # Without the error's own text: it quotes what the URL says.
    return ConfigurationError(
        f"{hospital.key}: the driver does not understand {hospital.url_env} ({type(error).__name__}); use "
        "mysql+pymysql://account:password@host/database, and only options that PyMySQL knows"
    )


def _session(timeout: int) -> Any:
    def prepare(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone() or ("",)
        if "mariadb" in str(version).lower():
            cursor.execute(f"SET SESSION max_statement_time = {timeout}")
        else:
            cursor.execute(f"SET SESSION max_execution_time = {timeout * 1000}")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET NAMES utf8mb4")
        # The server's modes decide what a zero date and a quoted name mean; here they always mean the same.
        cursor.execute("SET SESSION sql_mode = '', group_concat_max_len = 65535")
        cursor.close()

    return prepare


def _translator(hospital_key: str) -> Any:
    def translate(context: ExceptionContext) -> None:
        if not isinstance(context.original_exception, SourceError):
            raise translated(hospital_key, context.original_exception)

    return translate


def translated(hospital_key: str, error: BaseException) -> SourceError:
    """The SourceError that stands for a driver's error."""
    arguments = getattr(error, "args", ())
    number = next((argument for argument in arguments if isinstance(argument, int)), getattr(error, "errno", None))
    if number in _UNREACHABLE:
        return SourceUnreachable(f"{hospital_key}: {_UNREACHABLE[number]} (error {number})")
    found = _TABLE.search(str(arguments[-1])) if arguments else None
    table = found.group(1).strip("`'").replace("`", "").rpartition(".")[2] if found else "a table"
    if number in _REFUSED:
        return SourceRefused(f"{hospital_key}: {_REFUSED[number].format(table=table)} (error {number})")
    if number is None or number == 0:
        return SourceUnreachable(f"{hospital_key}: the connection failed ({type(error).__name__})")
    return SourceRefused(f"{hospital_key}: the server refused a statement (error {number})")
