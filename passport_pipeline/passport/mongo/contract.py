"""The contract put in place in MongoDB beside a living application, and taken out again.

What belongs here: making collections, setting validators, making indexes, and storing in `contractchanges` what was
there before, so that it can be put back. What does not: what the contract demands (application_collections,
pipeline_collections), how two validators become one (validation_rules), what errors become (database).
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
from passport_pipeline.passport.mongo.application_collections import APPLICATION_COLLECTIONS
from passport_pipeline.passport.mongo.collections import ALLERGIES, CONTRACT_CHANGES, SHARED
from passport_pipeline.passport.mongo.pipeline_collections import CONTRACT_CHANGE, PIPELINE_COLLECTIONS
from passport_pipeline.passport.mongo.schemas import Collection, Index
from passport_pipeline.passport.mongo.validation_rules import STRICT, Rules, application_rules, merge, split

Document = dict[str, Any]

# First the collection in which is stored what the others were.
COLLECTIONS = (CONTRACT_CHANGE, *APPLICATION_COLLECTIONS, *PIPELINE_COLLECTIONS)

COLLECTION_EXISTS = {48}  # NamespaceExists
NO_SUCH_INDEX = {27}
OTHER_INDEX_OPTIONS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict
# LockBusy, ConflictingOperationInProgress, WriteConflict, IndexBuildAborted, BackgroundOperationInProgress...
CONCURRENT = {46, 112, 117, 276, 12587}
MOST_COUNTED = 1_000
OWN_FIELDS = ("source.", f"{ALLERGIES}.")

CREATED, SET, MERGED, PUT_BACK = "created", "set", "merged with the application's", "put back"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What was done to a collection: to its rules (CREATED, SET, MERGED or PUT_BACK, "" for nothing), the indexes that
    were made, or removed, and how many documents are invalid by the new rules (at most MOST_COUNTED are counted).
    """

    collection: str
    rules: str = ""
    indexes: tuple[str, ...] = ()
    invalid: int = 0

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.rules or self.indexes)

    @property
    def invalid_count(self) -> str:
        """How many documents are invalid, in words."""
        return f"at least {self.invalid}" if self.invalid == MOST_COUNTED else str(self.invalid)

    def to_json(self) -> Document:
        """As `passport-pipeline init --json` prints it."""
        return {
            "collection": self.collection,
            "rules": self.rules or None,
            "indexes": list(self.indexes),
            "documentsThatDoNotFit": self.invalid,
        }


def put_in_place(db: Database[Document], *, count_invalid: bool = False) -> list[Change]:
    """Create and change collections, validators and indexes as the contract has them; returns for each collection what
    was done. Invalid documents are counted where rules change; with `count_invalid` in all shared collections.

    Never drops, renames or rewrites a document, and doing it again changes nothing. Raises PyMongoError, and
    PassportRefused where the application's documents or indexes contradict a unique index.
    """
    options = _options(db)
    stored = _stored(db)  # read after the options: a process that sets rules has stored before what was there
    changes = []
    for collection in COLLECTIONS:
        name = collection.name
        if name in options:
            rules, invalid = _set_rules(db, collection, Rules.of(options[name]), stored.get(name))
        else:
            rules, invalid = _create(db, collection)
        if count_invalid and not rules and name in SHARED:
            invalid = _count_invalid(db, collection)
        changes.append(Change(name, rules, _make_indexes(db, collection), invalid))
    return changes


def take_out(db: Database[Document]) -> list[Change]:
    """Give the collections that the application shares their own rules back, and remove the indexes that the pipeline
    made there; returns for each of them what was done. No document is changed.

    Raises PyMongoError.
    """
    options, stored = _options(db), _stored(db)
    changes = []
    for collection in APPLICATION_COLLECTIONS:
        name = collection.name
        if name not in options:
            continue
        now, before = Rules.of(options[name]), stored.get(name, {})
        rules = PUT_BACK if split(now.validator)[1] else ""
        if rules:
            _modify(db, name, application_rules(now, _rules_of(before), collection.validator))
        indexes = _remove_indexes(db, collection, before.get("indexes", ()))
        # Last, so that an interrupted command can be repeated.
        db[CONTRACT_CHANGES].delete_one({"_id": name})
        changes.append(Change(name, rules, indexes))
    return changes


def _options(db: Database[Document], **query: str) -> dict[str, Document]:
    return {collection["name"]: collection.get("options", {}) for collection in db.list_collections(filter=query)}


def _stored(db: Database[Document]) -> dict[str, Document]:
    return {document["_id"]: document for document in db[CONTRACT_CHANGES].find()}


