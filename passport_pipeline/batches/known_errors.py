"""Known errors of the files of raw batches: errno, and the exceptions of Arrow's and fsspec's drivers.

What belongs here: the table. What does not: looking errors up (core.known_errors), damaged files (files).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping

from passport_pipeline.core.errors import BatchError, BatchUnreachable, PipelineError
from passport_pipeline.core.known_errors import Key, KnownErrors, class_names, first_number

_NETWORK = (
    *(errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN),
    *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET),
    *(errno.ESTALE, errno.EREMOTEIO),
    *("ConnectionError", "TimeoutError", "gaierror", "IncompleteRead"),
    # of aiohttp, under most drivers; botocore (s3); requests and google.auth (gcs); azure.core
    *("ClientConnectionError", "ClientPayloadError"),
    *("HTTPClientError", "IncompleteReadError", "ResponseStreamingError"),
    *("Timeout", "ChunkedEncodingError", "TransportError"),
    *("ServiceRequestError", "ServiceResponseError"),
)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, "PermissionError", "NoCredentialsError", "ClientAuthenticationError")


def _number(error: BaseException) -> int | None:
    return first_number(getattr(error, "errno", None))


def _keys(error: BaseException) -> Iterator[Key]:
    number = _number(error)
    if number:
        yield number
    yield from class_names(error)


_ADVICE: Mapping[type[PipelineError], Mapping[str, tuple[Key, ...]]] = {
    BatchUnreachable: {
        "the place of the raw batches does not answer; see that what PASSPORT_BATCHES names is reachable": _NETWORK,
        "the place of the raw batches is busy; run again": (errno.EBUSY, errno.EAGAIN, errno.EINTR),
    },
    BatchError: {
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
FILES = KnownErrors(_ADVICE, (BatchError, "could not be read or written"), _number, _keys)
