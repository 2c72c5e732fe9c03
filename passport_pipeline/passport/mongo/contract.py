"""The contract put in place in MongoDB beside a living application, and taken out again.

What belongs here: making collections, setting validators, making indexes, and remembering in `contractchanges` what was
there before, so that it can be put back. What does not: what the contract says (collections), how two validators become
one (rules), what errors become (database).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import json_util
from pymongo import ASCENDING
from pymongo import errors as mongo
from pymongo.database import Database

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo.bookkeeping import CONTRACT_CHANGES
from passport_pipeline.passport.mongo.collections import COLLECTIONS, SHARED
from passport_pipeline.passport.mongo.rules import STRICT, Rules, apart, of_application, together
from passport_pipeline.passport.mongo.schemas import Collection, Index

Document = dict[str, Any]

ALREADY_THERE = {48}  # NamespaceExists
NO_SUCH_INDEX = {27}
OTHER_INDEX_OPTIONS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict
# LockBusy, ConflictingOperationInProgress, WriteConflict, IndexBuildAborted, BackgroundOperationInProgress...
SOMEONE_ELSE_IS_AT_IT = {46, 112, 117, 276, 12587}
COUNTED = 1_000
SOURCE = "source."

CREATED, SET, MERGED, PUT_BACK = "created", "set", "merged with the application's", "put back"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What was done to a collection: to its rules (CREATED, SET, MERGED or PUT_BACK, "" for nothing), the indexes that
    were made, or removed, and how many documents do not fit the new rules (at most COUNTED are counted).
    """

    collection: str
    rules: str = ""
    indexes: tuple[str, ...] = ()
    unfit: int = 0

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.rules or self.indexes)

    @property
    def unfit_told(self) -> str:
        """How many documents do not fit, in words."""
        return f"at least {self.unfit}" if self.unfit == COUNTED else str(self.unfit)

    def to_json(self) -> Document:
        """As `passport-pipeline init --json` prints it."""
        return {
            "collection": self.collection,
            "rules": self.rules or None,
            "indexes": list(self.indexes),
            "documentsThatDoNotFit": self.unfit,
        }


def put_in_place(db: Database[Document], *, count_unfit: bool = False) -> list[Change]:
    """Collections, validators and indexes as the contract has them; says of each collection what was done. Documents
    that do not fit are counted where rules change; with `count_unfit` in all that the application shares.

    Never drops, renames or rewrites a document, and doing it again changes nothing. Raises PyMongoError, and
    PassportRefused where the application's documents or indexes contradict a unique index.
    """
    there = _options(db)
    kept = _kept(db)  # read after the options: whoever has set rules has remembered before what was there
    changes = []
    for collection in COLLECTIONS:
        if collection.name in there:
            rules, unfit = _set_rules(db, collection, Rules.of(there[collection.name]), kept.get(collection.name))
        else:
            rules, unfit = _create(db, collection)
        if count_unfit and not rules and collection.name in SHARED:
            unfit = _unfit(db, collection)
        changes.append(Change(collection.name, rules, _make_indexes(db, collection), unfit))
    return changes


def take_out(db: Database[Document]) -> list[Change]:
    """Give the collections that the application shares their own rules back, and remove the indexes that the pipeline
    made there; says of each of them what was done. No document is touched.

    Raises PyMongoError.
    """
    there, kept = _options(db), _kept(db)
    changes = []
    for collection in COLLECTIONS:
        name = collection.name
        if name not in SHARED or name not in there:
            continue
        now, before = Rules.of(there[name]), kept.get(name, {})
        rules = PUT_BACK if apart(now.validator)[1] else ""
        if rules:
            _modify(db, name, of_application(now, _rules_of(before), collection.validator))
        indexes = _remove_indexes(db, collection, before.get("indexes", ()))
        # Last, so that one that was interrupted can be begun again.
        db[CONTRACT_CHANGES].delete_one({"_id": name})
        changes.append(Change(name, rules, indexes))
    return changes


def _options(db: Database[Document], **wanted: str) -> dict[str, Document]:
    return {found["name"]: found.get("options", {}) for found in db.list_collections(filter=wanted)}


def _kept(db: Database[Document]) -> dict[str, Document]:
    return {found["_id"]: found for found in db[CONTRACT_CHANGES].find()}


def _rules_of(kept: Document | None) -> Rules | None:
    theirs = (kept or {}).get("theirs")
    if theirs is None:
        return None
    return Rules(json_util.loads(theirs["validator"]), theirs["validationLevel"], theirs["validationAction"])


