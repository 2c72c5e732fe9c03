"""Bulk writes that report failures document by document, and lists cut to what fits a command.

What belongs here: inserting and updating many documents at once, and telling for each one that was not written why: it
existed already, or MongoDB refused it and which fields are invalid. What does not: what happens to it then (reconcile).
No value of a document leaves this module in a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import bson
from bson import ObjectId
from pymongo import ReplaceOne, UpdateOne
from pymongo import errors as mongo
from pymongo.collection import Collection

from passport_pipeline.core.errors import PassportRefused, PassportUnreachable
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.passport.mongo.known_errors import MONGODB

T = TypeVar("T")

LARGEST = 16 * 1024 * 1024
DUPLICATE = 11000
INVALID = 121
# What inserts and updates of too large documents get; BadValue (2) is one of them.
TOO_LARGE = {2, 10334, 17280, 17419, 17420}
WHOLE = "(document)"
SIZE = "(size)"
CANNOT_ENCODE = (bson.errors.BSONError, mongo.DocumentTooLarge, OverflowError, UnicodeError, TypeError)


@dataclass
class Outcome:
    """What became of a bulk write, by the documents' ids."""

    same_id: set[Any] = field(default_factory=set)
    same_key: set[Any] = field(default_factory=set)  # another document holds the same unique value
    invalid: dict[Any, list[str]] = field(default_factory=dict)  # the paths of the fields that are invalid
    matched: int = 0

    @property
    def failed(self) -> set[Any]:
        """The ids of the documents that were not written."""
        return self.same_id | self.same_key | self.invalid.keys()

    @property
    def invalid_fields(self) -> str:
        """The paths of all fields that are invalid in any document, as a list for a message."""
        return ", ".join(sorted({path for paths in self.invalid.values() for path in paths}))


def insert(collection: Collection[Document], documents: Sequence[Document]) -> Outcome:
    """Insert what can be inserted. Raises PyMongoError, and PassportRefused for any other failure."""
    if not documents:
        return Outcome()
    details = None
    try:
        collection.insert_many(documents, ordered=False)
    except mongo.BulkWriteError as error:
        details = error.details
    except CANNOT_ENCODE:
        pass
    else:
        return Outcome()
    if details:
        # Outside the handler: no error of ours is chained to the driver's own, which quotes values.
        return _outcome_of(details, [document["_id"] for document in documents])
    invalid = unencodable(documents)
    if not invalid:
        raise PassportRefused("MongoDB's driver refused documents that it can encode; see its release notes")
    rest = insert(collection, [document for document in documents if document["_id"] not in invalid])
    rest.invalid |= invalid
    return rest


def write(
    collection: Collection[Document],
    operations: Sequence[UpdateOne | ReplaceOne[Document]],
    ids: Sequence[Any],
    *,
    trusted: bool = False,
) -> Outcome:
    """Update or replace in bulk; `ids` names each operation's document, `trusted` bypasses the validators.

    Raises PyMongoError, and PassportRefused for any failure that an Outcome does not list.
    """
    if not operations:
        return Outcome()
    details = None
    try:
        result = collection.bulk_write(operations, ordered=False, bypass_document_validation=trusted or None)
    except mongo.BulkWriteError as error:
        details = error.details
    except CANNOT_ENCODE:
        pass
    else:
        return Outcome(matched=result.matched_count + result.upserted_count)
    if details:
        return _outcome_of(details, ids)
    if len(operations) == 1:
        return Outcome(invalid={ids[0]: [WHOLE]})
    # The driver does not say which one: halves, so that one odd document does not hold up the others.
    half = len(operations) // 2
    return _joined(
        write(collection, operations[:half], ids[:half], trusted=trusted),
        write(collection, operations[half:], ids[half:], trusted=trusted),
    )


def unencodable(documents: Sequence[Document]) -> dict[Any, list[str]]:
    """The documents that no MongoDB can take as they are, with the top-level fields that are to blame."""
    invalid: dict[Any, list[str]] = {}
    for document in documents:
        try:
            size = len(bson.encode(document))
        except CANNOT_ENCODE:
            invalid[document["_id"]] = [key for key, value in document.items() if not _encodes(value)] or [WHOLE]
        else:
            if size > LARGEST:
                invalid[document["_id"]] = [SIZE]
    return invalid


def failing_fields(details: Any) -> list[str]:
    """The paths of the fields that a validator refused, out of MongoDB's `errInfo`; never their values."""
    return sorted(set(_paths(details, ""))) or [WHOLE]


def _paths(node: Any, prefix: str) -> Iterator[str]:
    if isinstance(node, list):
        for part in node:
            yield from _paths(part, prefix)
    elif isinstance(node, dict):
        if "propertyName" in node:
            path = f"{prefix}{node['propertyName']}"
            inner = list(_paths(node.get("details"), f"{path}."))
            yield from inner or [path]
            return
        yield from (f"{prefix}{name}" for name in node.get("missingProperties", ()))
        # A rule of the application that is no schema names its field so; in a schema this would be the rule itself.
        rule = node.get("specifiedAs")
        if str(node.get("operatorName", "")).startswith("$") and isinstance(rule, dict):
            yield from (name for name in rule if not name.startswith("$"))
        # Everything else that MongoDB reports beside these quotes the value or the rule.
        for name in ("details", "schemaRulesNotSatisfied", "propertiesNotSatisfied", "failingDependencies"):
            yield from _paths(node.get(name), prefix)
        yield from _paths(node.get("clausesNotSatisfied"), prefix)
        # Alternatives: the last one is the general case (schemas.any_of).
        yield from _paths((node.get("schemasNotSatisfied") or [])[-1:], prefix)


def _outcome_of(details: Mapping[str, Any], ids: Sequence[Any]) -> Outcome:
    """The outcome that MongoDB's `details` of a bulk write tell. Raises PassportError for any failure that an Outcome
    does not list.
    """
    outcome = Outcome()
    other: set[int] = set()
    for error in details["writeErrors"]:
        document_id, code = ids[error["index"]], error["code"]
        if code == DUPLICATE:
            (outcome.same_id if "_id" in error.get("keyPattern", {}) else outcome.same_key).add(document_id)
        elif code == INVALID:
            outcome.invalid[document_id] = failing_fields(error.get("errInfo"))
        elif code in TOO_LARGE:
            outcome.invalid[document_id] = [SIZE]
        else:
            other.add(code)
    errors = [MONGODB.explained("storing documents", mongo.OperationFailure("", code)) for code in sorted(other)]
    if errors:
        raise min(errors, key=lambda error: error.transient)  # trying again helps only where it helps with all of them
    if details["writeConcernErrors"]:
        raise PassportUnreachable("too few MongoDB servers acknowledged a write; run again when all are up")
    outcome.matched = int(details["nMatched"]) + int(details["nUpserted"])
    return outcome


def _joined(first: Outcome, second: Outcome) -> Outcome:
    return Outcome(
        first.same_id | second.same_id,
        first.same_key | second.same_key,
        first.invalid | second.invalid,
        first.matched + second.matched,
    )


def _encodes(value: Any) -> bool:
    try:
        bson.encode({"value": value})
    except CANNOT_ENCODE:
        return False
    return True


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk


def object_ids(texts: Sequence[str]) -> list[ObjectId]:
    """ObjectIds of their 24-digit texts."""
    return [ObjectId(text) for text in texts]
