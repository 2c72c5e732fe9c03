"""The conflict queue: the conflicts as operators read them, and choose some to decide.

What belongs here: how a conflict is named, listing conflicts, and choosing those of a hospital or a window. What does
not: deciding them (resolve). Values are given where a single conflict is asked for, and only there.

The application edits whenever it wants, and no run reconciles a day because of that, so reading open conflicts brings
them up to date with its edits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from bson import ObjectId, json_util

from passport_pipeline.config.settings import month as checked_month
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.conflicts import edits
from passport_pipeline.passport.conflicts.decision import Decision, differing_fields
from passport_pipeline.passport.conflicts.open_conflicts import refreshed
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONFLICTS, RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.states import OPEN
from passport_pipeline.records.checksums import field_digests

CONFLICTS_PER_QUERY = 500
EDITED = "edited"


class ConflictRef(NamedTuple):
    """A conflict as it was displayed: its _id and its revision (None where only the _id was named)."""

    id: ObjectId
    revision: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ID` or `ID@REVISION`, as `conflicts list` prints it. Raises ConfigurationError."""
        parts = re.fullmatch(r"([0-9a-f]{24})(?:@([1-9]\d{0,8}))?", text)
        if not parts:
            # The text is not quoted: it may be anything.
            raise ConfigurationError(
                "a conflict's id is 24 hex digits, and @ and a number, as `conflicts list` prints it"
            )
        return cls(ObjectId(parts[1]), int(parts[2]) if parts[2] else None)

    def __str__(self) -> str:
        return str(self.id) if self.revision is None else f"{self.id}@{self.revision}"


@dataclass(frozen=True)
class Conflict:
    """One conflict as it is displayed: ids, counts and names of fields, and both versions of `data`, which only the
    operator who decides may read.

    `kind` is `edited`, or `deleted` where a user of the application deleted the record; `since` and the times of
    `history` are UTC; `fields` are those of the source's that differ, `added` those that only a person wrote; `types`
    is the application's type of the record and the hospital's; `decision` is None until there is one.
    """

    ref: ConflictRef
    kind: str
    hospital: str
    window: str
    day: str
    row_uuid: str
    types: tuple[str, str]
    fields: Sequence[str]
    added: Sequence[str]
    since: datetime
    state: str
    history: Sequence[dict[str, Any]]
    decision: str | None
    theirs: dict[str, Any]
    ours: dict[str, Any]

    @classmethod
    def of(cls, conflict: Document, record_type: str | None) -> Self:
        """From its document and the type of its record, None where that is gone."""
        ours, of_source = conflict["ours"], edits.fields_in_conflict(conflict)
        kind = conflict.get("kind", EDITED)
        return cls(
            ref=ConflictRef(conflict["_id"], conflict["revision"]),
            kind=kind,
            hospital=conflict["hospital"],
            window=conflict["window"],
            day=conflict["day"],
            row_uuid=conflict["rowUuid"],
            types=(record_type or ours["type"], ours["type"]),
            fields=differing_fields(conflict["theirs"], ours["data"], of_source) if kind == EDITED else (),
            added=sorted(field_digests(conflict["theirs"]).keys() - of_source),
            since=conflict["stateHistory"][0]["at"],
            state=conflict["state"],
            history=conflict["stateHistory"],
            decision=str(Decision.of(conflict["decision"])) if "decision" in conflict else None,
            theirs=conflict["theirs"],
            ours=ours["data"],
        )

    @property
    def type(self) -> str:
        """The record's type; both, where they differ."""
        return " / ".join(dict.fromkeys(self.types))

    def to_json(self, *, values: bool = False) -> dict[str, Any]:
        """As `passport-pipeline conflicts list --json` and `show --json` print it; values as relaxed extended JSON, as
        the application may have written any kind.
        """
        history = [{**entry, "at": entry["at"].isoformat()} for entry in self.history]
        described = {
            "id": str(self.ref),
            "kind": self.kind,
            "hospital": self.hospital,
            "window": self.window,
            "day": self.day,
            "rowUuid": self.row_uuid,
            "type": self.type,
            "fields": list(self.fields),
            "added": list(self.added),
            "since": self.since.isoformat(),
            "state": self.state,
            "stateHistory": history,
            "decision": self.decision,
        }
        if not values:
            return described
        data = {"theirs": self.theirs, "ours": self.ours}
        plain = json.loads(json_util.dumps(data, json_options=json_util.RELAXED_JSON_OPTIONS))
        return {**described, **plain}


@answering("reading conflicts")
def listed(
    passport: Passport, now: datetime, *, hospitals: Sequence[str] = (), month: str | None = None, state: str = OPEN
) -> list[Conflict]:
    """The conflicts of these hospitals (none named: of all), of one month (`YYYY-MM`) or all, in this state or `any`,
    by hospital and day. Raises PassportError.
    """
    query: Document = {} if state == "any" else {"state": state}
    query |= {"hospital": {"$in": list(hospitals)}} if hospitals else {}
    query |= {"window": month} if month else {}
    return list(_current(passport, query, now))


def choose(
    passport: Passport,
    now: datetime,
    *,
    ids: Sequence[str] = (),
    hospitals: Sequence[str] = (),
    month: str | None = None,
) -> list[ConflictRef]:
    """The conflicts that these ids name, else all open ones of these hospitals and this month (`YYYY-MM`), as they are
    now. Raises ConfigurationError where neither or both are given, PassportError.
    """
    if bool(ids) == bool(hospitals or month):
        raise ConfigurationError(
            "name either conflicts by their ids, or a hospital, a window or both for all open ones"
        )
    if ids:
        return list(dict.fromkeys(map(ConflictRef.parse, ids)))
    try:
        window = checked_month(month) if month else None
    except ValueError as error:
        raise ConfigurationError(f"the window {error}") from None
    return [conflict.ref for conflict in listed(passport, now, hospitals=hospitals, month=window)]


@answering("reading a conflict")
def read_conflict(passport: Passport, ref: ConflictRef, now: datetime) -> Conflict | None:
    """One conflict as it is now; None where none has this id. Raises PassportError."""
    return next(_current(passport, {"_id": ref.id}, now), None)


def _current(passport: Passport, query: Document, now: datetime) -> Iterator[Conflict]:
    """The conflicts, the open ones with what their records say now."""
    documents = passport[CONFLICTS].find(query, sort=[("hospital", 1), ("day", 1), ("_id", 1)])
    for chunk in bulk.chunks(documents, CONFLICTS_PER_QUERY):
        ids = [document["record"] for document in chunk]
        records = {
            record["_id"]: record for record in passport[RECORDS].find({"_id": {"$in": ids}}, {"type": 1, "data": 1})
        }
        for document in chunk:
            record = records.get(document["record"])
            if record and document["state"] == OPEN and "kind" not in document:
                document = refreshed(passport, document, record, now)  # noqa: PLW2901
            yield Conflict.of(document, record["type"] if record else None)
