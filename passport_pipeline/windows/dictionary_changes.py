"""Changes of a hospital's dictionary that would rewrite what patients read: judged before they are taken over.

A concept is a row's meaning. If the unit of a number changes from mg/dL to mmol/L, every old number would be shown in a
unit in which nobody measured it; if a concept is used for another disease, every old diagnosis becomes that disease.

What is not plausible of a concept:

    units        another unit than before, none any more, or a first one; not another spelling of the same
    datatype     another one
    class        another one: it decides whether an answer is a diagnosis
    uuid         another one: the number was given to another concept
    name         the name that is shown has no word in common with any name before, and what was shown is no name of it
                 any more; two words are the same also if one letter differs

What belongs here: this judgement. What does not: which concepts are used, holding them back (held_concepts).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from passport_pipeline.meaning.units.ucum import ucum_code

Frames = Mapping[str, pd.DataFrame]
"""ConceptLookup.frames, as this or a former version stored them."""

CHANGES = {"concept_id": "int64", "name": "str", "what": "str", "before": "str", "now": "str"}

_GENERAL = frozenset(
    (
        *("a", "an", "the", "of", "in", "on", "at", "to", "for", "with", "without", "and", "or", "not", "no", "by"),
        *("du", "de", "des", "la", "le", "les", "et", "ou", "en", "da", "do", "dos", "das", "e", "o", "el", "los", "y"),
        *("disease", "diseases", "disorder", "syndrome", "infection", "condition", "other", "unspecified", "test"),
        *("result", "results", "level", "count", "type", "status", "history", "patient", "maladie", "trouble"),
        *("resultat", "doenca", "infeccao", "enfermedad", "teste", "examen", "exame", "autre", "outro", "otro"),
    )
)
_LITRE = re.compile(r"(?<![A-Za-z])([dmunpf]?)l(?![A-Za-z])")
_MEGA = re.compile(r"(?<![a-z])mi?u(?![a-z])", re.IGNORECASE)
_SHORTEST = 5
"""Of how many letters words must be to be the same although one letter differs."""


def implausible_changes(before: Frames, now: Frames) -> pd.DataFrame:
    """CHANGES that are not plausible, of the concepts that both have; sorted, `before` and `now` are never null."""
    both = before["concepts"].merge(now["concepts"], on="concept_id", suffixes=("_before", "_now"))
    changes = []
    for what, column, same in _COLUMNS:
        pairs = both[[f"{column}_before", f"{column}_now"]].fillna("")
        differs = pairs.iloc[:, 0] != pairs.iloc[:, 1]
        for at in both.index[differs].tolist():
            old, new = pairs.loc[at].tolist()
            if not same(old, new):
                changes.append((both.at[at, "concept_id"], both.at[at, "name_before"], what, old, new))
    renamed = both[both["name_before"].notna() & (both["name_before"] != both["name_now"])]
    names_before, names_now = _names(before), _names(now)
    for concept_id, old, new in renamed[["concept_id", "name_before", "name_now"]].itertuples(index=False, name=None):
        if _means_another(old, new, names_before[concept_id], names_now[concept_id]):
            changes.append((concept_id, old, "name", old, new if isinstance(new, str) else ""))
    found = pd.DataFrame(changes, columns=list(CHANGES)).astype(CHANGES)
    return found.sort_values(["concept_id", "what"], ignore_index=True)


def same_unit(before: str, now: str) -> bool:
    """Whether two units are spellings of the same: "mg/dl" and "mg/dL", "MG/DL" and "mg/dL", "µg" and "ug".

    Where both have a UCUM code, that decides: "cells/mmc" is "cells/mm3". Of others, small and capital letters count,
    but those of a litre and of a unit that is in capitals alone; mU is never MU.
    """
    codes = ucum_code(before), ucum_code(now)
    if None not in codes:
        return codes[0] == codes[1]
    old, new = _unit(before), _unit(now)
    in_capitals = old.upper() == old or new.upper() == new
    return old == new or (in_capitals and old.casefold() == new.casefold() and not _MEGA.search(old))


def _same_words(before: str, now: str) -> bool:
    return before.strip().casefold() == now.strip().casefold()


_COLUMNS: tuple[tuple[str, str, Callable[[str, str], bool]], ...] = (
    ("units", "units", same_unit),
    ("datatype", "datatype", _same_words),
    ("class", "concept_class", _same_words),
    ("uuid", "uuid", _same_words),
)


def _unit(text: str) -> str:
    plain = unicodedata.normalize("NFKC", re.sub(r"\s+", "", text)).replace("\u03bc", "u")
    return _LITRE.sub(r"\1L", plain)


def _names(frames: Frames) -> dict[Any, set[str]]:
    """Every name of each concept, folded; a former version stored the shown one alone."""
    shown = frames["concepts"][["concept_id", "name"]]
    listed = pd.concat([shown, frames["names"][["concept_id", "name"]]] if "names" in frames else [shown]).dropna()
    names: dict[Any, set[str]] = {concept_id: set() for concept_id in shown["concept_id"].tolist()}
    for concept_id, name in listed.itertuples(index=False, name=None):
        names.setdefault(concept_id, set()).add(_folded(name))
    return names


def _means_another(old: str, new: object, names_before: set[str], names_now: set[str]) -> bool:
    if _folded(old) in names_now:
        return False
    if not isinstance(new, str):
        return True
    words = _words(new)
    return not any(_alike(word, other) for name in names_before for other in _words(name) for word in words)


def _words(name: str) -> set[str]:
    words = set(_folded(name).split())
    return words - _GENERAL or words


def _alike(word: str, other: str) -> bool:
    """Whether two words are the same but for one letter: "Malria" and "Malaria"; not at the beginning."""
    if word == other:
        return True
    if word[0] != other[0] or min(len(word), len(other)) < _SHORTEST or abs(len(word) - len(other)) > 1:
        return False
    short, long = sorted((word, other), key=len)
    at = next((at for at, (left, right) in enumerate(zip(short, long, strict=False)) if left != right), len(short))
    return short[at:] == long[at + 1 :] or (len(short) == len(long) and short[at + 1 :] == long[at + 1 :])


def _folded(name: str) -> str:
    """Letters and digits of any script in small letters, without accents, one space between words."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return " ".join(re.findall(r"\w+", plain.casefold()))
