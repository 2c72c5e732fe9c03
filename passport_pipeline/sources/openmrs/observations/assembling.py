"""Which rows of a frame belong to a construct, and which of them count: one engine for all constructs.

Two leaders or two different answers are nobody's word: nothing is guessed, and the rows are read by themselves.

What belongs here: leaders and members by group, what their answers mean, which leaders are taken back. What does not:
what the answers say of a record (diagnoses, prescriptions, lab_results, immunizations), the rows' outcomes (grouping).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.drafts import BOOLEAN
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.categories import Tables
from passport_pipeline.sources.openmrs.observations.constructs import THE_WORD, Declared, Meaning
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.values import Values
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts


@dataclass(frozen=True)
class Assembly:
    """What one construct makes of a frame's rows; one element a row.

    claimed   the rows that lead the construct, or may do so and cannot be shown
    doubted   those of them that claim nothing, because a row beside them takes them back, or because it is not clear
              whether one does
    member    the number of the member that the row is asked for, -1 for none
    of        the leader that it belongs to, -1 for none
    counted   whether it says something of the only leader of its group
    meaning   what its answer means (Meaning), 0 where nothing
    takes     whether it takes back the leaders of its group, or leaves that open
    """

    declared: Declared
    claimed: Flags
    doubted: Flags
    member: npt.NDArray[np.intp]
    of: Positions
    counted: Flags
    meaning: npt.NDArray[np.intp]
    takes: Flags

    @property
    def role(self) -> Texts:
        """The role of each row, as far as it is asked for a member."""
        roles: Texts = np.array([*(member.role for member in self.declared.members), None], dtype=object)
        return roles[self.member]

    def asked(self, *roles: str) -> Flags:
        """The rows that are asked for a member of one of these roles, whether they count or not."""
        chosen = [member.role in roles for member in self.declared.members]
        flags: Flags = np.array([*chosen, False], dtype=bool)[self.member]
        return flags

    def said(self, role: str) -> tuple[Positions, Positions]:
        """The leaders of which a row of this role says something, and that row; the same length, by leader. Several
        rows that say the same count once.
        """
        rows = np.flatnonzero(self.counted & self.asked(role))
        leaders, first = np.unique(self.of[rows], return_index=True)
        return leaders, rows[first]

    def words(self, role: str) -> Iterator[tuple[int, str]]:
        """Each leader of which a row of this role says one of its words, and the word."""
        for leader, at in zip(*(each.tolist() for each in self.said(role)), strict=True):
            word = self.word(at)
            if word:
                yield leader, word

    def word(self, at: int) -> str:
        """What the answer of a row means, "" where nothing."""
        meaning = self.declared.meanings[self.member[at]]
        return meaning.words[self.meaning[at]] if meaning else ""

    def taken(self, values: Values, names: Texts) -> Iterator[tuple[int, str]]:
        """Each row that takes a leader back and belongs to one, with its text; `names` are those of concepts."""
        for at in self._in_order(self.takes & (self.of >= 0)):
            text = self.word(at) or self._text(at, values, names)
            if text:
                yield at, text

    def told(self, values: Values, names: Texts, *, without: str = "") -> Iterator[tuple[int, str]]:
        """Each other row that is read behind its leader, with its text, in the order of the members. Those of the
        role `without` are left out.
        """
        tells = [member.tells and member.role != without for member in self.declared.members]
        for at in self._in_order(self.counted & ~self.takes & np.array([*tells, False], dtype=bool)[self.member]):
            text = self._text(at, values, names)
            if text:
                yield at, text

    def _in_order(self, flags: Flags) -> list[int]:
        rows = np.flatnonzero(flags)
        ordered: list[int] = rows[np.argsort(self.member[rows], kind="stable")].tolist()
        return ordered

    def _text(self, at: int, values: Values, names: Texts) -> str | None:
        member, answer = self.declared.members[int(self.member[at])], values.display[at]
        if answer is None:
            return member.without_value
        if member.shown == THE_WORD:
            return self.word(at)
        shown = member.shown or f"{names[values.question[at]]}: {{}}"
        return shown.replace("{}", str(answer))


@dataclass(frozen=True)
class _Asked:
    """The rows asked for a member in groups that have a leader; one element each.

    leader  the first leader of the group, one that can be shown if there is one
    single  whether it is the only one
    """

    rows: Positions
    member: npt.NDArray[np.intp]
    leader: Positions
    single: Flags
    meaning: npt.NDArray[np.intp]


def assemble(
    declared: Declared, rows: Rows, tables: Tables, *, claimed: Flags, able: Flags, free: Flags, always: Flags
) -> Assembly:
    """Which rows belong to which leader.

    `claimed` are the rows that lead the construct, or may do so and cannot be shown; `able` those of them to which
    others may belong; `free` the rows that belong to nothing yet and may be members; `always` those that may be members
    that always belong to a leader.
    """
    member = np.where((rows.group >= 0) & ~claimed, declared.member[rows.values.question], -1)
    asked = _asked(declared, rows, tables, member, _leaders(rows, claimed, able))
    kept = _each(declared, "always")[asked.member] & always[asked.rows]
    eligible = kept | free[asked.rows] | _bare(declared, rows, asked)
    counts = eligible & asked.single & able[asked.leader] & _agreeing(declared, rows.values, asked, eligible)
    counts &= _understood(declared, rows, asked)
    counts &= _needed(declared, asked, counts)
    takes = _taking(declared, rows, tables, asked, counts)
    belongs = counts | kept
    of = np.full(rows.size, -1, dtype=np.intp)
    of[asked.rows[belongs]] = asked.leader[belongs]
    meaning = np.zeros(rows.size, dtype=np.intp)
    meaning[asked.rows] = asked.meaning
    settled = asked.leader[counts & _each(declared, "settles")[asked.member]]
    doubted = claimed & np.isin(rows.group, rows.group[asked.rows[takes]])
    doubted |= claimed & declared.unsettled[rows.values.question] & ~np.isin(np.arange(rows.size), settled)
    return Assembly(
        declared,
        claimed,
        doubted,
        member,
        of,
        _flags(rows, asked.rows[counts]),
        meaning,
        _flags(rows, asked.rows[takes]),
    )


def _flags(rows: Rows, positions: Positions) -> Flags:
    flags = np.zeros(rows.size, dtype=bool)
    flags[positions] = True
    return flags


def _each(declared: Declared, field: str) -> Flags:
    """Of each member whether it has this field."""
    return np.array([bool(getattr(member, field)) for member in declared.members], dtype=bool)


def _leaders(rows: Rows, claimed: Flags, able: Flags) -> tuple[Positions, Flags]:
    """The first leader of each group, one that can be shown if there is one, and whether it is the only one."""
    leaders = np.flatnonzero(claimed & (rows.group >= 0))
    leaders = leaders[np.lexsort((rows.obs_id[leaders], ~able[leaders]))]
    _, first, count = np.unique(rows.group[leaders], return_index=True, return_counts=True)
    return leaders[first], count == 1


def _asked(
    declared: Declared, rows: Rows, tables: Tables, member: npt.NDArray[np.intp], leaders: tuple[Positions, Flags]
) -> _Asked:
    leader, single = leaders
    asked = np.flatnonzero(member >= 0)
    place = pd.Index(rows.group[leader]).get_indexer(pd.Index(rows.group[asked]))
    asked, place = asked[place >= 0], place[place >= 0]
    meaning = np.zeros(len(asked), dtype=np.intp)
    for number, means in enumerate(declared.meanings):
        places = np.flatnonzero(member[asked] == number)
        if means is not None and len(places):
            meaning[places] = _meanings(means, rows.values, tables, asked[places])
    return _Asked(asked, member[asked], leader[place], single[place], meaning)


def _meanings(meaning: Meaning, values: Values, tables: Tables, rows: Positions) -> npt.NDArray[np.intp]:
    """What each row answers, as a number of its Meaning; 0 where it answers nothing, or something else."""
    numbers = meaning.by_answer[values.answer[rows]]
    uncoded = np.flatnonzero(values.answer[rows] < 0)
    said = values.display[rows[uncoded]]
    flags = values.value_type[rows[uncoded]] == BOOLEAN
    said[flags] = np.where(said[flags] == tables.yes_name, "yes", "no")
    codes, texts = pd.factorize(said)
    numbers[uncoded] = np.array([*(meaning.by_text.get(fold(text), 0) for text in texts), 0], dtype=np.intp)[codes]
    return numbers


def _understood(declared: Declared, rows: Rows, asked: _Asked) -> Flags:
    """Rows whose value says something: it is shown, of the right type, and one of the words where only these count."""
    shown: Flags = np.asarray(pd.notna(rows.values.display[asked.rows]), dtype=bool)
    kinds = rows.values.value_type[asked.rows]
    for number, member in enumerate(declared.members):
        of_member = asked.member == number
        if member.types:
            shown &= ~of_member | np.isin(kinds, member.types)
        if member.words is not None and not member.holds:
            shown &= ~of_member | (asked.meaning > 0)
    return shown | _bare(declared, rows, asked)


def _bare(declared: Declared, rows: Rows, asked: _Asked) -> Flags:
    """Rows that say something although they have no value."""
    speaking = _each(declared, "without_value")[asked.member]
    if not speaking.any():
        return speaking
    mute = rows.empty & ~_flags(rows, rows.parent[rows.parent >= 0]) & ~rows.withheld & ~rows.qualified
    return speaking & mute[asked.rows]


def _agreeing(declared: Declared, values: Values, asked: _Asked, eligible: Flags) -> Flags:
    """Rows with which no other of their leader and role differs; where a member settles something, none is allowed."""
    roles = [member.role for member in declared.members]
    key = asked.leader * len(roles) + np.array([roles.index(role) for role in roles], dtype=np.intp)[asked.member]
    texts, _ = pd.factorize(values.display[asked.rows])
    said = np.where(asked.meaning > 0, -2 - asked.meaning, texts)
    saying = eligible & np.asarray(pd.notna(values.display[asked.rows]), dtype=bool)
    of_key = pd.DataFrame({"key": key[saying], "said": said[saying]}).groupby("key")["said"].agg(["min", "max", "size"])
    lowest, highest, size = of_key.reindex(key).fillna(0).to_numpy().T
    agreeing: Flags = (lowest == highest) & (~_each(declared, "settles")[asked.member] | (size <= 1))
    return agreeing


def _needed(declared: Declared, asked: _Asked, counts: Flags) -> Flags:
    """Rows that need no other row, or whose leader has it."""
    met = np.ones(len(counts), dtype=bool)
    for number, member in enumerate(declared.members):
        if member.needs is not None:
            has = asked.leader[counts & np.isin(asked.member, declared.of_role(member.needs))]
            met &= (asked.member != number) | np.isin(asked.leader, has)
    return met


def _taking(declared: Declared, rows: Rows, tables: Tables, asked: _Asked, counts: Flags) -> Flags:
    """Rows that take back the leaders of their group, or leave open whether they do."""
    at, taken_back = asked.rows, rows.categories.taken_back
    takes: Flags = _each(declared, "always")[asked.member] & taken_back[at] & ~taken_back[asked.leader]
    for number, member in enumerate(declared.members):
        means, of_member = declared.meanings[number], (asked.member == number) & ~rows.empty[at]
        if means is not None and member.holds:
            takes |= of_member & ~(counts & np.isin(asked.meaning, means.numbers(member.holds)))
        if means is not None and member.fails:
            takes |= of_member & np.isin(asked.meaning, means.numbers(member.fails))
        if member.takes_back:
            codes, texts = pd.factorize(rows.values.display[at[of_member]])
            takes[of_member] |= np.array([*(bool(tables.takes_back.search(fold(text))) for text in texts), False])[
                codes
            ]
    return takes & ~rows.withheld[at]
