"""Which observations state an allergy of the patient, and what a reader of the passport is shown of it.

What belongs here: the questions that ask for an allergy, the parts of a group (substance, reaction, severity), and the
text of an entry. What does not: what one answer says in words (allergy_answers), which words are those of an allergy
and what takes it back (evidence), the patients' lists (passport.patients.allergies).

An entry says what a row says, and less where that is not certain. Nothing is ever made of an answer that there is none:
the application says so by itself where it finds no entry.

    substance  answered to a question for an allergy, or to one for its substance in a group that is called an allergy
    yes        the question's name is the entry: "Allergy to penicillin"
    details    reaction and severity, shown with the substance of their group if it has just one; without any, the entry
               says that the substance is not stated
    diagnosis  "Allergy to penicillin", coded or written, is an entry, and stays a record
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from passport_pipeline.sources.drafts import (
    ALLERGY_COLUMNS,
    ATTACHED,
    BOOLEAN,
    CODED,
    CONDITION,
    DRUG,
    LEAD,
    TEXT,
)
from passport_pipeline.sources.openmrs.observations.allergy_answers import (
    is_a_question,
    is_unknown,
    is_vague,
    names_allergy,
    question_name,
    shortened,
    stated,
    takes_back,
)
from passport_pipeline.sources.openmrs.observations.categories import affirmed
from passport_pipeline.sources.openmrs.observations.constructs import DIAGNOSIS
from passport_pipeline.sources.openmrs.observations.evidence import VETOES
from passport_pipeline.sources.openmrs.observations.grouping import Grouped
from passport_pipeline.sources.openmrs.observations.interpretation import Interpretation
from passport_pipeline.sources.openmrs.observations.nesting import DEEPEST, around
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions

NOT_STATED = "Allergy, substance not stated"


@dataclass
class _Group:
    """What the rows of one group say of one person's allergy; rows as positions, each with its text."""

    substances: list[tuple[int, str]] = field(default_factory=list)
    vague: list[tuple[int, str]] = field(default_factory=list)  # that there is one, and not what it is to
    reactions: list[tuple[int, str]] = field(default_factory=list)
    severities: list[tuple[int, str]] = field(default_factory=list)
    denied: bool = False
    no_longer: bool = False

    def entries(self) -> Iterator[tuple[int, str]]:
        """The entries, each with the position of the row that it counts for."""
        if self.no_longer:
            return
        if len({text.casefold() for _, text in self.substances}) == 1:
            at, text = self.substances[0]
            yield at, text + self._details()
        elif self.substances:
            yield from self.substances
        elif self.vague:
            at, text = self.vague[0]
            yield at, text + self._details()
        elif not self.denied:
            for at, _ in sorted([*self.reactions, *self.severities])[:1]:
                yield at, NOT_STATED + self._details()

    def _details(self) -> str:
        reactions, severities = ([*dict.fromkeys(text for _, text in of)] for of in (self.reactions, self.severities))
        parts = [f"reaction: {', '.join(reactions)}"] if reactions else []
        parts += [text.lower() if text.isascii() and not text.isupper() else text for text in severities]
        return f" ({', '.join(parts)})" if parts else ""


def allergies(rows: Rows, grouped: Grouped, identified: pd.DataFrame, interpretation: Interpretation) -> pd.DataFrame:
    """The entries that the rows of a frame state, by row_id: ALLERGY_COLUMNS as Drafts.allergies has them.

    `identified` is Drafter.identities' frame. Never raises for a row's content.
    """
    reading = _Reading(rows, grouped, interpretation)
    person = identified["person_id"].to_numpy()
    groups: defaultdict[tuple[int, int], _Group] = defaultdict(_Group)
    for at, key in reading.asked():
        reading.read(at, groups[key, int(person[at])])
    entries = [entry for group in groups.values() for entry in group.entries()]
    entries += reading.diagnoses()
    row_id = identified["row_id"].to_numpy()
    entries.sort(key=lambda entry: row_id[entry[0]])
    positions = [at for at, _ in entries]
    texts = pd.Series([shortened(text) for _, text in entries], dtype="str")
    observed = rows.observations["obs_datetime"].iloc[positions].to_numpy(dtype="datetime64[us]")
    return identified.iloc[positions].reset_index(drop=True).assign(at=observed, text=texts)[ALLERGY_COLUMNS]


