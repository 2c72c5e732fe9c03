"""What fails at the passport's MongoDB: codes of the server, labels and exceptions of the driver.

What belongs here: the table, and what pymongo's errors are listed under. What does not: looking up (core.known_errors).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from passport_pipeline.core.errors import PassportRefused, PassportUnreachable, PipelineError
from passport_pipeline.core.known_errors import Key, KnownErrors, class_names, first_number

_NO_ANSWER = (
    *(6, 7, 89, 91, 94, 133, 134, 189, 202, 211, 216, 9001, 10058, 10107, 11600, 11602, 13435, 13436),
    *("ConnectionFailure", "RetryableWriteError", "TransientTransactionError"),
)
_FEW_ACKNOWLEDGED = (64, "WriteConcernError", "WTimeoutError")
_LABELS = ("RetryableWriteError", "TransientTransactionError")


def _number(error: BaseException) -> int | None:
    return first_number(getattr(error, "code", None))


def _keys(error: BaseException) -> Iterator[Key]:
    number = _number(error)
    if number:
        yield number
    if hasattr(error, "has_error_label"):
        yield from filter(error.has_error_label, _LABELS)
    yield from class_names(error)


_ADVICE: Mapping[type[PipelineError], Mapping[str, tuple[Key, ...]]] = {
    PassportUnreachable: {
        "MongoDB did not answer or has no primary; see that the server in PASSPORT_MONGO_URI is up": _NO_ANSWER,
        "too few MongoDB servers acknowledged a write; run again when all are up": _FEW_ACKNOWLEDGED,
        "MongoDB took too long; run again": (50, 262, 290, 407, "ExecutionTimeout"),
        "MongoDB is overloaded; run again later": (365, 402, 433, 449, 462),
        "others were at the same documents or collections; run again": (24, 46, 112, 117, 215, 251),
        "MongoDB ended a read; run again": (43, 175, 237, 246, 11601, 13388, "CursorNotFound"),
    },
    PassportRefused: {
        "MongoDB refused the account or password in PASSPORT_MONGO_URI": (11, 18, 391),
        "the account in PASSPORT_MONGO_URI lacks rights; it needs the roles readWrite and dbAdmin there": (
            13,
            8000,
        ),
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
}
MONGODB = KnownErrors(_ADVICE, (PassportRefused, "MongoDB refused; see the server's log"), _number, _keys)
