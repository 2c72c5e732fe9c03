"""Values that are entries of another table: a location, a provider, a patient, a concept, a drug.

    value_text     comments                               written by
    7              org.openmrs.Location                   HTML Form Entry; the same with .Provider, .Person, .Patient
    7              org.openmrs.Location - 7 - Ward        older forms
    7 - Ward                                              forms of Rwanda's and of others' modules; a person likewise
    a uuid                                                forms of OpenMRS 3
    value_complex  the concept's handler
    7, Ward|7      LocationObsHandler (Bahmni), LocationHandler, ProviderHandler, PatientHandler, PersonHandler (core)

Such a value shows the entry's name, else what its comment or pointer calls it, never a number or a uuid. Of a patient
or another person nothing is shown: it may be somebody else's name.

What belongs here: recognising them, and their names. What does not: files (pointers), which other values a row has
(values).

Sources: openmrs-module-htmlformentry (HtmlFormEntryUtil.createObs), openmrs-module-webservices.rest (the value of an
obs), openmrs-core (org.openmrs.obs.handler), bahmni-core (LocationObsHandler).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from passport_pipeline.core.row_references import key_of
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.machine_values import is_machine_value
from passport_pipeline.sources.openmrs.observations.pointers import NOT_SHOWN
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, objects

_BLANK = "\0 \t\r\n"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,6}A{30,35}"
_ENTRY = re.compile(rf"(\d{{1,9}}|{_UUID})(?:\s*-\s*(\S.*))?", re.DOTALL | re.IGNORECASE)
_WRITTEN = re.compile(rf"(?P<key>{_UUID}|\d{{1,9}}(?=\s+-\s))(?:\s+-\s+(?P<name>\S.*))?", re.DOTALL | re.IGNORECASE)
_POINTED = re.compile(rf"(?:(?P<name>[^|]*)\|\s*)?(?P<key>\d{{1,9}}|{_UUID})", re.IGNORECASE)
_MARKER = re.compile(r"org\.openmrs\.(?:\w+\.)*(\w+)(?:\s*[-:#]\s*(.*))?", re.DOTALL)
_HANDLER = re.compile(r"(?:[\w.]*\.)?(Location|Provider|Patient|Person|User|Concept|Drug)(?:Obs)?Handler")

LOCATION, PROVIDER, USER, CONCEPT, DRUG = "Location", "Provider", "User", "Concept", "Drug"
_NAMED = frozenset({LOCATION, PROVIDER, USER, CONCEPT, DRUG, "Form", "Program", "EncounterType", "VisitType"})
"""Of which the name in a comment or pointer is shown; of any other class it may be a person's."""


class Reference(NamedTuple):
    """What one row says of an entry: its class, where a comment names it; its number or uuid; what it is called;
    whether a handler wrote it."""

    kind: str | None
    key: str | None
    name: str | None
    pointed: bool = False


@dataclass(frozen=True)
class Stored:
    """The rows of a frame whose value is an entry of another table.

    positions  of these rows in the frame; shown: what each shows, one element for each
    marked     one element a row of the frame: the comment names a class and is no comment
    """

    positions: Positions
    shown: Texts
    marked: Flags

    def unmarked(self, observations: pd.DataFrame) -> pd.DataFrame:
        """The frame without the comments that only name a class."""
        if not self.marked.any():
            return observations
        return observations.assign(comments=observations["comments"].mask(self.marked))


NONE = Stored(np.empty(0, dtype=np.intp), np.empty(0, dtype=object), np.empty(0, dtype=bool))
"""No row is known to be one."""


class StoredReferences:
    """The names of entries by which one hospital's rows are shown."""

    def __init__(self, lookups: Lookups) -> None:
        people = lookups.providers
        self._names = {
            LOCATION: _names(lookups.locations.locations, "location_id"),
            PROVIDER: _names(people.providers, "provider_id"),
            USER: _names(people.users, "user_id"),
            CONCEPT: _names(lookups.concepts.concepts, "concept_id"),
            DRUG: _names(lookups.concepts.drugs, "drug_id"),
        }
        self._by_uuid = {key: name for names in self._names.values() for key, name in names.items() if _is_uuid(key)}
        self._staff = {fold(name) for kind in (PROVIDER, USER) for name in self._names[kind].values()}
        self._handled = _handled(lookups.concepts.concepts)

    def of(self, observations: pd.DataFrame) -> Stored:
        """The rows of a frame of OBSERVATION_COLUMNS whose value is an entry of another table."""
        marks = _marks(observations)
        asked = observations["concept_id"].to_numpy()
        shown = {
            at: told
            for at, reference in _read(observations, marks)
            if (told := self._shown(reference, self._handled.get(int(asked[at])))) is not None
        }
        marked = np.zeros(len(observations), dtype=bool)
        marked[list(marks)] = True
        return Stored(np.array([*shown], dtype=np.intp), objects(shown.values()), marked)

    def _shown(self, reference: Reference, handled: str | None) -> str | None:
        """What a reference shows; None where the row's value is no reference after all."""
        key = reference.key or ""
        kind = reference.kind or (handled if reference.pointed else None)
        if kind is not None:
            if kind not in _NAMED:
                return NOT_SHOWN
            return self._names.get(kind, {}).get(key) or reference.name or NOT_SHOWN
        if _is_uuid(key):
            return self._by_uuid.get(key, NOT_SHOWN)
        name = fold(reference.name or "").strip()
        known = name and (name == fold(self._names[LOCATION].get(key, "")).strip() or f" {name} " in self._staff)
        return reference.name if known else None


