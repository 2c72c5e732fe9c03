"""Operators' decisions on conflicts: whose version of a record holds, as a whole or field by field.

What belongs here: reading a decision, whether it says enough for a record, and what the record's `data` and type
become by it. What does not: everything else of the record (merge), writing it (resolve).

The sides are those of a conflict: `theirs` is what the application's user wrote, `ours` what the hospital says now.
Whose version is taken for the rest, a field that is not the source's stays as a person wrote it, unless it is named. A
medicationStatus is not decided on: a read by the application sets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal, Self, cast

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.records.checksums import NOT_COMPARED_DATA, field_digests

Side = Literal["theirs", "ours"]
THEIRS: Side = "theirs"
OURS: Side = "ours"
SIDES = (THEIRS, OURS)


@dataclass(frozen=True)
class Decision:
    """Whose version holds: `fields` says it by field name, `take` for all other fields and the type (None: nothing)."""

    take: Side | None
    fields: Mapping[str, Side] = field(default_factory=dict)

    @classmethod
    def parse(cls, take: str | None, fields: Mapping[str, str]) -> Self:
        """A decision as an operator writes it. Raises ConfigurationError."""
        if not take and not fields:
            raise ConfigurationError("nothing is decided: say whose version to take (theirs or ours), or name fields")
        for side in (take or THEIRS, *fields.values()):
            if side not in SIDES:
                raise ConfigurationError("whose version is either theirs (the application's) or ours (the hospital's)")
        return cls(cast("Side | None", take or None), cast("dict[str, Side]", dict(fields)))

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        return cls(document.get("take"), dict(document.get("fields") or {}))

    def to_document(self) -> dict[str, Any]:
        """As a conflict and the record's `source` store it."""
        return ({"take": self.take} if self.take else {}) | ({"fields": dict(self.fields)} if self.fields else {})

    def __str__(self) -> str:
        """In words for the operator: `ours`, or `theirs, details=ours`."""
        return ", ".join([*filter(None, [self.take]), *(f"{name}={side}" for name, side in self.fields.items())])

    def fault(self, theirs: Mapping[str, Any], ours: Mapping[str, Any], of_source: AbstractSet[str]) -> str | None:
        """Why this decides nothing, or not all, of these two versions of a record (with `type` and `data`); None
        where it does. `of_source` are the fields that are the source's.
        """
        names = {*theirs["data"], *ours["data"]} - NOT_COMPARED_DATA
        if self.fields.keys() - names:
            return f"a field is named that the record does not have; those to decide on are {', '.join(sorted(names))}"
        if self.take:
            return None
        if theirs["type"] != ours["type"]:
            return "the type of the record differs, too: say whose version to take for all that is not named"
        undecided = [
            name for name in differing_fields(theirs["data"], ours["data"], of_source) if name not in self.fields
        ]
        if undecided:
            return f"nothing is said of {', '.join(undecided)}; name them, or say whose version to take for the rest"
        return None

    def type_of(self, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
        """The type of the record by this decision, given both versions."""
        return str((ours if self.take == OURS else theirs)["type"])

    def merged(self, theirs: Mapping[str, Any], ours: Mapping[str, Any], of_source: AbstractSet[str]) -> dict[str, Any]:
        """The record's `data` by this decision, given that of both versions, without medicationStatus. A field of the
        source that the chosen side lacks is left out; one that is not the source's stays, unless it is named.
        """
        data = {}
        for name in dict.fromkeys([*theirs, *ours]):
            rest = self.take if self.take and name in of_source else THEIRS
            side = ours if self.fields.get(name, rest) == OURS else theirs
            if name in side and name not in NOT_COMPARED_DATA:
                data[name] = side[name]
        return data


def differing_fields(theirs: Mapping[str, Any], ours: Mapping[str, Any], of_source: AbstractSet[str]) -> list[str]:
    """The names of the source's fields in which two versions of a record's `data` do not say the same, in order."""
    said, says = field_digests(theirs), field_digests(ours)
    return sorted(name for name in of_source if said.get(name) != says.get(name))
