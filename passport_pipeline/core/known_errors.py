"""What fails outside of the pipeline, in one table: what it means, what someone can do, whether trying again may help.

    mariadb   a hospital's MariaDB or MySQL: error numbers of the server (below 2000, from 3000) and the client
    mongodb   the passport: error codes of the server, labels and exceptions of the driver
    files     raw batches: errno, and the exceptions of Arrow's and fsspec's drivers

Exceptions stand by the names of their classes, base classes included, since not every driver is installed. What is
not listed is permanent. Of a driver's error only its number or its type is ever told: its text quotes values,
accounts and addresses.

What belongs here: the table, and looking an error up. What does not: the classes that an error becomes one of
(errors), how Dagster is told (assets.failures), codes that are answered by doing something else (the modules that do).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from passport_pipeline.core.errors import (
    BatchError,
    BatchUnreachable,
    PassportRefused,
    PassportUnreachable,
    PipelineError,
    SourceRefused,
    SourceUnreachable,
)


class Origin(StrEnum):
    """Where an error comes from."""

    MARIADB = "mariadb"
    MONGODB = "mongodb"
    FILES = "files"


@dataclass(frozen=True)
class Known:
    """What some errors of one origin become, and what is said; `keys` are numbers or names."""

    origin: Origin
    kind: type[PipelineError]
    advice: str
    keys: tuple[int | str, ...]


_SOCKET = ("ConnectionError", "TimeoutError")
_NO_ANSWER = (
    *(6, 7, 89, 91, 94, 133, 134, 189, 202, 211, 216, 9001, 10058, 10107, 11600, 11602, 13435, 13436),
    *("ConnectionFailure", "RetryableWriteError", "TransientTransactionError"),
)
_FEW_ACKNOWLEDGED = (64, "WriteConcernError", "WTimeoutError")
_NETWORK = (
    *(errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN),
    *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET),
    *(errno.ESTALE, errno.EREMOTEIO),
    *(*_SOCKET, "gaierror", "IncompleteRead"),
    # of aiohttp, under most drivers; botocore (s3); requests and google.auth (gcs); azure.core
    *("ClientConnectionError", "ClientPayloadError"),
    *("HTTPClientError", "IncompleteReadError", "ResponseStreamingError"),
    *("Timeout", "ChunkedEncodingError", "TransportError"),
    *("ServiceRequestError", "ServiceResponseError"),
)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, "PermissionError", "NoCredentialsError", "ClientAuthenticationError")

# By origin and what an error becomes: what is said, and of which errors.
_ADVICE: Mapping[tuple[Origin, type[PipelineError]], Mapping[str, tuple[int | str, ...]]] = {
    (Origin.MARIADB, SourceUnreachable): {
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
    (Origin.MARIADB, SourceRefused): {
        "the account may not use this database; GRANT SELECT on it": (1044,),
        "the server refuses the account: a wrong user name or password": (1045,),
        "the server refuses the account: it does not log in with a password": (1698,),
        "there is no such database on the server; check the name at the end of the URL": (1049,),
        "a column is missing that was there a moment ago; has OpenMRS been updated?": (1054,),
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
    (Origin.MONGODB, PassportUnreachable): {
        "MongoDB did not answer or has no primary; see that the server in PASSPORT_MONGO_URI is up": _NO_ANSWER,
        "too few MongoDB servers acknowledged a write; run again when all are up": _FEW_ACKNOWLEDGED,
        "MongoDB took too long; run again": (50, 262, 290, 407, "ExecutionTimeout"),
        "MongoDB is overloaded; run again later": (365, 402, 433, 449, 462),
        "others were at the same documents or collections; run again": (24, 46, 112, 117, 215, 251),
        "MongoDB ended a read; run again": (43, 175, 237, 246, 11601, 13388, "CursorNotFound"),
    },
    (Origin.MONGODB, PassportRefused): {
        "MongoDB refused the account or password in PASSPORT_MONGO_URI": (11, 18, 391),
        "the account in PASSPORT_MONGO_URI lacks rights; it needs the roles readWrite and dbAdmin there": (13, 8000),
        "PASSPORT_MONGO_URI is no usable MongoDB address; correct it": ("ConfigurationError", "InvalidURI"),
        "the disk of the MongoDB server is full; free space there": (14031,),
        "the MongoDB server is out of memory or open files; raise its limits": (146, 264, 292),
        "writes are blocked on the MongoDB server; see why, then run again": (371,),
        "PASSPORT_MONGO_URI asks for more acknowledgements than there are servers; correct its w": (79, 100),
        "MongoDB has the database under a name in other letters; correct PASSPORT_MONGO_DATABASE": (13297,),
        "the MongoDB server is too old for this pipeline; it needs 5.0 or later": (59, 168, 352),
        "another document holds the same unique value; find it by the server's log": (11000, 11001, 12582),
        "MongoDB refused a document's form; was a validator changed by hand?": (121,),
    },
    (Origin.FILES, BatchUnreachable): {
        "the place of the raw batches does not answer; see that what PASSPORT_BATCHES names is reachable": _NETWORK,
        "the place of the raw batches is busy; run again": (errno.EBUSY, errno.EAGAIN, errno.EINTR),
    },
    (Origin.FILES, BatchError): {
        "the disk is full; free space or set PASSPORT_BATCHES to another place, then run again": (errno.ENOSPC,),
        "the disk quota is used up; free space or set PASSPORT_BATCHES to another place": (errno.EDQUOT,),
        "no permission; the pipeline's account must own the folder, or have rights on the store": _NO_PERMISSION,
        "an encrypted connection to the store could not be made; check its certificates": ("SSLError",),
        "the file system is read-only; set PASSPORT_BATCHES to another place": (errno.EROFS,),
        "is not there; see that what PASSPORT_BATCHES names exists": (errno.ENOENT, "FileNotFoundError"),
        "the disk or the object store reports a fault; have it looked at, then run again": (errno.EIO,),
        "too many files are open; raise the account's limit (ulimit -n)": (errno.EMFILE, errno.ENFILE),
        "the path is too long for the file system; set PASSPORT_BATCHES to a shorter one": (errno.ENAMETOOLONG,),
        "a part of the path is a file where a folder should be, or the reverse": (errno.ENOTDIR, errno.EISDIR),
    },
}
TABLE = tuple(
    Known(origin, kind, advice, keys) for (origin, kind), advised in _ADVICE.items() for advice, keys in advised.items()
)
UNLISTED = {
    Origin.MARIADB: (SourceRefused, "the server refused a statement"),
    Origin.MONGODB: (PassportRefused, "MongoDB refused; see the server's log"),
    Origin.FILES: (BatchError, "could not be read or written"),
}
_BY_KEY = {(known.origin, key): known for known in TABLE for key in known.keys}
_LABELS = ("RetryableWriteError", "TransientTransactionError")


def find(origin: Origin, error: BaseException) -> Known | None:
    """What the table says of an error; None where it is not listed."""
    return next((_BY_KEY[origin, key] for key in _keys(origin, error) if (origin, key) in _BY_KEY), None)


def explained(origin: Origin, subject: str, error: BaseException, **words: str) -> PipelineError:
    """The pipeline's error for one of a driver: "subject: what to do (number or type)".

    `subject` says what failed; `words` fill the advice's blanks.
    """
    known = find(origin, error)
    kind, advice = (known.kind, known.advice) if known else UNLISTED[origin]
    number = _number(origin, error)
    name = f"error {number}" if number else type(error).__name__
    return kind(f"{subject}: {advice.format(**words)} ({name})")


def timed_out(error: BaseException) -> bool:
    """Whether an error of PyMySQL comes of an answer that did not come; its number is that of any lost connection."""
    inner = error.__context__
    return isinstance(inner, TimeoutError) and any(number in error.args for number in (2003, 2006, 2013))


def _keys(origin: Origin, error: BaseException) -> Iterator[int | str]:
    """What an error may be listed under, the most telling first."""
    if timed_out(error):
        yield "TimeoutError"
    # Where PyMySQL cannot connect, the error inside tells why.
    inner = getattr(error, "original_exception", None)
    for kind in type(inner).__mro__ if inner else ():
        yield kind.__name__
    number = _number(origin, error)
    if number:
        yield number
    for label in _LABELS:
        if hasattr(error, "has_error_label") and error.has_error_label(label):
            yield label
    for kind in type(error).__mro__:
        yield kind.__name__
    if not number:
        yield 0


def _number(origin: Origin, error: BaseException) -> int | None:
    """MongoDB's code, an errno, or the number that MySQL's drivers put first; None where there is none."""
    numbers: tuple[object, ...] = ()
    if origin is Origin.MONGODB:
        numbers = (getattr(error, "code", None),)
    elif origin is Origin.FILES:
        numbers = (getattr(error, "errno", None),)
    elif not isinstance(error, OSError):  # whose errno is none of the server's numbers
        numbers = (*error.args, getattr(error, "errno", None))
    return next((number for number in numbers if isinstance(number, int) and number), None)
