"""The constructs, as `rules/constructs.yaml` declares them, and what they are in one hospital's dictionary.

What belongs here: what a construct and its members may say in the file; which concepts they are. What does not: the
constructs themselves (rules/constructs.yaml), which rows of a frame belong together (assembling), what they say then
(diagnoses, prescriptions, lab_results, immunizations).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from passport_pipeline.config.overlays import RecordType
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.evidence import Codes, Types
from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER, Listed, read_rules
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Texts, Vocabulary

DIAGNOSIS, MEDICATION, TEST, IMMUNIZATION = "diagnosis", "medication", "test", "immunization"
SET = "set"
"""The role of the header of a construct."""

CERTAINTY = "certainty"
"""The role of the row that says how sure a diagnosis is."""

_LEADING = (DIAGNOSIS, "non_coded_diagnosis")

THE_WORD = "the word"
"""How a member is shown that is read as what its answer means."""

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_CLOSED)
class Asked:
    """What rows are asked for, as constructs.yaml tells it: any of these is enough."""

    codes: Codes = ()
    names: Listed = ()
    classes: Listed = ()
    suffixes: Listed = ()

    def concepts(self, vocabulary: Vocabulary) -> Flags:
        """By position, which concepts ask for it."""
        flags = self.named(vocabulary) | vocabulary.of_class(self.classes)
        return flags | vocabulary.names.extending(self.suffixes)

    def named(self, vocabulary: Vocabulary) -> Flags:
        """By position, which concepts are asked for by their mappings and whole names alone."""
        return vocabulary.mapped_to(self.codes) | vocabulary.called(self.names, full=True)


@dataclass(frozen=True, config=_CLOSED)
class Answers:
    """Answers that mean the same; `is_` is yes or no, also where a hospital answers with a boolean."""

    codes: Codes = ()
    names: Listed = ()
    is_: Literal["yes", "no", ""] = ""


def _answers(written: Any) -> Any:
    """Answers as a list, also where the file holds one; `is` is a word of Python."""
    listed = written if isinstance(written, list) else [written]
    return [
        {("is_" if key == "is" else key): value for key, value in each.items()} if isinstance(each, dict) else each
        for each in listed
    ]


Meanings = dict[str, Annotated[tuple[Answers, ...], BeforeValidator(_answers)]]


@dataclass(frozen=True, config=_CLOSED)
class Member(Asked):
    """What a row beside the leader says; constructs.yaml tells what each of these means."""

    role: str = ""
    why: str = ""
    always: bool = False
    types: Types = ()
    without_value: str | None = None
    needs: str | None = None
    words: Meanings | None = None
    holds: Listed = ()
    fails: Listed = ()
    settles: bool = False
    takes_back: bool = False
    tells: bool = False
    shown: str | None = None

    @model_validator(mode="after")
    def _stated(self) -> Member:
        if not (self.role and self.why):
            raise ValueError("it needs a role, and a reason (why)")
        if not (self.codes or self.names or self.classes or self.suffixes):
            raise ValueError("it states nothing that a row is asked for, so no row would ever be it")
        unknown = [word for word in (*self.holds, *self.fails) if word not in (self.words or {})]
        if unknown:
            raise ValueError(f"{unknown[0]} is none of its words")
        if self.shown not in (None, THE_WORD) and str(self.shown).count("{}") != 1:
            raise ValueError(f"shown needs {{}} once, where the answer goes, or is `{THE_WORD}`")
        return self


@dataclass(frozen=True, config=_CLOSED)
class Leader:
    """Which rows lead a construct."""

    category: RecordType | None = None
    asked: Asked | None = None
    unsettled: Asked | None = None


@dataclass(frozen=True, config=_CLOSED)
class Construct:
    """One construct; constructs.yaml tells what each of these means."""

    name: Literal["diagnosis", "medication", "test", "immunization"]
    why: str
    leader: Leader
    members: tuple[Member, ...]
    headers: Asked | None = None
    label: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Construct:
        roles = {member.role for member in self.members}
        lacking = [member.needs for member in self.members if member.needs and member.needs not in roles]
        if lacking:
            raise ValueError(f"no member has the role {lacking[0]}, which another needs")
        return self


@dataclass(frozen=True, config=_CLOSED)
class _Declared:
    constructs: tuple[Construct, ...]
    lists: dict[str, Any]


def read_constructs(folder: Path = FOLDER) -> tuple[Construct, ...]:
    """The constructs of a folder. Raises ConfigurationError with every fault of the file."""
    return read_rules(folder / "constructs.yaml", TypeAdapter(_Declared)).constructs


CONSTRUCTS = read_constructs()


class Meaning:
    """What answers to a member mean, as numbers: 0 where they are none of its words, else the word's place from 1.

    `by_answer` is by position of a coded answer, `by_text` by folded text.
    """

    def __init__(self, words: Meanings, vocabulary: Vocabulary) -> None:
        self.words = ("", *words)
        self.by_answer: npt.NDArray[np.intp] = np.zeros(len(vocabulary), dtype=np.intp)
        self.by_text: dict[str, int] = {}
        for number, answers in reversed([*enumerate(words.values(), start=1)]):
            names = [name for each in answers for name in each.names]
            codes = [code for each in answers for code in each.codes]
            self.by_answer[vocabulary.mapped_to(codes) | vocabulary.called(names, full=True)] = number
            self.by_text |= dict.fromkeys(map(fold, names), number)
            for each in answers:
                truth = {"yes": vocabulary.true_position, "no": vocabulary.false_position}.get(each.is_, -1)
                if truth >= 0:
                    self.by_answer[truth] = number
        self.by_answer[-1] = 0

    def numbers(self, words: Iterable[str]) -> list[int]:
        """The numbers of these words."""
        return [self.words.index(word) for word in words]


class Declared:
    """A construct in one hospital's dictionary.

    members    its members
    member     by position of the question, which of the members it is; -1 for none
    asked      by position, whose rows lead it whatever they answer; `unsettled` are those of them that claim nothing
               unless a member settles it
    headers    by position, the headers whose names say nothing
    always     by position, which questions are asked for a member that always belongs to a leader
    meanings   of each member, what its answers mean; None where every answer is as good
    """

    def __init__(self, construct: Construct, vocabulary: Vocabulary, places: Mapping[int, str | None]) -> None:
        self.name, self.label, self.members = construct.name, construct.label, construct.members
        self.category = construct.leader.category
        self.unsettled = _of(construct.leader.unsettled, vocabulary)
        self.asked = _of(construct.leader.asked, vocabulary) | self.unsettled
        self.headers = _of(construct.headers, vocabulary)
        self.member: npt.NDArray[np.intp] = np.full(len(vocabulary), -1, dtype=np.intp)
        for number, member in reversed([*enumerate(self.members)]):
            self.member[member.concepts(vocabulary)] = number
        self.member[self.asked | (np.arange(len(vocabulary)) == len(vocabulary) - 1)] = -1
        for position, place in places.items():
            own = place if construct.name == DIAGNOSIS else None
            self.asked[position], self.unsettled[position], self.headers[position] = own in _LEADING, False, own == SET
            self.member[position] = next(iter(self.of_role(own or "")), -1)
        self.meanings = [Meaning(each.words, vocabulary) if each.words else None for each in self.members]
        always = [number for number, member in enumerate(self.members) if member.always]
        self.always: Flags = np.isin(self.member, always)

    def of_role(self, role: str) -> list[int]:
        """The numbers of the members of a role."""
        return [number for number, member in enumerate(self.members) if member.role == role]


def _of(asked: Asked | None, vocabulary: Vocabulary) -> Flags:
    return np.zeros(len(vocabulary), dtype=bool) if asked is None else asked.concepts(vocabulary)


class Constructs:
    """All constructs in one hospital's dictionary.

    role    by position, what a question is to the first construct that knows it: its name for the leader, SET for the
            header, else the member's role; None for none
    parts   by position, which questions claim nothing by themselves: they are asked for a member by mapping or whole
            name, are headers, or lead a construct that is only a note
    """

    def __init__(self, vocabulary: Vocabulary, places: Mapping[int, str | None] = MappingProxyType({})) -> None:
        """`places` are those that people gave to concepts in the diagnosis construct (Overlaid.places)."""
        self._declared: dict[str, Declared] = {
            construct.name: Declared(construct, vocabulary, places) for construct in CONSTRUCTS
        }
        self.role: Texts = np.full(len(vocabulary), None, dtype=object)
        self.parts: Flags = np.zeros(len(vocabulary), dtype=bool)
        for construct in reversed(CONSTRUCTS):
            declared = self._declared[construct.name]
            for member in reversed(construct.members):
                named = member.named(vocabulary) & (declared.member >= 0)
                if declared.name == DIAGNOSIS:
                    named[[at for at, place in places.items() if place == member.role]] = True
                self.parts |= named
                self.role[named] = member.role
            self.parts |= declared.headers
            self.role[declared.headers] = SET
            self.role[declared.asked] = declared.name
            if declared.category is None:
                self.parts |= declared.asked
        self.parts &= ~np.any([each.asked for each in self._declared.values() if each.category is not None], axis=0)
        self.role[-1] = None
        self.parts[-1] = False

    def __getitem__(self, name: str) -> Declared:
        return self._declared[name]
