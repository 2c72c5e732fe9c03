"""The table of evidence, applied to a whole frame of observations.

What belongs here: the first rule that holds for each row, and the vetoes. What does not: the rules themselves
(evidence), what is done with parts of a diagnosis (grouping).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.drafts import BOOLEAN, COMPLEX, CONDITION, MEDICATION, TEXT, VALUE_TYPES, VISIT
from passport_pipeline.sources.lookups import ConceptLookup
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.evidence import (
    COMMENTS_THAT_TAKE_BACK,
    DIAGNOSIS_CLASSES,
    DRUG_CLASSES,
    EVIDENCE,
    PATIENT,
    VETOES,
    YES,
    Rule,
    Veto,
)
from passport_pipeline.sources.openmrs.observations.name_index import phrases
from passport_pipeline.sources.openmrs.observations.overlaid import Overlaid
from passport_pipeline.sources.openmrs.observations.pointers import is_picture
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline.sources.openmrs.observations.values import Values, describe
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary

_KINDS = pd.Index(VALUE_TYPES, dtype=object)


@dataclass(frozen=True)
class Categories:
    """The category of each row of a frame, one element a row.

    category  condition, medication, test, visit or image (without meaning for a row without a value)
    evident   the same before a veto made it a visit
    role      the row's role in the diagnosis construct, None where it has none
    rule      which row of EVIDENCE decided, BY_PEOPLE where an overlay did
    veto      which row of VETOES made it a visit, -1 where none did
    taken_back
              its comment or state, or that of a group around it, takes it back
    """

    category: Texts
    evident: Texts
    role: Texts
    rule: npt.NDArray[np.intp]
    veto: npt.NDArray[np.intp]
    taken_back: Flags


@dataclass(frozen=True)
class _CompiledRule:
    rule: Rule
    questions: Flags
    answers: Flags | None
    types: Flags | None  # by type code; the last element stands for a row without a value


@dataclass(frozen=True)
class _CompiledVeto:
    veto: Veto
    questions: Flags
    words: re.Pattern[str]
    beside: Flags
    answers: Flags
    texts: frozenset[str]
    beginnings: tuple[str, ...]


class Tables:
    """The tables of evidence for one hospital's dictionary, under what people decided of it.

    yes             by position, which concepts answer yes; `yes_name` is that of the true concept, where it has one
    drugs           by position, which concepts are drugs; `diagnoses` are the same of diagnoses
    """

    def __init__(self, vocabulary: Vocabulary, overlaid: Overlaid) -> None:
        self.overlaid = overlaid
        self.rules = [_compile(rule, vocabulary) for rule in EVIDENCE]
        self.vetoes = [_compile_veto(veto, vocabulary) for veto in VETOES]
        self.drugs, self.diagnoses = (_of_class(vocabulary, each) for each in (DRUG_CLASSES, DIAGNOSIS_CLASSES))
        self.takes_back = phrases(COMMENTS_THAT_TAKE_BACK)
        self.patient = frozenset(map(fold, PATIENT))
        self.yes = vocabulary.mapped_to(("CIEL:1065",))
        self.yes |= vocabulary.called(YES, full=True)
        self.yes_name = "Yes"
        if vocabulary.true_position >= 0:
            self.yes[vocabulary.true_position] = True
            self.yes_name = vocabulary.name[vocabulary.true_position] or "Yes"


def categorise(observations: pd.DataFrame, concepts: ConceptLookup) -> pd.DataFrame:
    """The category of each observation, with the reason: for reports and previews of rules.

    Takes a frame of OBSERVATION_COLUMNS. Gives, by its index: category str (condition, medication,
    test, visit, image), role str (in the diagnosis construct, null for none), point int64 (of the order of
    evidence), why str.
    """
    vocabulary = Vocabulary(concepts)
    tables = Tables(vocabulary, Overlaid(vocabulary, ()))
    decided = decide(observations, describe(observations, vocabulary), tables, parents_of(observations))
    why = [
        VETOES[veto].why if veto >= 0 else EVIDENCE[rule].why
        for rule, veto in zip(decided.rule.tolist(), decided.veto.tolist(), strict=True)
    ]
    return pd.DataFrame(
        {
            "category": pd.Series(decided.category, dtype="str"),
            "role": pd.Series(decided.role, dtype="str"),
            "point": np.array([rule.point for rule in EVIDENCE], dtype=np.int64)[decided.rule],
            "why": pd.Series(why, dtype="str"),
        }
    ).set_axis(observations.index)


def parents_of(observations: pd.DataFrame) -> Positions:
    """The position in the frame of each row's group; -1 where it is in none, in one that is not live, or in one of
    another unit or day, which may be in another frame. A record's rows count for one day, in any frame.
    """
    index = pd.Index(observations["obs_id"].to_numpy(dtype=np.int64))
    group_ids = observations["obs_group_id"].to_numpy(dtype=np.int64, na_value=-1)
    parents: Positions = np.asarray(index.get_indexer(pd.Index(group_ids)), dtype=np.intp)
    day, unit = observations["day"].to_numpy(), units_of(observations)
    parents[(parents == np.arange(len(parents))) | (day[parents] != day) | (unit[parents] != unit)] = -1
    return parents


def decide(observations: pd.DataFrame, values: Values, tables: Tables, parents: Positions) -> Categories:
    """The first rule of EVIDENCE that holds for each row, then the vetoes; `parents` as `parents_of` gives them."""
    codes = _KINDS.get_indexer(pd.Index(values.value_type, dtype=object))  # -1, the last, for a row without a value
    yes = affirmed(values, tables)
    picture = _pictured(observations, values)
    chosen = np.full(len(codes), len(EVIDENCE) - 1, dtype=np.intp)
    undecided = np.arange(len(codes))
    for number, compiled in enumerate(tables.rules):
        hit = compiled.questions[values.question[undecided]]
        if compiled.types is not None:
            hit &= compiled.types[codes[undecided]]
        if compiled.answers is not None:
            hit &= compiled.answers[values.answer[undecided]]
        if compiled.rule.yes:
            hit &= yes[undecided]
        if compiled.rule.image_file:
            hit &= picture[undecided]
        chosen[undecided[hit]] = number
        undecided = undecided[~hit]
    evident = np.array([rule.category for rule in EVIDENCE], dtype=object)[chosen]
    role = _roles(values, tables.rules)
    by_people = tables.overlaid.categories(values.question, values.value_type)
    decided = pd.notna(by_people)
    chosen[decided], evident[decided] = BY_PEOPLE, by_people[decided]
    role[decided] = tables.overlaid.role[values.question[decided]]
    veto = _vetoed(observations, values, tables, parents, chosen=chosen, evident=evident)
    taken_back = _taken_back(observations, tables, parents)
    category = np.where((veto >= 0) | taken_back, VISIT, evident)
    return Categories(category, evident, role, chosen, veto, taken_back)


def _roles(values: Values, rules: list[_CompiledRule]) -> Texts:
    """The questions' roles in the diagnosis construct, also where the answer is missing or invalid."""
    role: Texts = np.full(len(values.question), None, dtype=object)
    for compiled in reversed(rules):
        if compiled.rule.role:
            role[compiled.questions[values.question]] = compiled.rule.role
    return role


