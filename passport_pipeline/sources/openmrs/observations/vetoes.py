"""The vetoes, applied to a whole frame of observations: which rows claim too much, and which are about somebody else.

What belongs here: the first veto that holds for each row. What does not: the vetoes themselves (evidence), what the
names of one concept say (answer_names), which rule made a row what it is (categories).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.meaning.assertion.assertions import assertions
from passport_pipeline.meaning.assertion.diseases import Diseases
from passport_pipeline.sources.drafts import BOOLEAN, CONDITION, DRUG, IMAGE, MEDICATION, TEST, TEXT
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.answer_names import taken_back_by_name
from passport_pipeline.sources.openmrs.observations.evidence import (
    DIAGNOSIS_CLASSES,
    DRUG_CLASSES,
    EVIDENCE,
    HIV,
    HIV_CODES,
    NAMES_OF_PERSONS,
    NAMES_OF_THINGS,
    PATIENT,
    PERSONS,
    VETOES,
    Veto,
)
from passport_pipeline.sources.openmrs.observations.machine_values import is_machine_value
from passport_pipeline.sources.openmrs.observations.name_index import phrases
from passport_pipeline.sources.openmrs.observations.nesting import around
from passport_pipeline.sources.openmrs.observations.values import Values
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary


@dataclass(frozen=True)
class Judged:
    """What the vetoes say of each row of a frame, one element a row.

    veto          which of VETOES applies, -1 where none does
    third_person  it holds somebody else's name, or their HIV status
    """

    veto: npt.NDArray[np.intp]
    third_person: Flags


@dataclass(frozen=True)
class _Compiled:
    """A veto for one dictionary: concepts are flags by position.

    coded      the question is the same as one of its codes
    questions  the question is called so; diseases: it is a disease, and is called so nonetheless
    headers    one of the two, or all of that, of a group
    answers    the whole answer says so; names: one of its names
    beside     the question asks whom its group is about
    """

    veto: Veto
    coded: Flags
    questions: Flags
    diseases: Flags
    headers: Flags
    answers: Flags
    names: Flags
    beside: Flags
    words: re.Pattern[str]
    texts: frozenset[str]
    beginnings: tuple[str, ...]
    no_beginnings: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """A frame's rows, as the vetoes look at them; one element a row.

    claims     it became a condition or a medication; medications: the latter; results: a test or an image
    mapped     its question is known by its mapping; read: people have read its name, and decided
    asked      its question is a disease, and no answer of it is claimed
    sure       a certainty stands beside it
    answered, commented   what the groups' own answers and comments say of their kind: folded texts by position
    """

    values: Values
    parents: Positions
    claims: Flags
    medications: Flags
    results: Flags
    mapped: Flags
    read: Flags
    asked: Flags
    sure: Flags
    answered: dict[int, str]
    commented: dict[int, str]

    @property
    def all(self) -> Positions:
        return np.arange(len(self.parents))


class Vetoes:
    """The vetoes for one hospital's dictionary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._is_disease, self._is_drug = map(vocabulary.of_class, (DIAGNOSIS_CLASSES, DRUG_CLASSES))
        self._diseases = Diseases(vocabulary.names.of(self._is_disease))
        known = vocabulary.mapped_to(code for rule in EVIDENCE for code in rule.codes if not code.endswith(":*"))
        unreadable = vocabulary.names.unreadable & ~known
        self.compiled = [
            _compile(veto, vocabulary, names, unreadable if veto.unreadable else None, self._is_disease)
            for veto, names in zip(VETOES, taken_back_by_name(vocabulary, VETOES, self._diseases), strict=True)
        ]
        self._patient = frozenset(map(fold, PATIENT))
        self._asks_name = vocabulary.named(NAMES_OF_PERSONS, but_not=NAMES_OF_THINGS)
        self._asks_person = vocabulary.called(PERSONS)
        self._hiv = vocabulary.named(HIV) | vocabulary.mapped_to(HIV_CODES)
        self._hiv_words = phrases(HIV)

    def judge(
        self,
        observations: pd.DataFrame,
        values: Values,
        parents: Positions,
        *,
        rule: npt.NDArray[np.intp],
        category: Texts,
        certain: Flags,
    ) -> Judged:
        """The first veto that applies to each row of a frame of OBSERVATION_COLUMNS: `parents` as `parents_of` gives
        them, `rule` is the one of EVIDENCE that decided (none, -1, where people did) and `category` what it made of the
        row, `certain` are the rows that say how sure a diagnosis is.
        """
        disease = self._is_disease[values.question]
        rows = _rows(observations, values, parents, rule, category, certain=certain, disease=disease)
        veto = np.full(len(rule), -1, dtype=np.intp)
        somebody: dict[str, Flags] = {}
        for number, compiled in enumerate(self.compiled):
            if compiled.veto.whose:
                told = self._told(rows, compiled)
                veto[told & (veto < 0)] = number
                somebody[compiled.veto.whose] = told | _called(rows, compiled, rows.all)
        written = _written(values, rows.claims, self._diseases, dosed=self._is_drug[values.question])
        for number, compiled in enumerate(self.compiled):
            scope = np.flatnonzero((rows.claims | rows.results) if compiled.veto.tests else rows.claims)
            hit = _called(rows, compiled, scope) | _answered(rows, compiled, scope, written)
            hit &= veto[scope] < 0
            veto[scope[hit]] = number
        return Judged(veto, self._third_person(rows, somebody))

    def _told(self, rows: _Rows, compiled: _Compiled) -> Flags:
        """Rows in a group that is about somebody else by an answer or a comment of its own or of one around it, or by
        a row in it that says whom it is about.
        """
        said = compiled.beside[rows.values.question] & pd.notna(rows.values.display) & (rows.parents >= 0)
        for at in np.flatnonzero(said).tolist():
            said[at] = fold(rows.values.display[at]) not in self._patient
        beside: Flags = (rows.parents >= 0) & np.isin(rows.parents, rows.parents[said])
        return beside | around(rows.all, rows.parents, _saying(rows, compiled))

    def _third_person(self, rows: _Rows, somebody: dict[str, Flags]) -> Flags:
        question, answer = rows.values.question, rows.values.answer
        other, child = somebody["other"], somebody["child"]
        text = rows.values.value_type == TEXT
        infected = self._hiv[question] | self._hiv[answer]
        infected |= around(rows.all, rows.parents, infected)
        words = np.flatnonzero(other & text & ~infected)
        codes, texts = pd.factorize(rows.values.display[words])
        infected[words] = np.array([bool(self._hiv_words.search(fold(each))) for each in texts], dtype=bool)[codes]
        named = text & (self._asks_person[question] | ((other | child) & self._asks_name[question]))
        held: Flags = (named | (other & infected)) & pd.notna(rows.values.value_type)
        return held


