"""What becomes of each row and which rule decided it, for people who review the rules. No value of a row is told.

What belongs here: the decisions of a frame, and what a rule or a veto went by. What does not: deciding (categories,
grouping), counting decisions (rules_review).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.drafts import ANSWER, LEAD, PARKED, PART, SKIPPED, VISIT
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations.categories import BY_PEOPLE
from passport_pipeline.sources.openmrs.observations.evidence import EVIDENCE, VETOES, Rule
from passport_pipeline.sources.openmrs.observations.grouping import Grouped, group
from passport_pipeline.sources.openmrs.observations.interpretation import Interpretation
from passport_pipeline.sources.openmrs.observations.nesting import nearest, parents_of
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.visits import no_visits
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary, texts

TAKEN_BACK = "a comment or a state takes it back, its own or that of a group around it"
ELSEWHERE = "its answer, or what is said around it"

_POINTS = np.array([*(rule.point for rule in EVIDENCE), 1], dtype=np.int64)  # BY_PEOPLE is the last
_WHY, _VETOES = texts(rule.why for rule in EVIDENCE), texts(veto.why for veto in VETOES)


def decisions(rows: pd.DataFrame, lookups: Lookups, hospital: Hospital) -> pd.DataFrame:
    """The decisions on a frame of OBSERVATION_COLUMNS, as sources.base.Stream has them. Never raises for a row's
    content.
    """
    return _Decided(rows, lookups, hospital).frame()


def explained(rows: pd.DataFrame, lookups: Lookups, hospital: Hospital, concept_id: int) -> pd.DataFrame:
    """The same of the rows with this question alone, with what decided, as sources.base.Stream has it."""
    decided = _Decided(rows, lookups, hospital)
    chosen = np.flatnonzero((rows["concept_id"] == concept_id).to_numpy())
    return decided.frame().iloc[chosen].assign(matched=decided.matched(chosen), cue=decided.cues(chosen))


def known_codes() -> dict[str, str]:
    """What the rules make of a question with one of these mappings (`CIEL:5089`), by point 2."""
    return {code: rule.category for rule in reversed(EVIDENCE) for code in rule.codes if not code.endswith(":*")}


class _Decided:
    """A frame of rows, each decided."""

    def __init__(self, observations: pd.DataFrame, lookups: Lookups, hospital: Hospital) -> None:
        interpretation = self._interpretation = lookups.derived(Interpretation, hospital.settings)
        third_persons = hospital.settings.take_over_third_persons
        rows = Rows.of(observations, interpretation, parents_of(observations), third_persons=third_persons)
        # Of which visit an answer is makes no difference to what becomes of it.
        self._rows, self._grouped = rows, group(rows, interpretation, no_visits(rows.size))
        self._question, self._categories = rows.values.question, rows.categories
        overlaid = interpretation.overlaid
        self._by_people = (rows.categories.rule == BY_PEOPLE) | overlaid.ignored[self._question]

    def frame(self) -> pd.DataFrame:
        rule, people = self._categories.rule, np.flatnonzero(self._by_people)
        overlaid = self._interpretation.overlaid
        why, point = _WHY[rule], _POINTS[rule]
        why[people] = texts(overlaid.told)[overlaid.rules[self._question[people]]]
        point[people] = 1
        columns = {
            "row_id": self._rows.obs_id,
            "concept_id": self._rows.observations["concept_id"].to_numpy(dtype=np.int64),
            "value_type": self._rows.values.value_type,
            "becomes": _becomes(self._rows, self._grouped),
            "point": point,
            "why": why,
            "veto": self._vetoes(),
            "reason": self._grouped.reason,
        }
        return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()})

    def _vetoes(self) -> Texts:
        """Why a row is a note that would have been something else."""
        categories, remark = self._categories, self._grouped.details.remark
        vetoes = _VETOES[categories.veto]
        vetoes[categories.taken_back] = TAKEN_BACK
        vetoes[categories.category == categories.evident] = None
        for at in np.flatnonzero(pd.notna(remark)).tolist():
            vetoes[at] = f"a row beside it says: {remark[at]}"
        return vetoes

    def matched(self, chosen: Positions) -> Texts:
        """What of the question the rule went by; the types and the class of an answer it may name, never the answer."""
        texts_of: dict[tuple[int, int], str | None] = {}
        vocabulary = self._interpretation.vocabulary
        rules = np.where(self._by_people[chosen], BY_PEOPLE, self._categories.rule[chosen])
        for key in {*zip(rules.tolist(), self._question[chosen].tolist(), strict=True)}:
            rule, question = key
            texts_of[key] = "; ".join(_matched(EVIDENCE[rule], vocabulary, question)) if rule != BY_PEOPLE else None
        found = [texts_of[key] for key in zip(rules.tolist(), self._question[chosen].tolist(), strict=True)]
        return texts(found)[:-1]

    def cues(self, chosen: Positions) -> Texts:
        """What a veto went by: words of the question's names, or the name of a group around the row."""
        tables, vocabulary = self._interpretation.tables, self._interpretation.vocabulary
        cues = np.full(self._rows.size, None, dtype=object)
        for number, compiled in enumerate(tables.vetoes.compiled):
            at = chosen[self._categories.veto[chosen] == number]
            if not len(at):
                continue
            cues[at] = ELSEWHERE
            flagged = compiled.questions[self._question]
            if compiled.veto.headers:
                header = nearest(self._rows.parent, flagged)
                inside = at[header[at] >= 0]
                cues[inside] = [f"in the group {name}" for name in vocabulary.name[self._question[header[inside]]]]
            own = at[flagged[at] & ~self._by_people[at]]
            for question in np.unique(self._question[own]).tolist():
                words = _found(vocabulary, compiled.veto.words, question, searched=True)
                cues[own[self._question[own] == question]] = f"in its names: {', '.join(words)}"
        return cues[chosen]


def _becomes(rows: Rows, grouped: Grouped) -> Texts:
    """The type of the record that each row leads, VISIT of a plain answer, PART of what else belongs to a record."""
    becomes = np.where(grouped.role == ANSWER, VISIT, np.full(rows.size, PART, dtype=object))
    for outcome in (PARKED, SKIPPED):
        becomes[grouped.outcome == outcome] = outcome
    leads: Flags = grouped.outcome == LEAD
    becomes[leads] = rows.categories.category[leads]
    return becomes


def _matched(rule: Rule, vocabulary: Vocabulary, question: int) -> Iterator[str]:
    if rule.codes:
        codes = [code for code in rule.codes if vocabulary.mapped_to((code,))[question]]
        yield f"mapped to {', '.join(codes)}"
    if rule.names:
        yield f"called {', '.join(name for name in rule.names if vocabulary.called((name,))[question])}"
    if rule.classes:
        yield f"of class {vocabulary.concept_class[question]}"
    if rule.words:
        yield f"the words {', '.join(_found(vocabulary, rule.words, question))} in its names"
    if rule.ranged:
        yield "has a normal or critical range"
    if rule.answers:
        yield f"answered with one of class {', '.join(rule.answers)}"
    if rule.yes:
        yield "answered with yes"
    if rule.image_file:
        yield "a picture"


def _found(vocabulary: Vocabulary, words: tuple[str, ...], question: int, **options: bool) -> list[str]:
    """Which of these words are in the names of a question."""
    return [word for word in dict.fromkeys(words) if vocabulary.named((word,), **options)[question]]
