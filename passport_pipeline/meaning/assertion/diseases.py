"""Names of diseases that are whole: "Non-Hodgkin lymphoma", "Absence seizures". A cue inside one is none.

What belongs here: which names are believed. What does not: the package's own names (data/diseases.yaml), and where a
dictionary comes from (the caller).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from passport_pipeline.meaning.assertion.context import Scopes
from passport_pipeline.meaning.assertion.cues import NameFile, Phrases, cue_beginnings, cues, often_misspelt
from passport_pipeline.meaning.assertion.spelling import Spelling
from passport_pipeline.meaning.assertion.words import fold, split, words_of
from passport_pipeline.meaning.data_files import read_yaml


class Diseases:
    """The names of a hospital's dictionary (concepts of class Diagnosis, in every language) beside the package's own.

    whole     names that hold a cue; known: all names; spelling: corrects misspelt cues, but no word of a known name

    A dictionary also names what is no disease: "No malaria", "Family history of diabetes". A name with a cue is
    believed only where names of diseases may hold that cue (`in_names`), or where it denies nothing that comes first
    ("Retained placenta without haemorrhage"). Build one per dictionary and keep it.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        own = Phrases(own_names())
        with_cue: dict[tuple[str, ...], bool] = {}
        without: dict[tuple[str, ...], bool] = {}
        for name in set(names):
            text = split(fold(name))
            if cue_beginnings().isdisjoint(text.words):
                without[tuple(text.words)] = True
            elif all(found.value.in_names for found in Scopes(text, own, own).counted()):
                with_cue[tuple(text.words)] = True
        without.pop((), None)
        self.whole = Phrases(own_names() | with_cue)
        self.known = Phrases(own_names() | with_cue | without)
        self.spelling = Spelling(often_misspelt(), cues().words | self.known.words)


@functools.cache
def own_names() -> dict[tuple[str, ...], bool]:
    """The names of data/diseases.yaml by their words. Raises pydantic's ValidationError if the file is not right."""
    file = NameFile.model_validate(read_yaml(__package__, "data/diseases.yaml"))
    return {words_of(name): True for names in file.names.values() for name in names}
