"""The connection to MongoDB.

What belongs here: connecting, MongoDB's clock, and turning MongoDB's errors into the pipeline's. What does not: putting
validators and indexes in place (contract), what an error means (core.known_errors).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from pymongo import MongoClient
from pymongo import errors as mongo
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.monitoring import CommandListener

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import PassportUnreachable, PipelineError
from passport_pipeline.passport.mongo.contract import Change, put_in_place, take_out
from passport_pipeline.passport.mongo.known_errors import MONGODB

Document = dict[str, Any]

SELECTION_TIMEOUT_MS = 5_000
# Whatever the address asks for: nothing that was acknowledged may be lost, and nothing is relied on that may yet be
# rolled back. What is read decides what is not written (a day is up to date, a record is unchanged), and what is stored
# outside of MongoDB. The primary answers a write of a majority only when a read of a majority sees it, so each
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
        failed = MONGODB.explained(doing, error)
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
    def connect(cls, settings: Settings, *, listeners: Sequence[CommandListener] = ()) -> Self:
        """Connect, and check that there is a primary. Writes are acknowledged by a majority, in its journals, and
        retried once; reads are of the primary and of what a majority holds, whatever PASSPORT_MONGO_URI asks for.

        A server outside a replica set is used with a warning: no transaction is needed, but everything is
        lost with that one server. Raises PassportUnreachable after about five seconds without a primary,
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
        """Close the connections."""
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
    def ensure(self, *, count_invalid: bool = False) -> list[Change]:
        """Put collections, validators and indexes in place; never drops, renames or rewrites a document. Returns for
        each collection what was done; `count_invalid` counts invalid documents also where nothing was.

        What the application demands of shared collections continues to hold, too. Any number of processes may do this
        at once, and doing it again changes nothing. Documents that are invalid by a new validator are counted in a
        warning. Raises PassportRefused where the application's documents contradict a unique index, or
        the account may not set validators; PassportError.
        """
        return put_in_place(self.db, count_invalid=count_invalid)

    @answering("giving the application's collections their own rules back")
    def undo(self) -> list[Change]:
        """Undo `ensure` in the collections that the application shares: their rules become the application's own, and
        the indexes that the pipeline made are removed. No document is changed. Returns for each of these collections
        what was done. Raises PassportError.
        """
        return take_out(self.db)


def _client(settings: Settings, listeners: Sequence[CommandListener]) -> MongoClient[Document]:
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