def _of_class(vocabulary: Vocabulary, classes: tuple[str, ...]) -> Flags:
    class_keys = {name.casefold() for name in classes}
    return np.array([key in class_keys for key in vocabulary.class_key], dtype=bool)


def _compile(rule: Rule, vocabulary: Vocabulary) -> _CompiledRule:
    questions = np.ones(len(vocabulary), dtype=bool)
    if rule.codes:
        questions &= vocabulary.mapped_to(rule.codes)
    if rule.names:
        questions &= vocabulary.called(rule.names)
    if rule.classes:
        questions &= _of_class(vocabulary, rule.classes)
    if rule.words:
        questions &= vocabulary.named(rule.words)
    if rule.unless:
        questions &= ~vocabulary.named(rule.unless)
    if rule.ranged:
        stated = ("low_critical", "low_normal", "hi_normal", "hi_critical")
        questions &= np.any([~np.isnan(vocabulary.ranges[name]) for name in stated], axis=0)
    answers = _of_class(vocabulary, rule.answers) if rule.answers else None
    types = np.array([*(kind in rule.types for kind in VALUE_TYPES), False]) if rule.types else None
    return _CompiledRule(rule, questions, answers, types)


def _compile_veto(veto: Veto, vocabulary: Vocabulary) -> _CompiledVeto:
    texts = frozenset(fold(words) for words in veto.answer_words)
    answers = vocabulary.mapped_to(veto.answer_codes)
    answers |= vocabulary.called(veto.answer_words, full=True)
    if veto.answer_codes and vocabulary.false_position >= 0:
        answers[vocabulary.false_position] = True
    questions = vocabulary.named(veto.words, searched=True)
    beginnings = tuple(words for words in map(fold, veto.text_begins) if words)
    beside = vocabulary.called(veto.beside)
    return _CompiledVeto(veto, questions, phrases(veto.words), beside, answers, texts, beginnings)


def affirmed(values: Values, tables: Tables) -> Flags:
    """Whether the row's answer is yes: the true concept, one that CIEL calls Yes, or a word for it."""
    affirmed = tables.yes[values.answer]
    flagged = (values.value_type == BOOLEAN) & (values.answer < 0)
    affirmed[flagged] = values.display[flagged] == tables.yes_name
    return affirmed


def _pictured(observations: pd.DataFrame, values: Values) -> Flags:
    pictured: Flags = np.asarray(values.value_type == COMPLEX, dtype=bool)
    pointers = observations["value_complex"].to_numpy(dtype=object)[pictured]
    pictured[pictured] = [is_picture(str(pointer)) for pointer in pointers]
    return pictured


