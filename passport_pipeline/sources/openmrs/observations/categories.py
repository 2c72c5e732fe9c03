"""The table of evidence, applied to a whole frame of observations.

What belongs here: the first rule that holds for each row, and what makes a note of it after all. What does not: the
rules themselves (evidence), which veto holds (vetoes), what is done with parts of a diagnosis (grouping).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.drafts import BOOLEAN, COMPLEX, VALUE_TYPES, VISIT
from passport_pipeline.sources.lookups import ConceptLookup
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.constructs import CERTAINTY, Constructs
from passport_pipeline.sources.openmrs.observations.evidence import (
    COMMENTS_THAT_TAKE_BACK,
    DIAGNOSIS_CLASSES,
    DRUG_CLASSES,
    EVIDENCE,
    VETOES,
    YES,
    Rule,
)
from passport_pipeline.sources.openmrs.observations.name_index import phrases
from passport_pipeline.sources.openmrs.observations.nesting import around, parents_of
from passport_pipeline.sources.openmrs.observations.overlaid import Overlaid
from passport_pipeline.sources.openmrs.observations.pointers import is_picture
from passport_pipeline.sources.openmrs.observations.values import Values, describe
from passport_pipeline.sources.openmrs.observations.vetoes import Vetoes
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary

_KINDS = pd.Index(VALUE_TYPES, dtype=object)
PART = "it belongs to the rows beside it, and claims nothing by itself"


@dataclass(frozen=True)
class Categories:
    """The category of each row of a frame, one element a row.

    category  condition, medication, test, visit or image (without meaning for a row without a value)
    evident   the same before a veto, or the rows beside it, made it a visit
    role      what its question is to a construct (Constructs.role), None for nothing
    rule      which row of EVIDENCE decided, BY_PEOPLE where an overlay did
    veto      which row of VETOES made it a visit, -1 where none did
    taken_back
              its comment or state, or that of a group around it, takes it back
    third_person
              it holds somebody else's name, or their HIV status
    """

    category: Texts
    evident: Texts
    role: Texts
    rule: npt.NDArray[np.intp]
    veto: npt.NDArray[np.intp]
    taken_back: Flags
    third_person: Flags


@dataclass(frozen=True)
class _CompiledRule:
    rule: Rule
    questions: Flags
    answers: Flags | None
    types: Flags | None  # by type code; the last element stands for a row without a value


class Tables:
    """The tables of evidence for one hospital's dictionary, under what people decided of it.

    yes             by position, which concepts answer yes; `yes_name` is that of the true concept, where it has one
    drugs           by position, which concepts are drugs; `diagnoses` are the same of diagnoses
    constructs      the constructs
    """

    def __init__(self, vocabulary: Vocabulary, overlaid: Overlaid) -> None:
        self.overlaid = overlaid
        self.rules = [_compile(rule, vocabulary) for rule in EVIDENCE]
        self.vetoes = Vetoes(vocabulary)
        self.constructs = Constructs(vocabulary, overlaid.places)
        self.drugs, self.diagnoses = (vocabulary.of_class(each) for each in (DRUG_CLASSES, DIAGNOSIS_CLASSES))
        self.takes_back = phrases(COMMENTS_THAT_TAKE_BACK)
        self.yes = vocabulary.mapped_to(("CIEL:1065",))
        self.yes |= vocabulary.called(YES, full=True)
        self.yes_name = "Yes"
        if vocabulary.true_position >= 0:
            self.yes[vocabulary.true_position] = True
            self.yes_name = vocabulary.name[vocabulary.true_position] or "Yes"


def categorise(observations: pd.DataFrame, concepts: ConceptLookup) -> pd.DataFrame:
    """The category of each observation, with the reason: for reports and previews of rules.

    Takes a frame of OBSERVATION_COLUMNS. Gives, by its index: category str (condition, medication,
    test, visit, image), role str (in a construct, null for none), point int64 (of the order of evidence), why str.
    """
    vocabulary = Vocabulary(concepts)
    tables, values = Tables(vocabulary, Overlaid(vocabulary, ())), describe(observations, vocabulary)
    decided = decide(observations, values, tables, parents_of(observations))
    part = tables.constructs.parts[values.question]
    why = [
        PART if of_another else VETOES[veto].why if veto >= 0 else EVIDENCE[rule].why
        for of_another, rule, veto in zip(part.tolist(), decided.rule.tolist(), decided.veto.tolist(), strict=True)
    ]
    return pd.DataFrame(
        {
            "category": pd.Series(decided.category, dtype="str"),
            "role": pd.Series(decided.role, dtype="str"),
            "point": np.where(part, 2, np.array([rule.point for rule in EVIDENCE], dtype=np.int64)[decided.rule]),
            "why": pd.Series(why, dtype="str"),
        }
    ).set_axis(observations.index)


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
    by_people = tables.overlaid.categories(values.question, values.value_type)
    decided = pd.notna(by_people)
    chosen[decided], evident[decided] = BY_PEOPLE, by_people[decided]
    role = tables.constructs.role[values.question]
    judged = tables.vetoes.judge(
        observations, values, parents, rule=chosen, category=evident, certain=role == CERTAINTY
    )
    taken_back = _taken_back(observations, tables, parents)
    belongs = tables.constructs.parts[values.question]
    category = np.where((judged.veto >= 0) | taken_back | belongs, VISIT, evident)
    return Categories(category, evident, role, chosen, judged.veto, taken_back, judged.third_person)


def _compile(rule: Rule, vocabulary: Vocabulary) -> _CompiledRule:
    questions = np.ones(len(vocabulary), dtype=bool)
    if rule.codes:
        questions &= vocabulary.mapped_to(rule.codes)
    if rule.names:
        questions &= vocabulary.called(rule.names)
    if rule.classes:
        questions &= vocabulary.of_class(rule.classes)
    if rule.words:
        questions &= vocabulary.named(rule.words)
    if rule.unless:
        questions &= ~vocabulary.named(rule.unless)
    if rule.ranged:
        stated = ("low_critical", "low_normal", "hi_normal", "hi_critical")
        questions &= np.any([~np.isnan(vocabulary.ranges[name]) for name in stated], axis=0)
    answers = vocabulary.of_class(rule.answers) if rule.answers else None
    types = np.array([*(kind in rule.types for kind in VALUE_TYPES), False]) if rule.types else None
    return _CompiledRule(rule, questions, answers, types)


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


BY_PEOPLE = -1
