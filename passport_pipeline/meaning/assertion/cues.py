"""The cues of every language, from data/cues: loaded, checked, and found among words.

What belongs here: what a file of cues has to hold, and finding the longest phrase. What does not: what cues do to a
text (context), names of diseases (diseases).

A phrase of a file is compared by its words: case, accents, hyphens and slashes do not count. 1999 in a phrase stands
for every year, 1 for every other number.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Annotated, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from passport_pipeline.meaning.assertion.words import JOINED, words_of
from passport_pipeline.meaning.data_files import read_yaml

Category = Literal["negated", "uncertain", "historical", "other"]
Direction = Literal["before", "after", "both"]
Kind = Literal["cue", "prefix", "alternative", "between", "pseudo", "terminator", "neutral"]

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
T = TypeVar("T")


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CueGroup(_Checked):
    """Cues that do the same.

    direction   what they concern: what stands before ("after" it comes the cue), behind, or both
    kind        prefix: denies one word or a known disease ("non"). alternative: no doubt of what is denied ("or").
                between: counts between two known diseases alone, since the word means much else ("o", "v")
    in_names    the name of a disease in a dictionary may hold them ("Contact dermatitis")
    """

    category: Category
    direction: Direction
    kind: Literal["cue", "prefix", "alternative", "between"] = "cue"
    in_names: bool = False
    phrases: list[Phrase] = Field(min_length=1)


class CueFile(_Checked):
    """One language: `sources` say where its cues are from, `version` is raised with every change.

    pseudo       phrases that look like a cue and are none
    terminators  words at which the scope of a cue ends
    neutral      words that name nothing by themselves
    misspelt     words of its cues that are recognised with a wrong letter
    """

    language: str = Field(pattern="^[a-z]{2,6}$")
    version: int = Field(ge=1)
    sources: list[Phrase] = Field(min_length=1)
    cues: list[CueGroup] = Field(min_length=1)
    pseudo: list[Phrase] = []
    terminators: list[Phrase] = []
    neutral: list[Phrase] = []
    misspelt: list[Phrase] = []


class NameFile(_Checked):
    """data/diseases.yaml: names, or beginnings of names, that hold a cue and are whole, by kind."""

    version: int = Field(ge=1)
    sources: list[Phrase] = Field(min_length=1)
    names: dict[str, list[Phrase]]


class Cue(NamedTuple):
    """What a phrase of a file does. Pseudo cues, terminators and neutral words have no category and no direction."""

    kind: Kind
    text: str
    category: Category | None = None
    direction: Direction | None = None
    in_names: bool = False


class Found(NamedTuple, Generic[T]):
    """A phrase among words: from `start` up to, without, `end`."""

    start: int
    end: int
    value: T


class Phrases(Generic[T]):
    """Phrases by their first word, so that a text is looked up once per word, however many phrases there are."""

    def __init__(self, phrases: Mapping[tuple[str, ...], T]) -> None:
        self._values = {" ".join(phrase): value for phrase, value in phrases.items()}
        lengths: dict[str, set[int]] = {}
        for phrase in phrases:
            lengths.setdefault(phrase[0], set()).add(len(phrase))
        self._lengths = {first: sorted(of, reverse=True) for first, of in lengths.items()}
        self.words = frozenset(word for phrase in phrases for word in phrase)

    def at(self, words: Sequence[str], start: int, gaps: Sequence[int], widest: int = JOINED) -> Found[T] | None:
        """The longest phrase that begins at this word, if no gap inside it is wider than `widest`."""
        for length in self._lengths.get(words[start], ()):
            end = start + length
            if end > len(words) or any(gap > widest for gap in gaps[start + 1 : end]):
                continue
            value = self._values.get(" ".join(words[start:end]))
            if value is not None:
                return Found(start, end, value)
        return None


@functools.cache
def cue_files() -> tuple[CueFile, ...]:
    """Every language's file, checked. Raises pydantic's ValidationError for one that is not as it has to be."""
    folder = resources.files(__package__).joinpath("data", "cues")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml"))
    return tuple(CueFile.model_validate(read_yaml(__package__, f"data/cues/{name}")) for name in names)


@functools.cache
def cues() -> Phrases[Cue]:
    """All languages together, since hospitals mix them. Where two disagree, what lets less be claimed holds."""
    entries: dict[tuple[str, ...], Cue] = {}
    for file in cue_files():
        for words, cue in _entries(file):
            entries[words] = _stricter(entries[words], cue) if words in entries else cue
    return Phrases(entries)


@functools.cache
def often_misspelt() -> frozenset[str]:
    """Words of cues that are recognised with a wrong letter."""
    return frozenset(word for file in cue_files() for text in file.misspelt for word in words_of(text))


@functools.cache
def cue_beginnings() -> frozenset[str]:
    """The first words of cues: a text without any of them holds no cue."""
    return frozenset(words[0] for words, _ in _cue_entries())


@functools.cache
def neutral_words() -> frozenset[str]:
    """The words that name nothing by themselves."""
    return frozenset(words[0] for file in cue_files() for words in map(words_of, file.neutral) if len(words) == 1)


def _cue_entries() -> Iterator[tuple[tuple[str, ...], Cue]]:
    for file in cue_files():
        yield from (entry for entry in _entries(file) if entry[1].category is not None)


def _entries(file: CueFile) -> Iterator[tuple[tuple[str, ...], Cue]]:
    for group in file.cues:
        for text in group.phrases:
            yield words_of(text), Cue(group.kind, text, group.category, group.direction, group.in_names)
    others: tuple[tuple[Kind, list[Phrase]], ...] = (
        ("pseudo", file.pseudo),
        ("terminator", file.terminators),
        ("neutral", file.neutral),
    )
    for kind, phrases in others:
        for text in phrases:
            yield words_of(text), Cue(kind, text)


def _stricter(first: Cue, second: Cue) -> Cue:
    """Of two readings of a phrase the one that lets less be claimed: a cue first, and both ways before one."""
    stricter, other = sorted((first, second), key=lambda cue: (_STRICTNESS.index(cue.kind), cue.direction != "both"))
    alike = stricter.kind == other.kind == "cue" and stricter.category == other.category
    return stricter._replace(direction="both") if alike and stricter.direction != other.direction else stricter


_STRICTNESS = ("cue", "alternative", "between", "prefix", "pseudo", "terminator", "neutral")
