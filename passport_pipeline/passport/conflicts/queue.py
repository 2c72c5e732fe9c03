"""The conflict queue: the conflicts as operators see them, and choose some to decide.

What belongs here: how a conflict is named, listing conflicts, and finding those of a hospital or a window. What does
not: deciding them (resolving). Values are handed out where a single conflict is asked for, and only there.

The application edits whenever it wants, and no run looks at a day again because of that, so whoever looks at open
conflicts brings them up to date with it.
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
from passport_pipeline.passport.conflicts import conflict as conflicts
from passport_pipeline.passport.conflicts.decision import Decision, differing
from passport_pipeline.passport.mongo.collections import CONFLICTS, RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.states import OPEN

CHUNK = 500


class Shown(NamedTuple):
    """A conflict as somebody was shown it: its _id and its revision; None where only the _id was named."""

    id: ObjectId
    revision: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ID` or `ID@REVISION`, as `conflicts list` prints it. Raises ConfigurationError."""
        found = re.fullmatch(r"([0-9a-f]{24})(?:@([1-9]\d{0,8}))?", text)
        if not found:
            # What was written is not quoted: it may be anything.
            raise ConfigurationError(
                "a conflict's id is 24 hex digits, and @ and a number, as `conflicts list` prints it"
            )
        return cls(ObjectId(found[1]), int(found[2]) if found[2] else None)

    def __str__(self) -> str:
        return str(self.id) if self.revision is None else f"{self.id}@{self.revision}"


@dataclass(frozen=True)
class Conflict:
    """One conflict as it is shown: ids, counts and names of fields, and both versions of `data`, which only the
    person who decides is shown.

    `since` and the times of `history` are UTC; `fields` are those that differ; `types` is the application's type of
    the record and the hospital's; `decision` is None until there is one.
    """

    shown: Shown
    hospital: str
    window: str
    day: str
    obs_uuid: str
    types: tuple[str, str]
    fields: Sequence[str]
    since: datetime
    state: str
    history: Sequence[dict[str, Any]]
    decision: str | None
    theirs: dict[str, Any]
    ours: dict[str, Any]

    @classmethod
    def of(cls, conflict: Document, record_type: str | None) -> Self:
        """From its document and the type of its record, None where that is gone."""
        ours = conflict["ours"]
        return cls(
            shown=Shown(conflict["_id"], conflict["revision"]),
            hospital=conflict["hospital"],
            window=conflict["window"],
            day=conflict["day"],
            obs_uuid=conflict["obsUuid"],
            types=(record_type or ours["type"], ours["type"]),
            fields=differing(conflict["theirs"], ours["data"]),
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
        told = {
            "id": str(self.shown),
            "hospital": self.hospital,
            "window": self.window,
            "day": self.day,
            "obsUuid": self.obs_uuid,
            "type": self.type,
            "fields": list(self.fields),
            "since": self.since.isoformat(),
            "state": self.state,
            "stateHistory": history,
            "decision": self.decision,
        }
        if not values:
            return told
        said = {"theirs": self.theirs, "ours": self.ours}
        plain = json.loads(json_util.dumps(said, json_options=json_util.RELAXED_JSON_OPTIONS))
        return {**told, **plain}


@answering("reading conflicts")
def listed(
    passport: Passport, now: datetime, *, hospitals: Sequence[str] = (), month: str | None = None, state: str = OPEN
) -> list[Conflict]:
    """The conflicts of these hospitals (none named: of all), of one month (`YYYY-MM`) or all, in this state or `any`,
    by hospital and day. Raises PassportError.
    """
    wanted: Document = {} if state == "any" else {"state": state}
    wanted |= {"hospital": {"$in": list(hospitals)}} if hospitals else {}
    wanted |= {"window": month} if month else {}
    return list(_current(passport, wanted, now))


def choose(
    passport: Passport,
    now: datetime,
    *,
    ids: Sequence[str] = (),
    hospitals: Sequence[str] = (),
    month: str | None = None,
) -> list[Shown]:
    """The conflicts that these ids name, else all open ones of these hospitals and this month (`YYYY-MM`), as they are
    now. Raises ConfigurationError where neither or both are given, PassportError.
    """
    if bool(ids) == bool(hospitals or month):
        raise ConfigurationError(
            "name either conflicts by their ids, or a hospital, a window or both for all open ones"
        )
    if ids:
        return list(dict.fromkeys(map(Shown.parse, ids)))
    try:
        window = checked_month(month) if month else None
    except ValueError as error:
        raise ConfigurationError(f"the window {error}") from None
    return [conflict.shown for conflict in listed(passport, now, hospitals=hospitals, month=window)]


@answering("reading a conflict")
def one(passport: Passport, shown: Shown, now: datetime) -> Conflict | None:
    """One conflict as it is now; None where there is none of this id. Raises PassportError."""
    return next(_current(passport, {"_id": shown.id}, now), None)


def _current(passport: Passport, wanted: Document, now: datetime) -> Iterator[Conflict]:
    """The conflicts, the open ones as their records are now."""
    some: list[Document] = []
    for found in passport[CONFLICTS].find(wanted, sort=[("hospital", 1), ("day", 1), ("_id", 1)]):
        some.append(found)
        if len(some) == CHUNK:
            yield from _with_records(passport, some, now)
            some = []
    yield from _with_records(passport, some, now)


def _with_records(passport: Passport, some: Sequence[Document], now: datetime) -> Iterator[Conflict]:
    ids = [conflict["record"] for conflict in some]
    there = {one["_id"]: one for one in passport[RECORDS].find({"_id": {"$in": ids}}, {"type": 1, "data": 1})}
    for conflict in some:
        record = there.get(conflict["record"])
        if record and conflict["state"] == OPEN:
            conflict = conflicts.brought_up_to_date(passport, conflict, record, now)  # noqa: PLW2901
        yield Conflict.of(conflict, record["type"] if record else None)
