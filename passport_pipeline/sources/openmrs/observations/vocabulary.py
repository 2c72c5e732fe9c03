"""What a hospital's dictionary says of each concept, as arrays in which a frame's rows are looked up at once.

What belongs here: mappings as codes, positions of concepts, their classes and ranges. What does not: finding names by
their words (name_index), what any of it means (evidence, values).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.meaning.units.ucum import ucum_code
from passport_pipeline.sources.drafts import Concept
from passport_pipeline.sources.lookups import ConceptLookup
from passport_pipeline.sources.openmrs.observations.name_index import NameIndex
from passport_pipeline.sources.openmrs.observations.placeholders import without_placeholders

Positions = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]

_CIEL_UUID = re.compile(r"(\d{1,6})A{30,35}")
_SAME = frozenset({"same-as", "sameas", "same as", ""})


def code_of(source: str, code: str) -> str:
    """How a mapping is written in the evidence table and compared: `CIEL:1284`, in lower case."""
    return f"{source.strip().removeprefix('org.openmrs.module.')}:{code.strip()}".casefold()


def texts(values: Iterable[Any]) -> Texts:
    """An object array of str or None, with None for the unknown concept (position -1) at its end."""
    return objects([*(value if isinstance(value, str) and value else None for value in values), None])


def objects(values: Iterable[Any]) -> Texts:
    """An object array with each value as one element, even where it is a sequence."""
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    for at, value in enumerate(listed):
        array[at] = value
    return array


class Vocabulary:
    """The concepts of one hospital by position. Every array ends with the unknown concept, which is at -1.

    name (the displayed one), uuid, datatype, concept_class, units: str or None; datatype_key, class_key: folded for
    comparing; display_precision, low_absolute ... hi_absolute: float, NaN where not stated or a placeholder; held_from:
    datetime64[us], NaT where the concept is not held back. `asked` has each as a draft names it; `names` are all names
    of all of them.
    """

    def __init__(self, lookup: ConceptLookup) -> None:
        concepts = lookup.concepts
        self.index = pd.Index(concepts["concept_id"].to_numpy(dtype=np.int64))
        self.name, self.uuid = texts(concepts["name"]), texts(concepts["uuid"])
        self.datatype, self.concept_class = texts(concepts["datatype"]), texts(concepts["concept_class"])
        self.units = texts(concepts["units"])
        self.asked = objects(
            map(Concept, [*self.index.tolist(), -1], self.uuid, self.name, self.datatype, self.concept_class)
        )
        self.datatype_key = np.array([(d or "").strip().casefold() for d in self.datatype], dtype=object)
        self.class_key = np.array([(c or "").strip().casefold() for c in self.concept_class], dtype=object)
        self.names = NameIndex(self.name, lookup.names, self.index.get_indexer(lookup.names["concept_id"]))
        self.ranges = without_placeholders(
            {
                column: _floats(concepts[column])
                for column in ("low_absolute", "low_critical", "low_normal", "hi_normal", "hi_critical", "hi_absolute")
            }
        )
        self.held_from = np.append(concepts["held_from"].to_numpy(dtype="datetime64[us]"), np.datetime64("NaT"))
        self.precision = _floats(concepts["display_precision"])
        whole = concepts["allow_decimal"].astype("boolean").eq(False).fillna(value=False)
        self.precision[:-1][whole.to_numpy(dtype=bool)] = np.nan
        self.true_position = self._position(lookup.true_id)
        self.false_position = self._position(lookup.false_id)
        self._codes = self._mapped(lookup.mappings)
        drugs = lookup.drugs
        self.drug_index = pd.Index(drugs["drug_id"].to_numpy(dtype=np.int64))
        self.drug_name, self.drug_strength = texts(drugs["name"]), texts(drugs["strength"])

    def __len__(self) -> int:
        return len(self.index) + 1

    def positions(self, concept_ids: pd.Series) -> Positions:
        """Where each concept is; -1 for a null or a concept that the lookup lacks."""
        return _indexer(self.index, concept_ids)

    def drug_positions(self, drug_ids: pd.Series) -> Positions:
        """Where each drug is; -1 for a null or a drug that the lookup lacks."""
        return _indexer(self.drug_index, drug_ids)

    def mapped_to(self, codes: Iterable[str]) -> Flags:
        """Which concepts are the same as one of these codes (`CIEL:1284`); `LOINC:*` is any code of the
        source.
        """
        flags = np.zeros(len(self), dtype=bool)
        for code in codes:
            flags[self._codes.get(code.casefold(), [])] = True
        return flags

    @cached_property
    def ucum(self) -> Texts:
        """The UCUM code of the units of each concept, None where it has none or it is unsure."""
        return texts(map(ucum_code, self.units[:-1]))

    def of_class(self, classes: Iterable[str]) -> Flags:
        """Which concepts are of one of these classes, whatever the case."""
        keys = {name.casefold() for name in classes}
        return np.array([key in keys for key in self.class_key], dtype=bool)

    @cached_property
    def mapped(self) -> Flags:
        """Which concepts are the same as any code at all."""
        flags = np.zeros(len(self), dtype=bool)
        flags[[position for positions in self._codes.values() for position in positions]] = True
        return flags

    def named(self, wanted: Iterable[str], **options: Any) -> Flags:
        """Which concepts have a name, in any language, that holds one of these whole words, or phrases of words;
        options as NameIndex.holding.
        """
        return self.names.holding(wanted, **options)

    def called(self, names: Iterable[str], *, full: bool = False) -> Flags:
        """Which concepts have one of these names, whole and in any language; as NameIndex.called."""
        return self.names.called(names, full=full)

    def _position(self, concept_id: int | None) -> int:
        if concept_id is None or pd.isna(concept_id):
            return -2
        position = int(self.index.get_indexer([int(concept_id)])[0])
        return position if position >= 0 else -2

    def _mapped(self, mappings: pd.DataFrame) -> dict[str, list[int]]:
        """Code -> positions. Only SAME-AS (or unstated) maps identify a concept: a narrower one is about
        another.
        """
        codes: dict[str, list[int]] = {}
        positions = self.index.get_indexer(mappings["concept_id"].to_numpy(dtype=np.int64))
        columns = (mappings["source"], mappings["code"], mappings["map_type"])
        for position, source, code, kind in zip(positions.tolist(), *columns, strict=True):
            kind_key = kind.strip().casefold() if isinstance(kind, str) else ""
            if position < 0 or kind_key not in _SAME or not (isinstance(source, str) and isinstance(code, str)):
                continue
            codes.setdefault(code_of(source, code), []).append(position)
            codes.setdefault(code_of(source, "*"), []).append(position)
        for position, uuid in enumerate(self.uuid[:-1]):
            ciel = _CIEL_UUID.fullmatch(uuid or "")
            if ciel and len(uuid) == 36:  # CIEL's uuids are its codes, filled up with A
                codes.setdefault(code_of("CIEL", ciel[1]), []).append(position)
        return codes


def _floats(column: pd.Series) -> Floats:
    return np.append(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan), np.nan)


def _indexer(index: pd.Index, ids: pd.Series) -> Positions:
    """Positions of ids in an index; ids are positive, so -1 stands for null and is never found."""
    numbers = ids.to_numpy(dtype=np.int64, na_value=-1)
    return np.asarray(index.get_indexer(pd.Index(numbers)), dtype=np.intp)