def _compile(
    veto: Veto, vocabulary: Vocabulary, names: Flags, unreadable: Flags | None, is_disease: Flags
) -> _Compiled:
    # A result is not given to somebody else by a term that only finds its question.
    questions = vocabulary.named(veto.words, but_not=veto.but_not, searched=not veto.tests)
    if unreadable is not None:
        questions |= unreadable
    diseases = names | vocabulary.named(veto.in_diseases, searched=True)
    coded = vocabulary.mapped_to(veto.codes)
    answers = vocabulary.mapped_to(veto.answer_codes) | vocabulary.called(veto.answer_words, full=True)
    if "CIEL:1066" in veto.answer_codes and vocabulary.false_position >= 0:
        answers[vocabulary.false_position] = True
    return _Compiled(
        veto=veto,
        coded=coded,
        questions=questions,
        diseases=diseases,
        headers=coded | np.where(is_disease, diseases, questions),
        answers=answers,
        names=names,
        beside=vocabulary.called(veto.beside) | vocabulary.mapped_to(veto.beside_codes),
        words=phrases(veto.words),
        texts=frozenset(map(fold, veto.answer_words)),
        beginnings=tuple(filter(None, map(fold, veto.text_begins))),
        no_beginnings=tuple(map(fold, veto.answer_but_not)),
    )


def _rows(
    observations: pd.DataFrame,
    values: Values,
    parents: Positions,
    rule: npt.NDArray[np.intp],
    category: Texts,
    *,
    certain: Flags,
    disease: Flags,
) -> _Rows:
    certain = certain & pd.notna(values.value_type) & (parents >= 0)
    answered, commented = _headings(observations, values, parents)
    return _Rows(
        values=values,
        parents=parents,
        claims=np.isin(category, (CONDITION, MEDICATION)),
        medications=category == MEDICATION,
        results=np.isin(category, (TEST, IMAGE)),
        mapped=_MAPPED[rule],
        read=rule < 0,
        asked=disease & ~_OF_THE_ANSWER[rule],
        sure=(parents >= 0) & np.isin(parents, parents[certain]),
        answered=answered,
        commented=commented,
    )


