"""What other overlays or other rules would make of the rows that are stored of a hospital.

What belongs here: counting what would move, and the days that would be loaded again. What does not: deciding (sources).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.overlays import Overlay
from passport_pipeline.core.windows import month_of
from passport_pipeline.rules_review.stored import Stored, counted, silent
from passport_pipeline.sources.base import Progress, Stream
from passport_pipeline.sources.drafts import Concept
from passport_pipeline.windows.fingerprint import Dependencies

Decide = Callable[[Stream, pd.DataFrame], Callable[[], pd.DataFrame]]
"""What begins to decide on a frame, and gives what waits for the decisions."""


@dataclass(frozen=True)
class Move:
    """Rows of one question that would become something else: `before` and `after` are of drafts.RECORD_TYPES, or part,
    skipped or parked.
    """

    concept: Concept
    before: str
    after: str
    rows: int

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"concept": self.concept._asdict(), "from": self.before, "to": self.after, "rows": self.rows}


@dataclass(frozen=True)
class Relabelled:
    """A concept that would be sensitive in another way."""

    concept: Concept
    before: tuple[str, ...]
    after: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"concept": self.concept._asdict(), "from": list(self.before), "to": list(self.after)}


@dataclass(frozen=True)
class Preview:
    """What a change would do: of how many `rows`, the `moves` by concept, the most rows first; the `days` whose records
    would be loaded again, of all that are `stored`; the concepts with other `labels`.
    """

    hospital: str
    rows: int
    moves: tuple[Move, ...]
    days: tuple[date, ...]
    stored: int
    labels: tuple[Relabelled, ...] = ()

    @property
    def by_type(self) -> dict[tuple[str, str], int]:
        """Rows by what they are and would become, the most first."""
        counts: Counter[tuple[str, str]] = Counter()
        for move in self.moves:
            counts[move.before, move.after] += move.rows
        return dict(counts.most_common())

    @property
    def windows(self) -> int:
        """How many windows would be run."""
        return len(set(map(month_of, self.days)))

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        types = [{"from": before, "to": after, "rows": rows} for (before, after), rows in self.by_type.items()]
        again = {"days": len(self.days), "windows": self.windows, "of_days": self.stored}
        moves = [move.to_json() for move in self.moves]
        moved = sum(move.rows for move in self.moves)
        return {"hospital": self.hospital, "rows": self.rows, "moved": moved, "by_type": types, "concepts": moves} | {
            "labels": [each.to_json() for each in self.labels],
            "loaded_again": again,
        }


def with_overlays(hospital: Hospital, overlays: tuple[Overlay, ...]) -> Hospital:
    """The hospital with these overlays instead of its own."""
    return hospital.model_copy(update={"settings": hospital.settings.model_copy(update={"overlays": overlays})})


def with_overlay(hospital: Hospital, overlay: Overlay) -> Hospital:
    """The hospital with an overlay in place of that of the same name, else as its last."""
    own = hospital.settings.overlays
    if overlay.name in {each.name for each in own}:
        return with_overlays(hospital, tuple(overlay if each.name == overlay.name else each for each in own))
    return with_overlays(hospital, (*own, overlay))


def preview_overlays(stored: Stored, changed: Hospital, progress: Progress = silent) -> Preview:
    """What changed overlays would move; `changed` is the hospital with them. Raises BatchError."""
    now, then = (Dependencies(hospital, stored.lookups, NOBODY) for hospital in (stored.hospital, changed))
    differing = [
        day
        for day, batch in stored.days.items()
        if now.fingerprint(batch.references) != then.fingerprint(batch.references)
    ]
    found = _preview(
        stored, differing, lambda stream, rows: partial(stream.decisions, rows, stored.lookups, changed), progress
    )
    return replace(found, labels=tuple(_relabelled(stored, changed)))


def preview_rules(stored: Stored, folder: Path, progress: Progress = silent) -> Preview:
    """What the rules of another folder would move; under another version of the rules all days are loaded again. Raises
    BatchError, ConfigurationError.
    """
    with ExitStack() as processes:
        deciding = {
            name: processes.enter_context(stream.under_rules(folder, stored.lookups, stored.hospital))
            for name, stream in stored.streams.items()
        }
        return _preview(stored, list(stored.days), lambda stream, rows: deciding[stream.name](rows), progress)


def _relabelled(stored: Stored, changed: Hospital) -> Iterator[Relabelled]:
    now, then = stored.labels(stored.hospital), stored.labels(changed)
    for concept_id in sorted(now.keys() | then.keys()):
        before, after = now.get(concept_id, ()), then.get(concept_id, ())
        if before != after:
            yield Relabelled(stored.described(concept_id), before, after)


def _preview(stored: Stored, days: list[date], decide: Decide, progress: Progress) -> Preview:
    """The preview of a change that concerns no other day than these."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for stream, rows in stored.frames(days, progress):
        then = decide(stream, rows)
        now = stream.decisions(rows, stored.lookups, stored.hospital)
        both = now[["concept_id", "becomes"]].assign(then=then()["becomes"])
        counts += counted(both[both["becomes"] != both["then"]])
    moves = tuple(
        Move(stored.described(concept_id), before, after, rows)
        for (concept_id, before, after), rows in counts.most_common()
    )
    rows_of_all = sum(batch.digest.live for batch in stored.days.values())
    return Preview(stored.hospital.key, rows_of_all, moves, tuple(days), len(stored.days))


NOBODY = pd.DataFrame({"person_id": pd.Series(dtype="int64"), "patient_id": None, "reason": None})
"""Matches of no persons: a preview is not about them."""
