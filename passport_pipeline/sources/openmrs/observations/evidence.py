"""The rules by which an observation becomes a condition, a medication, a test, an image or a visit, as the files of
`rules/` state them.

What belongs here: what a rule and a veto may say, and the rules as they were read. What does not: the rules
themselves (rules/*.yaml, for people who know clinical dictionaries and no Python), how a file is read (rule_files),
applying the rules to a frame (categories).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER, Listed, listed, read_rules

Category = Literal["condition", "medication", "test", "visit", "image"]
ValueType = Literal["coded", "text", "numeric", "boolean", "drug", "complex", "date", "time", "datetime"]

_CLOSED = ConfigDict(extra="forbid")


def _with_source(codes: tuple[str, ...]) -> tuple[str, ...]:
    for code in codes:
        if not all(part.strip() for part in (code.partition(":")[0], code.partition(":")[2])):
            raise ValueError(f"the code {code} names no source; write it like CIEL:1284")
    return codes


Codes = Annotated[tuple[str, ...], BeforeValidator(listed), AfterValidator(_with_source)]
Says = Annotated[
    tuple[Literal["negated", "uncertain", "historical", "other", "unreadable"], ...], BeforeValidator(listed)
]
Types = Annotated[tuple[ValueType, ...], BeforeValidator(listed)]


@dataclass(frozen=True, config=_CLOSED)
class Rule:
    """One rule of evidence.yaml, which tells what each of these means. Conditions that are given must all hold; one
    that is not given always holds.
    """

    point: Literal[2, 3, 4, 5, 6]
    category: Category
    why: str
    codes: Codes = ()
    names: Listed = ()
    classes: Listed = ()
    answers: Listed = ()
    types: Types = ()
    words: Listed = ()
    unless: Listed = ()
    ranged: bool = False
    yes: bool = False
    image_file: bool = False


@dataclass(frozen=True, config=_CLOSED)
class Veto:
    """One veto of vetoes.yaml, which tells what each of these means: any of its conditions is enough."""

    why: str
    words: Listed = ()
    in_diseases: Listed = ()
    but_not: Listed = ()
    codes: Codes = ()
    headers: bool = False
    also_mapped: bool = False
    tests: bool = False
    whose: Literal["other", "child"] | None = None
    answer_codes: Codes = ()
    answer_words: Listed = ()
    says: Says = ()
    unless_sure: bool = False
    answer_begins: Listed = ()
    answer_but_not: Listed = ()
    unreadable: bool = False
    text_begins: Listed = ()
    medications: bool = False
    machine_values: bool = False
    beside: Listed = ()
    beside_codes: Codes = ()
    spares: Listed = ()

    @model_validator(mode="after")
    def _with_a_condition(self) -> Veto:
        of_answers = (self.answer_codes, self.answer_words, self.says, self.answer_begins, self.machine_values)
        if not any((self.words, self.codes, *of_answers, self.unreadable, self.text_begins, self.beside)):
            raise ValueError("it states no condition, so it would never apply")
        return self


@dataclass(frozen=True, config=_CLOSED)
class _Evidence:
    version: int
    lists: dict[str, Listed]
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _in_order(self) -> _Evidence:
        points = [rule.point for rule in self.rules]
        if points != sorted(points) or not points or self.rules[-1] != Rule(6, "visit", self.rules[-1].why):
            raise ValueError("the rules must go from point 2 to 6, and end with a visit without any condition")
        for number, rule in enumerate(self.rules[:-1], start=1):
            if rule == Rule(rule.point, rule.category, rule.why):
                raise ValueError(f"rule {number} ({rule.why}) states no condition, so none below it would ever decide")
        return self


@dataclass(frozen=True, config=_CLOSED)
class _Vetoes:
    lists: dict[str, Listed]
    vetoes: tuple[Veto, ...]


@dataclass(frozen=True, config=_CLOSED)
class _Words:
    languages: Listed
    false_friends: dict[str, Listed]
    lists: dict[str, Listed]


def read_evidence(folder: Path = FOLDER) -> _Evidence:
    """The rules of a folder. Raises ConfigurationError with every fault of the file."""
    return read_rules(folder / "evidence.yaml", TypeAdapter(_Evidence))


def read_vetoes(folder: Path = FOLDER) -> _Vetoes:
    """The vetoes of a folder. Raises ConfigurationError with every fault of the file."""
    return read_rules(folder / "vetoes.yaml", TypeAdapter(_Vetoes))


_evidence, _vetoes, _words = read_evidence(), read_vetoes(), read_rules(FOLDER / "words.yaml", TypeAdapter(_Words))

RULES_VERSION = _evidence.version
EVIDENCE, VETOES = _evidence.rules, _vetoes.vetoes

LANGUAGES = _words.languages
FALSE_FRIENDS = {
    word: tuple(language for language, words in _words.false_friends.items() if word in words)
    for word in {word for words in _words.false_friends.values() for word in words}
}
"""By word, the languages in whose names it means something else than in the rules."""

DIAGNOSIS_CLASSES, DRUG_CLASSES = _evidence.lists["diagnosis_classes"], _evidence.lists["drug_classes"]
NOTED_CLASSES = _evidence.lists["noted_classes"]
ALLERGY_CODES, ALLERGY_WORDS = _evidence.lists["allergy_codes"], _vetoes.lists["allergy_words"]
YES, PATIENT = _words.lists["yes"], _words.lists["patient"]
COMMENTS_THAT_TAKE_BACK = _words.lists["comments_that_take_back"]
HEADERS_THAT_SAY_NOTHING = _words.lists["headers_that_say_nothing"]
NAMES_OF_PERSONS, NAMES_OF_THINGS = _words.lists["names_of_persons"], _words.lists["names_of_things"]
PERSONS = _words.lists["persons"]
HIV, HIV_CODES = _words.lists["hiv"], _words.lists["hiv_codes"]
COMPLAINT_CODES, COMPLAINT_NAMES = _words.lists["complaint_codes"], _words.lists["complaint_names"]