def _create(db: Database[Document], collection: Collection) -> tuple[str, int]:
    wanted = together(Rules(), collection.validator) if collection.name in SHARED else Rules(collection.validator)
    try:
        _patiently(lambda: db.command("create", collection.name, writeConcern={"w": "majority"}, **wanted.options))
    except mongo.OperationFailure as error:
        if error.code not in ALREADY_THERE:
            raise
    else:
        return CREATED, 0
    options = _options(db, name=collection.name)[collection.name]
    return _set_rules(db, collection, Rules.of(options), _kept(db).get(collection.name))


def _set_rules(db: Database[Document], collection: Collection, now: Rules, kept: Document | None) -> tuple[str, int]:
    """Bring a collection's rules into line with the contract; what was done, and how many documents do not fit."""
    if collection.name not in SHARED:
        theirs, wanted = None, Rules(collection.validator)
    else:
        theirs = of_application(now, _rules_of(kept), collection.validator)
        wanted = together(theirs, collection.validator)
    if now == wanted:
        return "", 0
    unfit = _unfit(db, collection)
    if unfit:
        log.warning(
            "%s: %s documents do not fit the pipeline's rules, which are the application's own models; %s",
            collection.name,
            Change(collection.name, unfit=unfit).unfit_told,
            "they cannot be saved until they do" if wanted.level == STRICT else "they can be saved as they are",
        )
    if theirs is not None:
        rules = {
            "validator": json_util.dumps(theirs.validator, json_options=json_util.CANONICAL_JSON_OPTIONS),
            "validationLevel": theirs.level,
            "validationAction": theirs.action,
        }
        _remember(db, collection.name, {"$set": {"theirs": rules}})
    _modify(db, collection.name, wanted)
    return MERGED if theirs and theirs.validator else SET, unfit


def _unfit(db: Database[Document], collection: Collection) -> int:
    return db[collection.name].count_documents({"$nor": [collection.validator]}, limit=COUNTED)


def _modify(db: Database[Document], name: str, rules: Rules) -> None:
    _patiently(lambda: db.command("collMod", name, writeConcern={"w": "majority"}, **rules.options))


def _make_indexes(db: Database[Document], collection: Collection) -> tuple[str, ...]:
    """Make the indexes that are not there; the names of those that were made."""
    there = db[collection.name].index_information().values()
    wanted = [index for index in collection.indexes if not any(_serves(one, index) for one in there)]
    made = tuple(name for index in wanted if (name := _make_index(db, collection.name, index)))
    if made and collection.name in SHARED:
        _remember(db, collection.name, {"$addToSet": {"indexes": {"$each": list(made)}}})
    return made


def _serves(there: Document, index: Index) -> bool:
    same = (list(there["key"]), bool(there.get("unique")), there.get("partialFilterExpression"))
    return same == (_keys(index), index.unique, index.filter) and not {"sparse", "collation"} & there.keys()


def _make_index(db: Database[Document], name: str, index: Index) -> str | None:
    """Make one index; its name, None where one of the application serves as well. Raises PassportRefused."""
    options: Document = {"unique": True} if index.unique else {}
    if index.filter:
        options["partialFilterExpression"] = index.filter
    made: list[str] = []
    refused: str | None = None
    try:
        _patiently(lambda: made.append(db[name].create_index(_keys(index), **options)))
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
    return made[0] if made else None


def _remove_indexes(db: Database[Document], collection: Collection, made: Sequence[str]) -> tuple[str, ...]:
    """Remove the indexes that the pipeline `made`, and those that nobody else has a use for; the names of those that
    were there.
    """
    there = db[collection.name].index_information()
    ours = {name for name, one in there.items() if any(key.startswith(SOURCE) for key, _ in one["key"])}
    gone = tuple(name for name in there if name in ours | set(made))
    for name in gone:
        try:
            _patiently(lambda name=name: db[collection.name].drop_index(name))  # type: ignore[misc]
        except mongo.OperationFailure as error:
            if error.code not in NO_SUCH_INDEX:
                raise
    return gone


def _remember(db: Database[Document], name: str, change: Document) -> None:
    for attempt in range(5):
        try:
            db[CONTRACT_CHANGES].update_one({"_id": name}, change, upsert=True)
        except mongo.DuplicateKeyError:  # two at once: the second finds the first one's document
            if attempt == 4:
                raise
        else:
            return


def _keys(index: Index) -> list[tuple[str, int]]:
    return [(key, ASCENDING) for key in index.keys]


def _group(index: Index) -> str:
    if len(index.keys) == 1:
        return f'"${index.keys[0]}"'
    return "{" + ", ".join(f'{key.replace(".", "_")}: "${key}"' for key in index.keys) + "}"


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