def keys(observations: pd.DataFrame) -> list[int]:
    """What rows may refer to by number or uuid, as `row_references.key_of` has it."""
    found = {reference.key for _, reference in _read(observations, _marks(observations)) if reference.key}
    return [key_of(key) for key in found]


def _names(frame: pd.DataFrame, number: str) -> dict[str, str]:
    """The names of entries by number and, in small letters, by uuid."""
    named = frame.dropna(subset=["name"])
    names = dict(zip(named[number].astype(str).tolist(), named["name"].tolist(), strict=True))
    if "uuid" in named:
        unique = named.dropna(subset=["uuid"])
        names |= dict(zip(unique["uuid"].str.casefold().tolist(), unique["name"].tolist(), strict=True))
    return names


def _handled(concepts: pd.DataFrame) -> dict[int, str]:
    """By concept, the class whose entries its handler stores."""
    handled = concepts.dropna(subset=["handler"])
    handlers = zip(handled["concept_id"].tolist(), handled["handler"].tolist(), strict=True)
    return {concept_id: found[1] for concept_id, name in handlers if (found := _HANDLER.fullmatch(name.strip()))}


def _marks(observations: pd.DataFrame) -> dict[int, Reference]:
    """By position, what comments say that only name a class, and perhaps an entry of it."""
    found = _matching(observations["comments"], _MARKER)
    return {at: _entry(match[1], match[2] or "") for at, match in found}


def _read(observations: pd.DataFrame, marks: Mapping[int, Reference]) -> Iterator[tuple[int, Reference]]:
    """Each row that may refer to an entry, by position, with what its comment and its value say of it."""
    answered = observations[["value_coded", "value_drug", "value_datetime"]].notna().any(axis=1).to_numpy()
    numbers = observations["value_numeric"].to_numpy(dtype=np.float64, na_value=np.nan)
    texts = observations["value_text"].fillna(observations["value_complex"])
    for at, mark in marks.items():
        text = texts.iloc[at] if pd.notna(texts.iloc[at]) else _whole(numbers[at])
        if text is not None and not answered[at]:
            told = _entry(mark.kind, text)
            yield at, Reference(mark.kind, told.key or mark.key, told.name or mark.name)
    answered = answered | ~np.isnan(numbers)
    written = (("value_text", _WRITTEN, False), ("value_complex", _POINTED, True))
    for column, pattern, pointed in written:
        for at, match in _matching(observations[column], pattern):
            if not answered[at] and at not in marks:
                yield at, Reference(None, match["key"].casefold(), _words(match["name"]), pointed=pointed)


def _matching(column: pd.Series, pattern: re.Pattern[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """The positions of texts that the whole pattern matches, and how."""
    codes, texts = pd.factorize(column)
    matches = {
        number: match for number, text in enumerate(texts.tolist()) if (match := pattern.fullmatch(text.strip(_BLANK)))
    }
    for at in np.flatnonzero(np.isin(codes, list(matches))).tolist():
        yield at, matches[codes[at]]


def _entry(kind: str | None, text: str) -> Reference:
    """The number or uuid with which a text begins, and what it calls the entry."""
    match = _ENTRY.fullmatch(text.strip(_BLANK))
    return Reference(kind, match[1].casefold(), _words(match[2])) if match else Reference(kind, None, _words(text))


def _whole(number: float) -> str | None:
    return str(int(number)) if float(number).is_integer() else None


def _is_uuid(key: str) -> bool:
    return not key.isdecimal() and key != ""


def _words(text: str | None) -> str | None:
    """A text that names something, without white space around it."""
    text = (text or "").strip(_BLANK)
    return None if is_machine_value(text) else text
