"""Every name of every concept of a dictionary, and which concepts have one with certain words.

A dictionary has hundreds of thousands of names in many languages, and the rules ask for hundreds of words: each name is
folded and taken apart once, and a word leads to its names.

What belongs here: finding names by words, and whether anybody here can read a name. What does not: which words mean
what (evidence).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.lookups import FULL, SEARCHED
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.evidence import FALSE_FRIENDS, LANGUAGES

Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]

_SCRIPTS = ("LATIN", "GREEK", "MODIFIER LETTER")


def phrases(wanted: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of these whole words, or phrases of words, in folded text; none of none."""
    alternatives = "|".join(sorted({re.escape(fold(phrase).strip()) for phrase in wanted} - {""}))
    return re.compile(f" (?:{alternatives}) " if alternatives else "(?!)")


class NameIndex:
    """The names of a vocabulary's concepts. Flags are by position in the vocabulary, with the unknown concept, which
    has no name, at the end; `texts` are the distinct names as they are written.

    `shown` are the displayed names by position; they count as fully specified, whatever they are. `names` has
    sources.lookups.NAMES, and `positions` says which concept each of its rows is of (-1 for none).
    """

    def __init__(self, shown: Iterable[str | None], names: pd.DataFrame, positions: Positions) -> None:
        displayed = list(shown)
        self._size = len(displayed)
        own = [at for at, name in enumerate(displayed) if name]
        language = names["locale"].str.replace("-", "_").str.split("_").str[0].str.lower()
        columns = {"at": positions, "text": names["name"], "language": language, "kind": names["kind"]}
        stated = pd.DataFrame(columns)[positions >= 0]
        shown_ones = pd.DataFrame({"at": own, "text": [displayed[at] for at in own], "language": "", "kind": FULL})
        both = pd.concat([stated, shown_ones], ignore_index=True)
        both["code"], distinct = pd.factorize(both["text"].astype(object))
        is_shown = pd.MultiIndex.from_frame(both[["at", "code"]]).isin(
            pd.MultiIndex.from_frame(both.loc[len(stated) :, ["at", "code"]])
        )
        # A shown name that is also stated counts once, in the language that is stated of it.
        said = np.append(is_shown[: len(stated)], np.ones(len(own), dtype=bool))
        again = pd.MultiIndex.from_frame(both[["at", "code"]]).duplicated() & (np.arange(len(both)) >= len(stated))
        entries = both.assign(full=said | (both["kind"] == FULL))[~again]
        self.texts: list[str] = distinct.tolist()
        self._folded = [fold(name) for name in self.texts]
        self._readable = np.array([_is_readable(words) for words in self._folded], dtype=bool)
        self._at, self._code = (entries[name].to_numpy(dtype=np.intp) for name in ("at", "code"))
        self._full = entries["full"].to_numpy(dtype=bool)
        self._names = (entries["kind"] != SEARCHED).to_numpy(dtype=bool) | self._full
        self._language = entries["language"]

    def holding(self, wanted: Iterable[str], *, but_not: Iterable[str] = (), searched: bool = False) -> Flags:
        """Which concepts have a name that holds one of these whole words, or phrases of words, also outside the phrases
        `but_not`. Terms that only find a concept count where `searched`. A word does not count in a name of a language
        in which it means something else.
        """
        without = phrases(but_not)
        rest = {code: without.sub("  ", self._folded[code]) for phrase in but_not for code in self._found(fold(phrase))}
        hit = np.zeros(len(self._folded), dtype=bool)
        friends = np.zeros(len(self._at), dtype=bool)
        for phrase in dict.fromkeys(fold(each) for each in wanted):
            found = [code for code in self._found(phrase) if phrase in rest.get(code, phrase)]
            languages = FALSE_FRIENDS.get(phrase.strip())
            if languages is None:
                hit[found] = True
            elif found:
                own = np.isin(self._code, found)
                friends |= own & ~self._language.isin(languages).to_numpy()
        return self._flags((hit[self._code] | friends) & (self._names | searched))

    def called(self, wanted: Iterable[str], *, full: bool = False) -> Flags:
        """Which concepts have one of these names, whole; a fully specified one where `full`. Terms that only find a
        concept are no names.
        """
        whole = {fold(name) for name in wanted}
        hit = np.array([words in whole for words in self._folded], dtype=bool)
        return self._flags(hit[self._code] & (self._full if full else self._names))

    def beginning(self, wanted: Iterable[str], *, but_not: Iterable[str] = ()) -> Flags:
        """Which concepts have a fully specified name that begins with one of these words or phrases, and with none of
        the phrases `but_not`.
        """
        beginnings, others = (tuple(map(fold, each)) for each in (wanted, but_not))
        hit = [words.startswith(beginnings) and not words.startswith(others) for words in self._folded]
        return self._flags(np.array(hit, dtype=bool)[self._code] & self._full)

    def having(self, texts: Flags, *, full: bool = False) -> Flags:
        """Which concepts have one of these of `texts` as a name; a fully specified one where `full`."""
        return self._flags(texts[self._code] & (self._full if full else self._names))

    def of(self, concepts: Flags) -> list[str]:
        """Every name of these concepts, each once."""
        return [self.texts[code] for code in np.unique(self._code[concepts[self._at] & self._names]).tolist()]

    def extending(self, suffixes: Iterable[str]) -> Flags:
        """Which concepts have a fully specified name that is another's, with one of these words behind."""
        ends = tuple(fold(suffix) for suffix in suffixes)
        whole = {self._folded[code] for code in self._code[self._full].tolist()} if ends else set()
        stems = ((words, next((end for end in ends if words.endswith(end)), None)) for words in self._folded)
        hit = np.array([end is not None and f"{words.removesuffix(end)} " in whole for words, end in stems], dtype=bool)
        return self._flags(hit[self._code] & self._full)

    @cached_property
    def unreadable(self) -> Flags:
        """Which concepts have names, but none in a language that the rules know, or none in its letters."""
        known = self._language.isin(["", *LANGUAGES]).to_numpy()
        return self._flags(self._names) & ~self._flags(known & self._readable[self._code])

    def _found(self, phrase: str) -> list[int]:
        """The names, as numbers, that hold a folded word or phrase."""
        words = phrase.split()
        if not words:
            return []
        rarest = min((self._by_word.get(word, []) for word in words), key=len)
        return rarest if len(words) == 1 else [code for code in rarest if phrase in self._folded[code]]

    @cached_property
    def _by_word(self) -> dict[str, list[int]]:
        by_word: dict[str, list[int]] = {}
        for code, words in enumerate(self._folded):
            for word in set(words.split()):
                by_word.setdefault(word, []).append(code)
        return by_word

    def _flags(self, entries: Flags) -> Flags:
        flags = np.zeros(self._size, dtype=bool)
        flags[self._at[entries]] = True
        return flags


def _is_readable(words: str) -> bool:
    if words.isascii():
        return bool(words)
    letters = (character for character in words if not character.isspace() and not character.isdigit())
    return all(unicodedata.name(letter, "").startswith(_SCRIPTS) for letter in letters)
