"""A collection's rules: the application's and ours, put together so that both hold, and taken apart again.

What belongs here: that, as data. What does not: what ours say (collections), reading rules from MongoDB or setting
them there (contract).

What the application demands is never replaced. Where it refuses documents, both are demanded; where it only warns of
them, or has its rules switched off, they stay in the validator without refusing anything: one collection either refuses
or warns, and what the pipeline writes has to be refused. A document that was there before ours can still be saved
(`moderate`), unless the application itself has asked for `strict`.
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
# Our validators before they had a title, by which versions up to 0.1.0 replaced the application's.
UNTITLED = {
    *("dc45870522234596", "7434c61596406392", "5086c1e226208ab4", "8a68117eb2ee8ec9"),
    *("1566cfd233beca3c", "79f6b185273031c2", "fe57a41d13a5e666", "8efe4629e35914fa"),
}


@dataclass(frozen=True)
class Rules:
    """A validator ({} where there is none), which documents it is held against, and what becomes of those that do not
    fit, in MongoDB's words.
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
    def refuse(self) -> bool:
        """Whether a document that does not fit is refused."""
        return self.level != OFF and self.action != WARN


def together(theirs: Rules, ours: Schema) -> Rules:
    """The application's rules and our validator, both of which hold."""
    if not theirs.validator:
        return Rules(ours, MODERATE)
    if not theirs.refuse:
        return Rules({"$and": [_without_effect(theirs.validator), ours]}, MODERATE)
    return Rules({"$and": [theirs.validator, ours]}, theirs.level, theirs.action)


def apart(validator: Schema) -> tuple[Schema, bool]:
    """The application's part of a validator, and whether ours, of this or an earlier version, was in it."""
    if _is_ours(validator):
        return {}, True
    if validator.keys() != {"$and"}:
        return validator, False
    parts = [apart(part) for part in validator["$and"]]
    if not any(with_ours for _, with_ours in parts):
        return validator, False
    rest = [part for part, _ in parts if part]
    return (rest[0] if len(rest) == 1 else {"$and": rest} if rest else {}), True


def of_application(now: Rules, kept: Rules | None, ours: Schema) -> Rules:
    """What the application itself demands of a collection, whose rules are these `now`. `kept` is what it demanded when
    ours were last put beside it, None where that is not known.
    """
    own, with_ours = apart(now.validator)
    if with_ours and not own:
        # Nobody but the pipeline leaves its rules alone in there, in this version or another.
        return kept or Rules()
    if kept is None:
        return Rules(own, now.level, now.action)
    if own == _without_effect(kept.validator):
        own = kept.validator
    before = together(kept, ours)
    return Rules(
        own,
        kept.level if now.level == before.level else now.level,
        kept.action if now.action == before.action else now.action,
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
