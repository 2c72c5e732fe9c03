"""A collection's validation rules: the application's and the pipeline's, merged so that both hold, and split again.

What belongs here: merging and splitting, as data. What does not: what the pipeline's demand (application_collections),
reading rules from MongoDB or setting them (contract).

What the application demands is never replaced. Where it refuses documents, both are demanded; where it only warns of
them, or has its rules switched off, they stay in the validator without any effect: a collection either refuses or
warns, and what is invalid by the pipeline's rules has to be refused. A document that is older than the pipeline's rules
can still be saved (`moderate`), unless the application itself has asked for `strict`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Self

from passport_pipeline.passport.mongo.schemas import TITLE, Schema

STRICT, MODERATE, OFF = "strict", "moderate", "off"
ERROR, WARN = "error", "warn"
# Hashes of the pipeline's validators before they had a title; versions up to 0.1.0 replaced the application's by them.
UNTITLED = {
    *("dc45870522234596", "7434c61596406392", "5086c1e226208ab4", "8a68117eb2ee8ec9"),
    *("1566cfd233beca3c", "79f6b185273031c2", "fe57a41d13a5e666", "8efe4629e35914fa"),
}


@dataclass(frozen=True)
class Rules:
    """A validator ({} where there is none), which documents it is applied to (validationLevel), and what becomes of
    invalid ones (validationAction).
    """

    validator: Schema = field(default_factory=dict)
    level: str = STRICT
    action: str = ERROR

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Read a collection's options."""
        return cls(
            options.get("validator") or {},
            options.get("validationLevel", STRICT),
            options.get("validationAction", ERROR),
        )

    @property
    def options(self) -> Schema:
        """As `create` and `collMod` take them."""
        return {"validator": self.validator, "validationLevel": self.level, "validationAction": self.action}

    @property
    def refuses(self) -> bool:
        """Whether an invalid document is refused."""
        return self.level != OFF and self.action != WARN


def merge(theirs: Rules, ours: Schema) -> Rules:
    """Rules by which both the application's and the pipeline's validator hold."""
    if not theirs.validator:
        return Rules(ours, MODERATE)
    if not theirs.refuses:
        return Rules({"$and": [_without_effect(theirs.validator), ours]}, MODERATE)
    return Rules({"$and": [theirs.validator, ours]}, theirs.level, theirs.action)


def split(validator: Schema) -> tuple[Schema, bool]:
    """The application's part of a validator, and whether the pipeline's, of any version, was in it."""
    if _is_ours(validator):
        return {}, True
    if validator.keys() != {"$and"}:
        return validator, False
    parts = [split(part) for part in validator["$and"]]
    if not any(with_ours for _, with_ours in parts):
        return validator, False
    rest = [part for part, _ in parts if part]
    return (rest[0] if len(rest) == 1 else {"$and": rest} if rest else {}), True


def application_rules(now: Rules, stored: Rules | None, ours: Schema) -> Rules:
    """What the application itself demands of a collection, whose rules are these `now`. `stored` is what it demanded
    when the pipeline's were last merged with it, None where that is unknown.
    """
    own, with_ours = split(now.validator)
    if with_ours and not own:
        # Only the pipeline itself, in some version, leaves its rules without the application's.
        return stored or Rules()
    if stored is None:
        return Rules(own, now.level, now.action)
    if own == _without_effect(stored.validator):
        own = stored.validator
    before = merge(stored, ours)
    return Rules(
        own,
        stored.level if now.level == before.level else now.level,
        stored.action if now.action == before.action else now.action,
    )


def _without_effect(validator: Schema) -> Schema:
    return {"$or": [validator, {}]}


def _is_ours(validator: Schema) -> bool:
    if validator.keys() != {"$jsonSchema"}:
        return False
    text = json.dumps(validator, sort_keys=True, default=str)
    return validator["$jsonSchema"].get("title") == TITLE or (
        blake2b(text.encode(), digest_size=8).hexdigest() in UNTITLED
    )
