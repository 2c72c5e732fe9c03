"""The known errors of MariaDB and MySQL, by number: of the server (below 2000, from 3000) and of the client.

What belongs here: the table, and the keys of PyMySQL's errors in it. What does not: looking up (core.known_errors).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from passport_pipeline.core.errors import PipelineError, SourceRefused, SourceUnreachable
from passport_pipeline.core.known_errors import Key, KnownErrors, class_names, first_number

_SOCKET = ("ConnectionError", "TimeoutError")


def timed_out(error: BaseException) -> bool:
    """Whether PyMySQL raised it because no answer came in time; its number is that of any lost connection."""
    inner = error.__context__
    return isinstance(inner, TimeoutError) and any(number in error.args for number in (2003, 2006, 2013))


def _number(error: BaseException) -> int | None:
    """The number that MySQL's drivers put first; an OSError's errno is none of the server's numbers."""
    return None if isinstance(error, OSError) else first_number(*error.args, getattr(error, "errno", None))


def _keys(error: BaseException) -> Iterator[Key]:
    if timed_out(error):
        yield "TimeoutError"
    # Where PyMySQL cannot connect, the inner error has the reason.
    yield from class_names(getattr(error, "original_exception", None))
    number = _number(error)
    if number:
        yield number
    yield from class_names(error)
    if not number:
        yield 0


_ADVICE: Mapping[type[PipelineError], Mapping[str, tuple[Key, ...]]] = {
    SourceUnreachable: {
        "the server has no free connection; trying again later may help": (1040, 1203, 1135, 3168),
        "the server is short of memory or files; trying again later may help": (5, 23, 1037, 1038, 1041, 1206, 1637),
        "the server is starting, shutting down or offline": (1047, 1053, 1077, 1079, 1080, 3032),
        "the connection was cut": (1152, 1158, 1159, 1160, 1161, 1184, 2012, 2014, 2027, 4031),
        "the connection was ended by the server": (1927, 3169),
        "the connection was lost; is the server running, and does it speak MySQL's protocol?": (2006, 2013, 2055),
        "the server does not answer; is it running, and may this machine reach its port?": (2002, 2003, *_SOCKET),
        "the server's name is not known here": (2005, "gaierror"),
        "the connection failed": (0,),
        "a lock was waited for too long": (1205,),
        "the server chose this read to end a deadlock": (1213,),
        "a table was altered while it was read": (1412,),
        "the account has used up its hourly allowance": (1226,),
        "the statement was ended by the server": (1317,),
        "a statement took longer than PASSPORT_STATEMENT_TIMEOUT allows": (1969, 3024),
    },
    SourceRefused: {
        "the account may not use this database; GRANT SELECT on it": (1044,),
        "the server refuses the account: a wrong user name or password": (1045,),
        "the server refuses the account: it does not log in with a password": (1698,),
        "there is no such database on the server; check the name at the end of the URL": (1049,),
        "a column is missing that was there a moment ago; has the record system been updated?": (1054,),
        "the account may not read {table}; GRANT SELECT on it": (1142,),
        "the account may not read a column of {table}; GRANT SELECT on it": (1143,),
        "{table} is missing": (1146,),
        "{table} is damaged; have it repaired": (126, 127, 144, 145, 1194, 1195, 1877, 1932),
        "a view or its definer no longer exists; have it made anew": (1356, 1449),
        "the account lacks a privilege": (1227,),
        "the server is too old to limit how long a statement takes; MariaDB 10.1 or MySQL 5.7.8 is needed": (1193,),
        "the account may not run a routine": (1370,),
        "the server cannot write to its disk; free space there": (3, 28, 1021, 1030),
        "a row is larger than the server sends; raise its max_allowed_packet": (1153, 2020),
        "the server refuses reads of this size; raise max_join_size or set sql_big_selects for the account": (1104,),
        "the server has blocked this machine after too many errors; run mariadb-admin flush-hosts there": (1129,),
        "the server accepts no connection from this machine": (1130,),
        "the account's kind of password is not supported by the driver": (1251, 1275, 1524, 2049, 2059, 2061),
        "the account's password has expired": (1820, 1862),
        "the account is locked": (3118, 4151),
        "the server accepts encrypted connections only; add ssl settings to the URL": (3159,),
        "an encrypted connection could not be made; check the certificates": (2026, "SSLError"),
    },
}
MARIADB = KnownErrors(_ADVICE, (SourceRefused, "the server refused a statement"), _number, _keys)
