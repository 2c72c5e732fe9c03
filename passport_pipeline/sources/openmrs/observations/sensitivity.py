"""How sensitive rows are: the labels of the concepts that they name, by the package's list or by an overlay.

A label is a bit, so that the labels of many rows are put together at once. Words that a patient or clinician wrote are
not searched.

What belongs here: what the list may say, the labels of concepts and drugs, and of rows. What does not: the list
itself (rules/sensitive.yaml), reading it (rule_files), which records show others (records.labels).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from passport_pipeline.sources.lookups import ConceptLookup
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.evidence import Codes
from passport_pipeline.sources.openmrs.observations.name_index import phrases
from passport_pipeline.sources.openmrs.observations.nesting import DEEPEST
from passport_pipeline.sources.openmrs.observations.overlaid import Overlaid
from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER, Listed, read_rules
from passport_pipeline.sources.openmrs.observations.values import Values
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary, objects

Bits = npt.NDArray[np.int64]
"""The labels of each element, a bit a label."""

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_CLOSED)
class _Label:
    why: str
    words: Listed
    codes: Codes = ()
    icd10: Listed = ()
    unless: Listed = ()


@dataclass(frozen=True, config=_CLOSED)
class _Sensitive:
    labels: dict[str, _Label]


def read_sensitive(folder: Path = FOLDER) -> _Sensitive:
    """The list of a folder. Raises ConfigurationError with every fault of the file."""
    return read_rules(folder / "sensitive.yaml", TypeAdapter(_Sensitive))


LABELS = read_sensitive().labels


class Sensitivity:
    """The labels of one hospital's concepts and drugs, by position; both end with the unknown one, which has none.

    names     the labels, in the order of their bits, which is the alphabet's
    concepts  the bits of each concept
    drugs     the bits of each drug
    """

    def __init__(self, vocabulary: Vocabulary, lookup: ConceptLookup, overlaid: Overlaid) -> None:
        self.names = tuple(sorted({*LABELS, *overlaid.stated_labels}))
        self.concepts: Bits = np.zeros(len(vocabulary), dtype=np.int64)
        self.drugs: Bits = np.zeros(len(vocabulary.drug_name), dtype=np.int64)
        for name, label in LABELS.items():
            bit = 1 << self.names.index(name)
            flags = vocabulary.mapped_to(label.codes) | _classified(vocabulary, lookup, label.icd10)
            flags |= vocabulary.named(label.words, but_not=label.unless, searched=True)
            self.concepts[flags] |= bit
            self.drugs[_called(vocabulary.drug_name, label)] |= bit
        for position in np.flatnonzero(overlaid.labels >= 0).tolist():
            self.concepts[position] = sum(1 << self.names.index(name) for name in overlaid.labels_of(position))
        substances = self.concepts[vocabulary.positions(lookup.drugs["concept_id"])]
        stated = overlaid.labels[vocabulary.positions(lookup.drugs["concept_id"])] >= 0
        self.drugs[:-1] = np.where(stated, substances, self.drugs[:-1] | substances)

    def told(self, bits: Bits) -> Texts:
        """The labels of each, sorted; None for none."""
        distinct, at = np.unique(bits, return_inverse=True)
        told = objects(
            tuple(name for number, name in enumerate(self.names) if one >> number & 1) or None
            for one in distinct.tolist()
        )
        return told[at]

    def of_rows(self, values: Values, drugs: Positions, parents: Positions) -> Bits:
        """The labels of each row, by what it and the groups around it name; `drugs` are the positions of the drugs
        answered, `parents` as `categories.parents_of` gives them. Ends also where groups form a circle.
        """
        own = self.concepts[values.question] | self.concepts[values.answer] | self.drugs[drugs]
        bits, at = own.copy(), parents
        for _ in range(DEEPEST):
            inside = at >= 0
            if not inside.any():
                break
            bits[inside] |= own[at[inside]]
            at = np.where(inside, parents[at], -1)
        return bits


def _classified(vocabulary: Vocabulary, lookup: ConceptLookup, beginnings: Sequence[str]) -> Flags:
    """Which concepts are mapped, however loosely, to a code of ICD-10 that begins so."""
    flags = np.zeros(len(vocabulary), dtype=bool)
    mappings = lookup.mappings.dropna(subset=["source", "code"])
    icd10 = mappings["source"].str.strip().str.casefold().str.startswith(("icd-10", "icd10"))
    begins = mappings["code"].str.strip().str.upper().str.startswith(tuple(beginnings) or ("\0",))
    flags[vocabulary.positions(mappings.loc[icd10 & begins, "concept_id"])] = True
    flags[-1] = False  # a concept that the lookup lacks
    return flags


def _called(names: Texts, label: _Label) -> Flags:
    """Which of these names of drugs hold one of a label's words."""
    pattern, without = phrases(label.words), phrases(label.unless)
    folded = (without.sub("  ", fold(name)) if name else "" for name in names.tolist())
    return np.array([bool(pattern.search(words)) for words in folded], dtype=bool)
