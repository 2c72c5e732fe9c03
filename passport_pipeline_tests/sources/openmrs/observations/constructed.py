"""Groups of a small dictionary, and what is read of them: the records with their notes, and the lines of the visit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    led,
    obs,
    observations,
    visits,
)

HEADER, FIRST = 900, 100


class Group:
    """A group of rows in a dictionary of its own: every question and answer is told by its name.

    Questions are "name" or ("name", datatype, class); answers are "name (Class)" for concepts, numbers, dates
    ("2025-11-01"), True and False, `None` for no value, or ("text",) for words.
    """

    def __init__(self, header: str, rows: Iterable[tuple[Any, ...]], mapped: dict[str, str] | None = None) -> None:
        self._ids: dict[str, int] = {}
        self._concepts: list[dict[str, Any]] = []
        self.rows = []
        for number, (question, answer, *more) in enumerate(rows, start=2):
            value, datatype = self._value(answer)
            name, datatype, cls = question if isinstance(question, tuple) else (question, datatype, "Question")
            self._add(name, datatype, cls)
            row = obs(number, self._ids[name], obs_group_id=1, **value)
            self.rows.append(row | dict(*more))
        self._add(header, "N/A", "ConvSet")
        self.rows.insert(0, obs(1, self._ids[header]))
        mappings = [
            (self._ids[name], *code.split(":"), "SAME-AS") for name, code in (mapped or {}).items() if name in self._ids
        ]
        self.known = concepts(*self._concepts, mappings=mappings)

    def _add(self, name: str, datatype: str, cls: str) -> None:
        if name not in self._ids:
            self._ids[name] = FIRST + len(self._ids)
            self._concepts.append(concept(self._ids[name], name, datatype, cls))

    def _value(self, answer: Any) -> tuple[dict[str, Any], str]:
        if answer is None:
            return {}, "Text"
        if isinstance(answer, bool):
            return {"value_coded": 1 if answer else 2}, "Boolean"
        if isinstance(answer, int | float):
            return {"value_numeric": float(answer)}, "Numeric"
        if isinstance(answer, tuple):
            return {"value_text": answer[0]}, "Text"
        if answer[:4].isdigit():
            return {"value_datetime": f"{answer} 00:00:00"}, "Date"
        name, _, cls = answer.removesuffix(")").partition(" (")
        self._add(name, "N/A", cls or "Misc")
        return {"value_coded": self._ids[name]}, "Coded"

    @property
    def drafts(self) -> Any:
        """What the rows come to."""
        return drafts_of(observations(*self.rows), self.known)

    @property
    def records(self) -> dict[str, str]:
        """What is shown of each record, by its type."""
        drafted = led(self.drafts)
        return dict(zip(drafted["type"], drafted["shown"], strict=True))

    @property
    def lines(self) -> list[str]:
        """The lines of the visit."""
        (lines,) = visits(self.drafts)["lines"]
        return lines

    @property
    def roles(self) -> list[str]:
        """The role of each row."""
        return self.drafts.outcomes["role"].tolist()