def _rules_of(stored: Document | None) -> Rules | None:
    theirs = (stored or {}).get("theirs")
    if theirs is None:
        return None
    return Rules(json_util.loads(theirs["validator"]), theirs["validationLevel"], theirs["validationAction"])


def _create(db: Database[Document], collection: Collection) -> tuple[str, int]:
    rules = merge(Rules(), collection.validator) if collection.name in SHARED else Rules(collection.validator)
    try:
        _patiently(lambda: db.command("create", collection.name, writeConcern={"w": "majority"}, **rules.options))
    except mongo.OperationFailure as error:
        if error.code not in COLLECTION_EXISTS:
            raise
    else:
        return CREATED, 0
    options = _options(db, name=collection.name)[collection.name]
    return _set_rules(db, collection, Rules.of(options), _stored(db).get(collection.name))


def _set_rules(db: Database[Document], collection: Collection, now: Rules, stored: Document | None) -> tuple[str, int]:
    """Make a collection's rules those of the contract; what was done, and how many documents are invalid by them."""
    if collection.name not in SHARED:
        theirs, contract = None, Rules(collection.validator)
    else:
        theirs = application_rules(now, _rules_of(stored), collection.validator)
        contract = merge(theirs, collection.validator)
    if now == contract:
        return "", 0
    invalid = _count_invalid(db, collection)
    if invalid:
        log.warning(
            "%s: %s documents do not fit the pipeline's rules, which are the application's own models; %s",
            collection.name,
            Change(collection.name, invalid=invalid).invalid_count,
            "they cannot be saved until they do" if contract.level == STRICT else "they can be saved as they are",
        )
    if theirs is not None:
        before = {
            "validator": json_util.dumps(theirs.validator, json_options=json_util.CANONICAL_JSON_OPTIONS),
            "validationLevel": theirs.level,
            "validationAction": theirs.action,
        }
        _store(db, collection.name, {"$set": {"theirs": before}})
    _modify(db, collection.name, contract)
    return MERGED if theirs and theirs.validator else SET, invalid


def _count_invalid(db: Database[Document], collection: Collection) -> int:
    return db[collection.name].count_documents({"$nor": [collection.validator]}, limit=MOST_COUNTED)


def _modify(db: Database[Document], name: str, rules: Rules) -> None:
    _patiently(lambda: db.command("collMod", name, writeConcern={"w": "majority"}, **rules.options))


def _make_indexes(db: Database[Document], collection: Collection) -> tuple[str, ...]:
    """Make the indexes that do not exist; the names of those that were made."""
    existing = db[collection.name].index_information().values()
    lacking = [index for index in collection.indexes if not any(_serves(each, index) for each in existing)]
    made = tuple(name for index in lacking if (name := _make_index(db, collection.name, index)))
    if made and collection.name in SHARED:
        _store(db, collection.name, {"$addToSet": {"indexes": {"$each": list(made)}}})
    return made


def _serves(existing: Document, index: Index) -> bool:
    same = (list(existing["key"]), bool(existing.get("unique")), existing.get("partialFilterExpression"))
    return same == (_keys(index), index.unique, index.filter) and not {"sparse", "collation"} & existing.keys()


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
        # The application made one on the same keys; another kind serves as well, unless ours has to be unique.
        if index.unique:
            refused = (
                f"{name}: there is an index on {' and '.join(index.keys)} that is not unique, which the "
                "pipeline needs; drop it (the pipeline makes its own), then run again"
            )
    if refused:
        raise PassportRefused(refused)
    return made[0] if made else None


def _remove_indexes(db: Database[Document], collection: Collection, made: Sequence[str]) -> tuple[str, ...]:
    """Remove the indexes that the pipeline `made`, and those on fields that only the pipeline has; the names of those
    that existed.
    """
    existing = db[collection.name].index_information()
    ours = {name for name, index in existing.items() if any(key.startswith(OWN_FIELDS) for key, _ in index["key"])}
    removed = tuple(name for name in existing if name in ours | set(made))
    for name in removed:
        try:
            _patiently(lambda name=name: db[collection.name].drop_index(name))  # type: ignore[misc]
        except mongo.OperationFailure as error:
            if error.code not in NO_SUCH_INDEX:
                raise
    return removed


def _store(db: Database[Document], name: str, change: Document) -> None:
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
    """Try again while another process changes the same."""
    for attempt in range(50):
        try:
            operation()
        except mongo.OperationFailure as error:
            if error.code not in CONCURRENT or attempt == 49:
                raise
            time.sleep(0.05 * (attempt + 1))
        else:
            return
