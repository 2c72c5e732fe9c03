"""Which rule decided what becomes of a concept's rows, or of one row, and why. No value of a row is told.

What belongs here: finding the rows, and counting what is alike. What does not: what decided a row (sources).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.rules_review.stored import Stored, counted, silent
from passport_pipeline.sources.base import Progress
from passport_pipeline.sources.drafts import Concept

_ALIKE = ["value_type", "becomes", "point", "why", "matched", "veto", "cue", "reason"]


@dataclass(frozen=True)
class Reason:
    """Why so many rows become what they do; as sources.base.Stream.explained has it. `value_type` is None of rows
    without a value.
    """

    value_type: str | None
    becomes: str
    point: int
    why: str
    matched: str | None
    veto: str | None
    cue: str | None
    reason: str | None
    rows: int


@dataclass(frozen=True)
class Explanation:
    """A concept as the hospital's dictionary has it, how sensitive it is, and the reasons for its rows, the most rows
    first.
    """

    concept: Concept
    mappings: tuple[str, ...]
    labels: tuple[str, ...]
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        reasons = [asdict(each) for each in self.reasons]
        return {"concept": self.concept._asdict(), "mappings": list(self.mappings)} | {
            "labels": list(self.labels),
            "reasons": reasons,
        }


def concept_of(stored: Stored, named: str) -> int:
    """The concept with this uuid, mapping (`CIEL:5089`) or whole name. Raises ConfigurationError where the
    dictionary has none, or several.
    """
    concepts, mappings = stored.lookups.concepts.concepts, stored.lookups.concepts.mappings
    wanted = named.strip().casefold()
    codes = mappings["source"].str.cat(mappings["code"], sep=":").str.casefold()
    for ids in (
        concepts.loc[concepts["uuid"].str.casefold() == wanted, "concept_id"],
        mappings.loc[codes == wanted, "concept_id"],
        concepts.loc[concepts["name"].str.casefold() == wanted, "concept_id"],
    ):
        found = sorted({*ids.tolist()})
        if len(found) == 1:
            return int(found[0])
        if found:
            uuids = ", ".join(str(stored.described(concept_id).uuid) for concept_id in found)
            raise ConfigurationError(f"several concepts of {stored.hospital.key} are {named!r}; name one uuid: {uuids}")
    raise ConfigurationError(
        f"no concept that rows of {stored.hospital.key} name is {named!r}; give a uuid, a mapping like CIEL:5089, a "
        "whole name in the hospital's language, or a row's obs_id"
    )


def explain_concept(stored: Stored, concept_id: int, progress: Progress = silent) -> Explanation:
    """Why the rows with this question become what they do. Raises BatchError."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for stream, rows in stored.frames(stored.naming(concept_id), progress):
        explained = stream.explained(rows, stored.lookups, stored.hospital, concept_id)
        counts += counted(explained[_ALIKE])
    return _explanation(stored, concept_id, counts)


def explain_row(stored: Stored, row_id: int, progress: Progress = silent) -> Explanation:
    """Why one row becomes what it does. Raises BatchError, and ConfigurationError where no raw batch has it."""
    for stream, rows in stored.frames(stored.days, progress):
        at = stream.identities(rows)["row_id"] == row_id
        if at.any():
            concept_id = int(stream.decisions(rows, stored.lookups, stored.hospital).loc[at, "concept_id"].iloc[0])
            explained = stream.explained(rows, stored.lookups, stored.hospital, concept_id)
            return _explanation(stored, concept_id, counted(explained.loc[explained["row_id"] == row_id, _ALIKE]))
    raise ConfigurationError(
        f"no raw batch of {stored.hospital.key} has the row {row_id}: it is not live, or was not read yet"
    )


def _explanation(stored: Stored, concept_id: int, counts: Counter[tuple[Any, ...]]) -> Explanation:
    mappings = stored.lookups.concepts.mappings
    own = mappings[mappings["concept_id"] == concept_id]
    codes = tuple(sorted(own["source"].str.cat(own["code"], sep=":") + " (" + own["map_type"].fillna("same") + ")"))
    reasons = tuple(Reason(**dict(zip(_ALIKE, alike, strict=True)), rows=rows) for alike, rows in counts.most_common())
    labels = stored.labels(stored.hospital).get(concept_id, ())
    return Explanation(stored.described(concept_id), codes, labels, reasons)
