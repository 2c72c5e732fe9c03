"""The parts of a collection's contract: schemas, indexes, and kinds of values.

What belongs here: the parts that MongoDB's $jsonSchema is made of, and what several collections have in common. What
does not: what one collection demands (application_collections, pipeline_collections).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

TITLE = "passport-pipeline"
"""The title by which the pipeline's own validator is recognised in a collection, in any version."""


@dataclass(frozen=True)
class Index:
    """One index: its keys in order (all ascending), whether unique, and for which documents."""

    keys: tuple[str, ...]
    unique: bool = False
    where_present: str | None = None  # only documents that have this field
    where: tuple[str, str] | None = None  # only documents in which this field has this value

    @property
    def filter(self) -> Schema | None:
        """Which documents, as MongoDB takes it; None for all."""
        if self.where:
            return dict([self.where])
        return {self.where_present: {"$exists": True}} if self.where_present else None


@dataclass(frozen=True)
class Collection:
    """A collection with its validator and its indexes."""

    name: str
    schema: Schema
    indexes: Sequence[Index] = field(default_factory=tuple)

    @property
    def validator(self) -> Schema:
        """As MongoDB takes it."""
        return {"$jsonSchema": {"title": TITLE, **self.schema}}


def document(required: Sequence[str], **properties: Schema) -> Schema:
    """An object that has these properties, the required ones always."""
    schema: Schema = {"bsonType": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def text(shortest: int | None = None, longest: int | None = None, pattern: str | None = None) -> Schema:
    """A string within these limits."""
    limits = {"minLength": shortest, "maxLength": longest, "pattern": pattern}
    return {"bsonType": "string"} | {name: limit for name, limit in limits.items() if limit is not None}


def nullable(schema: Schema) -> Schema:
    """The same, or null: the application writes null where a form was left empty."""
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return schema | {"bsonType": [schema["bsonType"], "null"]}


def array(items: Schema) -> Schema:
    """A list of such things."""
    return {"bsonType": "array", "items": items}


def one_of(*values: str) -> Schema:
    """One of these values."""
    return {"enum": list(values)}


def any_of(*schemas: Schema) -> Schema:
    """What at least one of these schemas accepts. What the last one refuses is reported: it is the general case, the
    others are exceptions.
    """
    return {"anyOf": list(schemas)}


ID = {"bsonType": "objectId"}
DATE = {"bsonType": "date"}
BOOLEAN = {"bsonType": "bool"}
NUMBER = {"bsonType": "number"}
TEXT = text()
LINE = text(1)
ID_TEXT = text(pattern="^[0-9a-f]{24}$")
HASH = text(pattern="^[0-9a-f]{32}$")
FIELD_DIGEST = text(pattern="^[0-9a-f]{16}$")
WINDOW = text(pattern=r"^\d{4}-\d{2}$")
DAY = text(pattern=r"^\d{4}-\d{2}-\d{2}$")
# The application's own expression, /^\w+([.-]?\w+)*@\w+([.-]?\w+)*(\.\w{2,3})+$/, in a form that accepts the
# same addresses without trying exponentially many ways of splitting a long one.
EMAIL = text(pattern=r"^\w+([.-]\w+)*@\w+([.-]\w+)*\.\w{2,3}$")
BCRYPT = text(pattern=r"^\$2[abxy]\$\d{2}\$[./A-Za-z0-9]{53}$")
ISO_DATE = nullable(text(pattern=r"^(\d{4}-\d{2}-\d{2}.*)?$"))
# Of a row only what the digest and a replay need; a value never leaves the record's own `data`.
ROWS = array(
    document(
        ("stream", "rowId", "rowUuid", "crc", "role"), stream=LINE, rowId=NUMBER, rowUuid=LINE, crc=NUMBER, role=LINE
    )
)