def _called(rows: _Rows, compiled: _Compiled, scope: Positions) -> Flags:
    """Which of these rows are called so: by their question, or by one of the groups around them."""
    veto, question = compiled.veto, rows.values.question[scope]
    own = np.where(rows.asked[scope], compiled.diseases[question], compiled.questions[question])
    if veto.unless_sure:
        own &= ~(rows.asked & rows.sure)[scope]
    if not veto.also_mapped:
        own &= ~rows.mapped[scope]
    called: Flags = (own | compiled.coded[question]) & ~rows.read[scope]
    if veto.headers:
        flags = compiled.headers[rows.values.question]
        called |= around(scope, rows.parents, flags if veto.whose else flags | _saying(rows, compiled))
    return called


def _answered(rows: _Rows, compiled: _Compiled, scope: Positions, written: _Written) -> Flags:
    """Which of these rows have an answer that says so."""
    veto, answer = compiled.veto, rows.values.answer[scope]
    folded = written.folded[scope]
    said = np.isin(written.says[scope], veto.says) | (compiled.names[answer] & rows.claims[scope])
    hit: Flags = compiled.answers[answer] | (said & ~(veto.unless_sure & rows.sure[scope]))
    if veto.machine_values:
        hit |= written.machine[scope]
    if compiled.texts:
        hit |= np.array([text in compiled.texts for text in folded], dtype=bool)
    if compiled.beginnings:
        begins = np.array(
            [text.startswith(compiled.beginnings) and not text.startswith(compiled.no_beginnings) for text in folded],
            dtype=bool,
        )
        hit |= begins & rows.medications[scope] if veto.medications else begins
    return hit


@dataclass(frozen=True)
class _Written:
    """Written answers, one element a row.

    folded   the answer, "" for any other than a written one
    says     what each that would claim something says of what it names, as meaning.assertion has it, None for any other
    machine  software wrote it for itself

    The doses of a drug that is the question may be numbers alone: they are neither.
    """

    folded: Texts
    says: Texts
    machine: Flags


def _written(values: Values, claims: Flags, diseases: Diseases, *, dosed: Flags) -> _Written:
    # Yes and no are words, too, where the hospital has no concepts for them.
    text = np.flatnonzero(np.isin(values.value_type, (TEXT, BOOLEAN)) & pd.notna(values.display))
    folded, says = np.full(len(values.question), "", dtype=object), np.full(len(values.question), None, dtype=object)
    codes, texts = pd.factorize(values.display[text])
    folded[text] = np.array([fold(each) for each in texts], dtype=object)[codes]
    claiming = text[claims[text] & (values.value_type[text] == TEXT)]
    codes, texts = pd.factorize(values.display[claiming])
    judged = [each.category for each in assertions(texts.tolist(), diseases)]
    says[claiming] = np.array(judged, dtype=object)[codes]
    machine = np.zeros(len(values.question), dtype=bool)
    machine[claiming] = np.array([is_machine_value(each) for each in texts], dtype=bool)[codes]
    lettered = np.array([any(map(str.isalpha, each)) for each in texts], dtype=bool)[codes]
    doses = claiming[dosed[claiming] & ~lettered]
    machine[doses], says[doses] = False, None
    return _Written(folded, says, machine)


def _saying(rows: _Rows, compiled: _Compiled) -> Flags:
    """The groups of which the answer, or the comment where that counts, holds a word of the veto."""
    said = np.zeros(len(rows.parents), dtype=bool)
    sources = (rows.answered, rows.commented if compiled.veto.also_mapped else {})
    said[[at for texts in sources for at, text in texts.items() if compiled.words.search(text)]] = True
    return said


_NAME = 4
"""Of how many words an answer or a comment on a group may be to say what kind of group it is: "Mother", "ruled out"."""


def _headings(observations: pd.DataFrame, values: Values, parents: Positions) -> tuple[dict[int, str], dict[int, str]]:
    """What the groups' own answers and comments say of their kind: folded texts by position."""
    headers = np.unique(parents[parents >= 0])
    columns = values.display[headers], observations["comments"].iloc[headers]
    answered, commented = (
        {
            at: text
            for at, text in zip(
                headers.tolist(), (fold(each) if isinstance(each, str) else "" for each in column), strict=True
            )
            if 0 < len(text.split()) <= _NAME
        }
        for column in columns
    )
    return answered, commented


_MAPPED: Flags = np.array([rule.point == 2 for rule in EVIDENCE], dtype=bool)
_OF_THE_ANSWER: Flags = _MAPPED | np.array(
    [bool(rule.answers) or rule.types == (DRUG,) for rule in EVIDENCE], dtype=bool
)
