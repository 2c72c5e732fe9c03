"""The questions of which no rule knows anything: their rows are notes by default (point 6), the most rows first.

For each, concepts that the rules do know are named which share a mapping with it, however loosely, or are called alike.
These are suggestions: a person decides, in an overlay.

What belongs here: counting, and suggesting. What does not: deciding (sources), how an overlay is read
(config.overlays).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rapidfuzz import fuzz, process, utils

from passport_pipeline.rules_review.stored import Stored, counted, silent
from passport_pipeline.sources.base import Progress
from passport_pipeline.sources.drafts import RECORD_TYPES, Concept

DEFAULT = 6
"""The point of the order of evidence at which no rule knew anything."""

ALIKE = 80.0
"""How alike two names have to be, of 100, whatever the order of their words; a person judges the rest."""

AT_MOST = 3
"""Suggestions of one concept."""


@dataclass(frozen=True)
class Suggestion:
    """What an unmapped concept may be: the `type` of a concept that the rules know, and why it comes to mind."""

    type: str
    because: str


@dataclass(frozen=True)
class Unmapped:
    """A question that only the default decides, and in how many rows."""

    concept: Concept
    rows: int
    suggestions: tuple[Suggestion, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        suggestions = [asdict(each) for each in self.suggestions]
        return {"concept": self.concept._asdict(), "rows": self.rows, "suggestions": suggestions}


@dataclass(frozen=True)
class Coverage:
    """Of a hospital's stored rows that hold a value, how many the rules know, and the unmapped questions of the others,
    the most rows first.
    """

    hospital: str
    rows: int
    unmapped: tuple[Unmapped, ...]

    @property
    def by_default(self) -> int:
        """Rows that only the default decides."""
        return sum(each.rows for each in self.unmapped)

    @property
    def share(self) -> float:
        """The share of rows that points 1 to 5 decide; 1 of none."""
        return 1 - self.by_default / self.rows if self.rows else 1.0

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        counts = {"hospital": self.hospital, "rows": self.rows, "by_default": self.by_default, "share": self.share}
        return {**counts, "concepts": [each.to_json() for each in self.unmapped]}


def coverage(stored: Stored, *, suggesting: int = 0, progress: Progress = silent) -> Coverage:
    """What the rules know of a hospital's rows, with suggestions for so many of the unmapped questions. Raises
    BatchError.
    """
    counts: Counter[tuple[Any, ...]] = Counter()
    for stream, rows in stored.frames(stored.days, progress):
        decided = stream.decisions(rows, stored.lookups, stored.hospital)
        counts += counted(decided.loc[decided["value_type"].notna(), ["concept_id", "becomes", "point"]])
    default: Counter[int] = Counter()
    for (concept_id, _, point), rows_of in counts.items():
        if point == DEFAULT:
            default[concept_id] += rows_of
    known = _known(counts)
    first = [concept_id for concept_id, _ in default.most_common(suggesting) if concept_id not in known]
    suggestions = _suggestions(stored, first, known) if first else {}
    unmapped = tuple(
        Unmapped(stored.described(concept_id), rows_of, suggestions.get(concept_id, ()))
        for concept_id, rows_of in default.most_common()
    )
    return Coverage(stored.hospital.key, counts.total(), unmapped)


def overlay_template(found: Coverage, at_most: int) -> str:
    """The entries of an overlay file for the first unmapped questions, with what is known of them. It decides nothing:
    no hospital accepts it until a person has completed it.
    """
    lines = ["concepts:"]
    for each in found.unmapped[:at_most]:
        concept = each.concept
        if concept.uuid is None:
            continue
        kind = f"{concept.concept_class or 'no class'}, {concept.datatype or 'no datatype'}"
        lines += [f"  # {' '.join((concept.name or 'no name').split())} ({kind}): {each.rows:,} rows"]
        lines += [f"  #   perhaps {one.type}: {' '.join(one.because.split())}" for one in each.suggestions]
        lines += [f"  - concept: {concept.uuid}", "    type:  # condition, medication, test, visit or image"]
        lines += [f"    {field}:" for field in ("why", "decided_by", "decided_at")]
    return "\n".join(lines)


def _known(counts: Mapping[tuple[Any, ...], int]) -> dict[int, str]:
    """What most rows become of each question that a rule knows."""
    types: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for (concept_id, becomes, point), rows in counts.items():
        if point != DEFAULT and becomes in RECORD_TYPES:
            types[concept_id][becomes] += rows
    return {concept_id: of.most_common(1)[0][0] for concept_id, of in types.items()}


def _suggestions(stored: Stored, wanted: list[int], known: Mapping[int, str]) -> dict[int, tuple[Suggestion, ...]]:
    found: defaultdict[int, list[Suggestion]] = defaultdict(list)
    for concept_id, suggestion in (*_by_mapping(stored, wanted, known), *_by_name(stored, wanted, known)):
        found[concept_id].append(suggestion)
    return {concept_id: tuple(dict.fromkeys(of))[:AT_MOST] for concept_id, of in found.items()}


def _by_mapping(stored: Stored, wanted: list[int], known: Mapping[int, str]) -> Iterator[tuple[int, Suggestion]]:
    """Those that share a mapping, however loosely, with a concept that the rules know, or have one that they know."""
    mappings = stored.lookups.concepts.mappings.dropna(subset=["source", "code"])
    codes = mappings["source"].str.strip().str.cat(mappings["code"].str.strip(), sep=":")
    of_code: dict[str, tuple[str, str]] = {}
    for concept_id, code in zip(mappings["concept_id"].tolist(), codes.tolist(), strict=True):
        if concept_id in known:
            of_code.setdefault(code.casefold(), (known[concept_id], f"{stored.described(concept_id).name} has it too"))
    for stream in stored.streams.values():
        of_code |= {code.casefold(): (kind, "the rules know it") for code, kind in stream.known_codes().items()}
    kinds = mappings["map_type"].fillna("same").tolist()
    for concept_id, code, kind in zip(mappings["concept_id"].tolist(), codes.tolist(), kinds, strict=True):
        if concept_id in wanted and code.casefold() in of_code:
            becomes, how = of_code[code.casefold()]
            yield concept_id, Suggestion(becomes, f"mapped to {code} ({kind.lower()}); {how}")


def _by_name(stored: Stored, wanted: list[int], known: Mapping[int, str]) -> Iterator[tuple[int, Suggestion]]:
    """Those that are called like a concept that the rules know, the most alike first."""
    named = stored.concepts["name"].dropna()
    names = dict(zip(named.index.tolist(), named.tolist(), strict=True))
    choices = {concept_id: name for concept_id, name in names.items() if concept_id in known}
    for concept_id in wanted:
        if concept_id in names:
            alike = process.extract(
                names[concept_id],
                choices,
                scorer=fuzz.token_sort_ratio,
                processor=utils.default_process,
                score_cutoff=ALIKE,
                limit=AT_MOST,
            )
            for name, score, number in alike:
                yield concept_id, Suggestion(known[number], f"called like {name} ({score:.0f} %)")
