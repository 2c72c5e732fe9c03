"""What people decided of a hospital's concepts: point 1 of the order of evidence, by position in its vocabulary.

Of the entries that name a concept, by its uuid or by a mapping, one says what its rows are, and one how sensitive they
are: that of the last file, and within a file one that names the uuid, else the last.

What belongs here: which entry counts for which concept, and which values can be what it says. What does not: what an
entry may say (config.overlays), what else holds of a row (categories, grouping).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.sources.drafts import (
    BOOLEAN,
    CODED,
    COMPLEX,
    CONDITION,
    DRUG,
    IMAGE,
    MEDICATION,
    NUMERIC,
    TEXT,
    VISIT,
)
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary, code_of

_LEADING = ("diagnosis", "non_coded_diagnosis")
_MEANT = {
    CONDITION: (CODED, TEXT, BOOLEAN),
    MEDICATION: (CODED, TEXT, BOOLEAN, DRUG, NUMERIC),
    IMAGE: (COMPLEX,),
}
"""The types of value that can be one; a number or a date is no condition, whatever the question is."""


class Overlaid:
    """The entries of a hospital's overlays, and what they say of its concepts; every array ends with the unknown
    concept, of which nothing is said.

    told      how people read each entry: why, and who decided it when in which file
    rules     by position, the number of the entry that says what the rows are; -1 for none
    labels    the same of the entry that says how sensitive they are
    category  what the rows become, None where the rules decide
    places    by position, of each concept of which an entry says what its rows are: its place in the diagnosis
              construct, None for none
    ignored   whether they are skipped; what they are to their neighbours, the rules decide
    """

    def __init__(self, vocabulary: Vocabulary, overlays: Sequence[Overlay]) -> None:
        named_in = [(each.name, entry) for each in overlays for entry in each.entries]
        self._entries = [entry for _, entry in named_in]
        self.told = [f"{each.why} ({file}: {each.decided_by}, {each.decided_at})" for file, each in named_in]
        named = _named(vocabulary, overlays)
        self.rules = _counting(named, (each.rules for each in self._entries), len(vocabulary))
        self.labels = _counting(named, (each.sensitive is not None for each in self._entries), len(vocabulary))
        self.category: Texts = np.full(len(vocabulary), None, dtype=object)
        self.places: dict[int, str | None] = {}
        self.ignored: Flags = np.zeros(len(vocabulary), dtype=bool)
        for position in np.flatnonzero(self.rules >= 0).tolist():
            entry = self._entries[self.rules[position]]
            self.ignored[position] = bool(entry.ignore)
            if not entry.ignore:
                self.category[position] = entry.type or (CONDITION if entry.construct in _LEADING else VISIT)
                self.places[position] = entry.construct

    def categories(self, questions: Positions, value_types: Texts) -> Texts:
        """What rows with these questions and types of value become, None where the rules decide."""
        category: Texts = self.category[questions]
        for name, types in _MEANT.items():
            category[(category == name) & ~np.isin(value_types, types)] = VISIT
        return category

    @property
    def stated_labels(self) -> set[str]:
        """All labels that entries state."""
        return {name for entry in self._entries for name in entry.sensitive or ()}

    def labels_of(self, position: int) -> tuple[str, ...]:
        """The labels that the entry that counts states of a concept."""
        return self._entries[self.labels[position]].sensitive or ()

    def decided(self, vocabulary: Vocabulary) -> pd.DataFrame:
        """What a record depends on: concept_id int64, decided str, for each concept of which something is said."""
        positions = np.flatnonzero((self.rules >= 0) | (self.labels >= 0))
        rules, labels = (
            [self._entry(number) for number in each[positions].tolist()] for each in (self.rules, self.labels)
        )
        decided = [
            repr((rule and (rule.type, rule.ignore, rule.construct), label and sorted({*(label.sensitive or ())})))
            for rule, label in zip(rules, labels, strict=True)
        ]
        return pd.DataFrame(
            {
                "concept_id": vocabulary.index.to_numpy()[positions].astype(np.int64),
                "decided": pd.Series(decided, dtype="str"),
            }
        )

    def _entry(self, number: int) -> OverlayEntry | None:
        return self._entries[number] if number >= 0 else None


def _named(vocabulary: Vocabulary, overlays: Sequence[Overlay]) -> pd.DataFrame:
    """Which entries name which concepts, the one that counts last: position, entry (its number) int64."""
    of_uuid: dict[str, list[int]] = {}
    for position, uuid in enumerate(vocabulary.uuid[:-1]):
        of_uuid.setdefault((uuid or "").casefold(), []).append(position)
    named, number = [], 0
    for file, overlay in enumerate(overlays):
        for entry in overlay.entries:
            source, mapped, code = entry.concept.partition(":")
            codes = np.flatnonzero(vocabulary.mapped_to((code_of(source, code),))).tolist() if mapped else []
            positions = codes if mapped else of_uuid.get(source.casefold(), [])
            named += [(file, not mapped, number, position) for position in positions]
            number += 1
    columns = ["file", "by_uuid", "entry", "position"]
    return pd.DataFrame(sorted(named), columns=columns).astype({"entry": np.int64, "position": np.int64})


def _counting(named: pd.DataFrame, stated: Iterable[bool], size: int) -> npt.NDArray[np.int64]:
    """By position, the number of the last entry of those that are `stated`; -1 for none."""
    counting = np.full(size, -1, dtype=np.int64)
    stating = named[np.array([*stated], dtype=bool)[named["entry"]]]
    counting[stating["position"]] = stating["entry"]  # of several, the last
    return counting