def _taken_back(observations: pd.DataFrame, tables: Tables, parents: Positions) -> Flags:
    """Rows of which the comment or state takes back what they say, or that of a group around them."""
    taken_back = np.zeros(len(observations), dtype=bool)
    for column in ("comments", "status"):
        said = observations[column]
        rows = np.flatnonzero(said.notna().to_numpy())
        codes, texts = pd.factorize(said.iloc[rows].astype(object))
        taken_back[rows] |= np.array([bool(tables.takes_back.search(fold(text))) for text in texts], dtype=bool)[codes]
    if taken_back.any():
        taken_back |= around(np.arange(len(parents)), parents, taken_back)
    return taken_back


def _vetoed(
    observations: pd.DataFrame,
    values: Values,
    tables: Tables,
    parents: Positions,
    *,
    chosen: npt.NDArray[np.intp],
    evident: Texts,
) -> npt.NDArray[np.intp]:
    """Which veto applies to each row that became a condition or a medication, or is beside one that says whose it is;
    -1 where none does.
    """
    vetoed = np.full(len(chosen), -1, dtype=np.intp)
    answered, commented = _headings(observations, values, parents)
    for number, compiled in enumerate(tables.vetoes):
        if compiled.veto.beside:
            others = _saying(compiled, answered, commented, len(chosen))
            vetoed[_beside(values, compiled, tables, parents) | around(np.arange(len(chosen)), parents, others)] = (
                number
            )
    rows = np.flatnonzero(np.isin(evident, (CONDITION, MEDICATION)))
    if not len(rows):
        return vetoed
    mapped, by_people = np.isin(chosen[rows], _MAPPED), chosen[rows] == BY_PEOPLE
    # Yes and no have words, too, where the hospital has no concepts for them.
    text = np.isin(values.value_type[rows], (TEXT, BOOLEAN))
    shown = values.display[rows]
    denied = np.array([fold(answer or "") for answer in shown[text]], dtype=object)
    asked = np.array([str(answer).lstrip()[:1] == "?" for answer in shown[text]], dtype=bool)
    for number, compiled in enumerate(tables.vetoes):
        veto = compiled.veto
        hit = np.zeros(len(rows), dtype=bool)
        if veto.words:
            own = compiled.questions[values.question[rows]] & ~by_people  # who have read the question's name
            hit |= own if veto.also_mapped else own & ~mapped
            if veto.headers:
                said = _saying(compiled, answered, commented if veto.also_mapped else {}, len(chosen))
                hit |= around(rows, parents, compiled.questions[values.question] | said)
        if veto.answer_words:
            hit |= compiled.answers[values.answer[rows]]
            hit[text] |= np.array([answer in compiled.texts for answer in denied], dtype=bool)
        if veto.text_begins:
            hit[text] |= asked | np.array([answer.startswith(compiled.beginnings) for answer in denied], dtype=bool)
        hit &= vetoed[rows] < 0
        vetoed[rows[hit]] = number
    return vetoed


def _saying(compiled: _CompiledVeto, answered: dict[int, str], commented: dict[int, str], size: int) -> Flags:
    """The groups of which the answer or comment holds a word of the veto."""
    said = np.zeros(size, dtype=bool)
    said[[at for texts in (answered, commented) for at, text in texts.items() if compiled.words.search(text)]] = True
    return said


def _beside(values: Values, compiled: _CompiledVeto, tables: Tables, parents: Positions) -> Flags:
    """Rows in a group with a row that says that all of it is about somebody else."""
    said = compiled.beside[values.question] & pd.notna(values.display) & (parents >= 0)
    for at in np.flatnonzero(said).tolist():
        said[at] = fold(values.display[at]) not in tables.patient
    return (parents >= 0) & np.isin(parents, parents[said])


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


DEEPEST = 8
"""How many groups around a row are considered; OpenMRS forms nest two or three."""


def around(rows: Positions, parents: Positions, flags: Flags) -> Flags:
    """Whether one of the groups around each of these rows is flagged; ends also where groups form a circle."""
    hit = np.zeros(len(rows), dtype=bool)
    at = parents[rows]
    for _ in range(DEEPEST):
        inside = at >= 0
        if not inside.any():
            break
        hit[inside] |= flags[at[inside]]
        at = np.where(inside, parents[at], -1)
    return hit


def nearest(parent: Positions, flags: Flags) -> Positions:
    """The nearest of the groups around each row that is flagged, -1 where none is; ends also where groups form a
    circle.
    """
    found = np.full(len(parent), -1, dtype=np.intp)
    at = parent.copy()
    for _ in range(DEEPEST):
        inside = (at >= 0) & (found < 0)
        if not inside.any():
            break
        hit = inside & flags[at]
        found[hit] = at[hit]
        at = np.where(at >= 0, parent[at], -1)
    return found


BY_PEOPLE = -1
_MAPPED = [n for n, rule in enumerate(EVIDENCE) if rule.point == 2]
