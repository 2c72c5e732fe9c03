"""The connection to MongoDB, and the collections as the contract wants them.

What belongs here: connecting, putting validators and indexes in place beside a living application, and turning
MongoDB's errors into the pipeline's. What does not: what the validators say (collections), what an error means
(failures).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from pymongo import ASCENDING, MongoClient
from pymongo import errors as mongo
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.monitoring import _EventListener

from passport_pipeline.errors import PassportRefused, PassportUnreachable, PipelineError
from passport_pipeline.failures import Origin, explained
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline.passport.collections import COLLECTIONS
from passport_pipeline.passport.schemas import Collection, Index

Document = dict[str, Any]

SELECTION_TIMEOUT_MS = 5_000
# Whatever the address asks for: nothing that was acknowledged may be lost, and nothing that may yet be rolled back is
# taken for granted. What is read decides what is not written (a day is in line, a record is unchanged), and what is
# kept outside of MongoDB. The primary answers a write of a majority only when a read of a majority sees it, so each
# run reads what it wrote.
CONCERNS: Document = {
    "w": "majority",
    "journal": True,
    "fsync": False,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "readPreferenceTags": "",
    "maxStalenessSeconds": -1,
    "retryWrites": True,
    "retryReads": True,
}
ALREADY_THERE = {48}  # NamespaceExists
OTHER_INDEX_OPTIONS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict
# LockBusy, ConflictingOperationInProgress, WriteConflict, IndexBuildAborted, BackgroundOperationInProgress...
SOMEONE_ELSE_IS_AT_IT = {46, 112, 117, 276, 12587}

log = logging.getLogger(__name__)


@contextmanager
def answering(doing: str) -> Iterator[None]:
    """Raise PassportError where MongoDB fails what is inside, or the decorated function.

    `doing` opens the message.
    """
    failed: PipelineError | None = None
    try:
        yield
    except mongo.PyMongoError as error:
        failed = explained(Origin.MONGODB, doing, error)
    if failed:
        # Not chained: the driver's own error quotes values and addresses.
        raise failed from None


@dataclass(frozen=True)
class Passport:
    """The passport's database. Threads may share one; every process opens its own."""

    client: MongoClient[Document]
    db: Database[Document]

    @classmethod
    @answering("connecting to the passport")
    def connect(cls, settings: Settings, *, listeners: Sequence[_EventListener] = ()) -> Self:
        """Connect and see that there is a primary. Writes are acknowledged by a majority, in its journals, and retried
        once; reads are of the primary and of what a majority holds, whatever PASSPORT_MONGO_URI asks for.

        A server outside a replica set is used with a warning: no transaction is needed, but nothing outlives
        the loss of that one server. Raises PassportUnreachable after about five seconds without a primary,
        and PassportRefused for a faulty address or account.
        """
        client = _client(settings, listeners)
        try:
            hello = client.admin.command("hello")
            client[settings.mongo_database].command("ping")
        except mongo.PyMongoError:
            client.close()
            raise
        if not hello.get("isWritablePrimary"):
            client.close()
            raise PassportUnreachable(
                "connecting to the passport: the server that PASSPORT_MONGO_URI names is not the primary; run again "
                "when it is, or take directConnection out of the address and name the replica set there"
            )
        if not hello.get("setName") and hello.get("msg") != "isdbgrid":
            log.warning(
                "the passport's MongoDB is no replica set: writes cannot be retried over a restart; "
                "start mongod with --replSet and initiate it"
            )
        return cls(client, client[settings.mongo_database])

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()

    @answering("reading MongoDB's clock")
    def now(self) -> datetime:
        """The time by MongoDB's clock, in UTC. Every stored time that is compared with another is taken from it, so
        that the clocks of the machines that runs are on do not matter. Raises PassportError.
        """
        hello = self.client.admin.command("hello", codec_options=self.db.codec_options)
        return cast("datetime", hello["localTime"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getitem__(self, name: str) -> MongoCollection[Document]:
        return self.db[name]

    @answering("setting up the passport's collections")
    def ensure(self) -> None:
        """Put collections, validators and indexes in place; never drops, renames or rewrites anything.

        Any number of processes may do so at once, and doing it again changes nothing. Documents of the
        application that do not fit a new validator are counted in a warning. Raises PassportRefused where the
        application's documents contradict a unique index, or the account may not set validators.
        """
        there = {found["name"]: found.get("options", {}) for found in self.db.list_collections()}
        for collection in COLLECTIONS:
            if collection.name not in there:
                self._create(collection)
            elif not _in_force(collection, there[collection.name]):
                self._modify(collection)
            for index in collection.indexes:
                self._index(collection.name, index)

    def _create(self, collection: Collection) -> None:
        rules: Document = {
            "validator": collection.validator,
            "validationLevel": "strict",
            "validationAction": "error",
        }
        try:
            _patiently(lambda: self.db.command("create", collection.name, **rules))
        except mongo.OperationFailure as error:
            if error.code not in ALREADY_THERE:
                raise
            self._modify(collection)

    def _modify(self, collection: Collection) -> None:
        unfit = self.db[collection.name].count_documents({"$nor": [collection.validator]}, limit=1_000)
        if unfit:
            log.warning(
                "%s: %s%d documents do not fit the application's own rules and cannot be saved until they do",
                collection.name,
                "at least " if unfit == 1_000 else "",
                unfit,
            )
        rules: Document = {
            "validator": collection.validator,
            "validationLevel": "strict",
            "validationAction": "error",
        }
        _patiently(lambda: self.db.command("collMod", collection.name, **rules))

    def _index(self, name: str, index: Index) -> None:
        options: Document = {"unique": True} if index.unique else {}
        if index.filter:
            options["partialFilterExpression"] = index.filter
        keys = [(key, ASCENDING) for key in index.keys]
        refused: str | None = None
        try:
            _patiently(lambda: self.db[name].create_index(keys, **options))
        except mongo.DuplicateKeyError:
            refused = (
                f"{name}: several documents hold the same {' and '.join(index.keys)}, which has to be "
                f"unique; find them with db.{name}.aggregate([{{$group: {{_id: "
                f"{_group(index)}, n: {{$sum: 1}}}}}}, {{$match: {{n: {{$gt: 1}}}}}}]), "
                "merge or correct them, then run again"
            )
        except mongo.OperationFailure as error:
            if error.code not in OTHER_INDEX_OPTIONS:
                raise
            # The application made one on the same keys; another kind serves as well, unless ours has to be
            # unique.
            if index.unique:
                refused = (
                    f"{name}: there is an index on {' and '.join(index.keys)} that is not unique, which the "
                    "pipeline needs; drop it (the pipeline makes its own), then run again"
                )
        if refused:
            raise PassportRefused(refused)


def _client(settings: Settings, listeners: Sequence[_EventListener]) -> MongoClient[Document]:
    try:
        return MongoClient(
            settings.mongo_uri.get_secret_value(),
            tz_aware=True,
            serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS,
            connectTimeoutMS=SELECTION_TIMEOUT_MS,
            appname="passport-pipeline",
            event_listeners=list(listeners),
            **CONCERNS,
        )
    except (ValueError, TypeError):
        raise mongo.InvalidURI from None


def _group(index: Index) -> str:
    if len(index.keys) == 1:
        return f'"${index.keys[0]}"'
    return "{" + ", ".join(f'{key.replace(".", "_")}: "${key}"' for key in index.keys) + "}"


def _in_force(collection: Collection, options: Document) -> bool:
    return (
        options.get("validator") == collection.validator
        and options.get("validationLevel", "strict") == "strict"
        and options.get("validationAction", "error") == "error"
    )


def _patiently(operation: Callable[[], object]) -> None:
    """Try again while another process is at the same thing."""
    for attempt in range(50):
        try:
            operation()
        except mongo.OperationFailure as error:
            if error.code not in SOMEONE_ELSE_IS_AT_IT or attempt == 49:
                raise
            time.sleep(0.05 * (attempt + 1))
        else:
            return