class _Reading:
    """A frame's rows, as far as they say something of an allergy."""

    def __init__(self, rows: Rows, grouped: Grouped, interpretation: Interpretation) -> None:
        self._rows, self._questions, self._name = rows, interpretation.allergies, interpretation.vocabulary.name
        self._values, self._question, self._answer = rows.values, rows.values.question, rows.values.answer
        shown = pd.notna(rows.values.display) & np.isin(rows.values.value_type, (CODED, DRUG, TEXT, BOOLEAN))
        self._shown: Flags = shown & np.isin(grouped.outcome, (LEAD, ATTACHED)) & ~_taken_back(rows)
        self._doubted = grouped.doubted
        self._yes = affirmed(rows.values, interpretation.tables)
        self._asks = self._questions.asks[self._question]
        self._header = _nearest(rows.parent, self._asks)

    def asked(self) -> Iterator[tuple[int, int]]:
        """The rows that are asked for an allergy, or in a group that is called so, by obs_id; each with the number of
        the rows that are read together.
        """
        chosen = np.flatnonzero(self._shown & (self._asks | (self._header >= 0)))
        chosen = chosen[~self._around(chosen)]
        parent = self._rows.parent
        heads = np.zeros(self._rows.size, dtype=bool)
        heads[self._header[self._header >= 0]] = True
        key = np.where(self._header >= 0, self._header, np.where(parent >= 0, parent, np.arange(len(parent))))
        key = np.where(self._asks & heads, np.arange(len(parent)), key)
        for at in chosen[np.argsort(self._rows.obs_id[chosen], kind="stable")].tolist():
            yield at, int(key[at])

    def read(self, at: int, group: _Group) -> None:
        """Add what a row says to its group."""
        questions, question, answer = self._questions, self._question[at], self._answer[at]
        over = questions.no_longer[answer] or (self._values.value_type[at] == BOOLEAN and not self._yes[at])
        if over and questions.status[question] and not self._asks[at]:
            group.no_longer = True
        if questions.taken_back[question]:
            return
        drug = bool(self._values.value_type[at] == DRUG or questions.drug[answer])
        reaction = questions.reaction[question] and not drug
        if self._yes[at]:
            self._read_yes(at, group)
            return
        text = self._stated(at)
        if text is None:
            asked = not reaction and (self._asks[at] or questions.substance[question])
            group.denied |= bool(asked and not is_unknown(self._values.display[at]))
        elif reaction:
            group.reactions.append((at, text))
        elif questions.severity[question]:
            group.severities.append((at, text))
        elif is_vague(text) and (self._asks[at] or questions.substance[question]):
            group.vague.append((at, f"{self._asked(at)}: {text}"))
        elif self._asks[at] and not drug and not is_vague(self._asked(at)):
            group.substances.append((at, f"{self._asked(at)}: {text}"))  # "Penicillin allergy: severe"
        elif self._asks[at] or questions.substance[question] or drug or self._is_written_as_one(at, text):
            group.substances.append((at, text))

    def diagnoses(self) -> Iterator[tuple[int, str]]:
        """The diagnoses that are an allergy to something, each with its text."""
        questions = self._questions
        chosen = np.flatnonzero(self._shown & ~self._asks & (self._header < 0) & ~self._doubted & self._diagnosed())
        coded = questions.named[self._answer[chosen]] & ~questions.taken_back_around[self._answer[chosen]]
        written = self._values.value_type[chosen] == TEXT
        chosen = chosen[(coded | written) & ~questions.taken_back[self._question[chosen]]]
        for at in chosen[~self._around(chosen)].tolist():
            text = self._stated(at)
            if text is not None and names_allergy(text):
                yield at, text

    def _read_yes(self, at: int, group: _Group) -> None:
        """What a question says that was answered with yes."""
        questions, question = self._questions, self._question[at]
        text = question_name(str(self._name[question]))
        if text is None or questions.severity[question] or questions.done[question]:
            return
        if self._asks[at]:
            entry = f"{text}: {self._values.display[at]}" if is_a_question(text) else text
            (group.vague if is_vague(text) else group.substances).append((at, entry))
        elif questions.named_thing[question] and not questions.reaction[question]:
            group.substances.append((at, text))
        elif questions.finding[question]:
            group.reactions.append((at, text))

    def _stated(self, at: int) -> str | None:
        """What the row's answer states; None where it denies."""
        answer = self._answer[at]
        denies = self._questions.denies[answer] or self._questions.no_longer[answer]
        return None if denies else stated(self._values.display[at])

    def _is_written_as_one(self, at: int, text: str) -> bool:
        return bool(self._values.value_type[at] == TEXT and names_allergy(text))

    def _asked(self, at: int) -> str:
        """The name of the question that asks for an allergy, or of the header that is called one."""
        asked = self._question[at] if self._asks[at] else self._question[self._header[at]]
        return question_name(str(self._name[asked])) or "Allergy"

    def _diagnosed(self) -> Flags:
        """Rows that are diagnoses, or were until a veto."""
        asked: Flags = np.asarray(self._rows.categories.role == DIAGNOSIS, dtype=bool)
        return asked | self._rows.categories.by_evidence(CONDITION)

    def _around(self, chosen: Positions) -> Flags:
        return around(chosen, self._rows.parent, self._questions.taken_back_around[self._question])


_ABOUT_OTHERS = [number for number, veto in enumerate(VETOES) if veto.whose == "other"]


def _taken_back(rows: Rows) -> Flags:
    """The rows that a comment, a state or a row beside them takes back, or gives to somebody else."""
    taken_back = rows.categories.taken_back | np.isin(rows.categories.veto, _ABOUT_OTHERS)
    comments = rows.observations["comments"]
    commented = np.flatnonzero(comments.notna().to_numpy())
    taken_back[commented] = [takes_back(str(comment)) for comment in comments.iloc[commented].tolist()]
    return taken_back


def _nearest(parent: Positions, flags: Flags) -> Positions:
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
