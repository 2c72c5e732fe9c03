"""States of documents: which there are, and how a document goes from one to the next.

What belongs here: the kinds of documents whose state is one of a few, with the guarded update that brings a document
into another one and notes it in its history. What does not: when that happens (conflicts, parked).

A document in a terminal state is never changed: what happens later is another document. So every update of such a
document filters by `unfinished`, and finds nothing if another one came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import UpdateOne


@dataclass(frozen=True)
class States:
    """The states of one kind of document: those that lead on, beginning with the first, and the terminal ones."""

    leading_on: tuple[str, ...]
    terminal: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, as a validator lists them."""
        return (*self.leading_on, *self.terminal)

    @property
    def unfinished(self) -> dict[str, Any]:
        """A filter of the documents that may still change."""
        return {"state": {"$in": list(self.leading_on)}}

    def begin(self, at: datetime, *, by: str | None = None, run_id: str | None = None) -> dict[str, Any]:
        """The fields `state` and `stateHistory` of a new document."""
        first = self.leading_on[0]
        return {"state": first, "stateHistory": [_entry(first, at, by, run_id)]}

    def transition(
        self,
        document: Mapping[str, Any],
        state: str,
        at: datetime,
        *,
        by: str | None = None,
        run_id: str | None = None,
        fields: Mapping[str, Any] | None = None,
        without: tuple[str, ...] = (),
    ) -> UpdateOne:
        """The update of one document, found by the filter `document`, that brings it into `state`: it finds none that
        is in a terminal state or in that state already. `fields` are set with it, those in `without` are removed.

        Raises ValueError for an unknown state.
        """
        if state not in self.names:
            raise ValueError(f"there is no state {state!r}, only {', '.join(self.names)}")
        before = [name for name in self.leading_on if name != state]
        change: dict[str, Any] = {
            "$set": {**(fields or {}), "state": state},
            "$push": {"stateHistory": _entry(state, at, by, run_id)},
        }
        if without:
            change["$unset"] = dict.fromkeys(without, "")
        return UpdateOne({**document, "state": {"$in": before}}, change)


def _entry(state: str, at: datetime, by: str | None, run_id: str | None) -> dict[str, Any]:
    who = {"by": by, "runId": run_id}
    return {"state": state, "at": at} | {name: value for name, value in who.items() if value is not None}


OPEN, RESOLVED, WITHDRAWN = "open", "resolved", "withdrawn"
CONFLICT = States((OPEN,), (RESOLVED, WITHDRAWN))
PARKED_ROW = States(("parked", "exhausted"), ())  # one that is loaded is deleted: its record carries on
