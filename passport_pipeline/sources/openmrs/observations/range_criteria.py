"""The criteria of OpenMRS's reference ranges: which persons a range is for.

A criterion is an expression that OpenMRS evaluates (Velocity until 2.7.8, SpEL since), such as
`$patient.getAge() >= 5 && $patient.getGender().equals('F')`. Understood are comparisons of the age in years, months,
weeks or days with a whole number, those of the sex with a letter, `&&`, `||`, `!` and brackets. Of any other expression
nothing is known.

A comparison holds, does not hold, or is unknown: of a person without a birthdate or sex; and of one whose birthdate is
estimated, unless it holds alike for a birthdate one year earlier and one year later. The age is that on the day of the
observation.

What belongs here: this grammar. What does not: which range follows (ranges).

Sources: openmrs-core's ConceptReferenceRangeUtility, Person.getAge, getAgeInMonths, getAgeInWeeks and getAgeInDays.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts

_Months = npt.NDArray[np.int64]

_AGE = r"\$patient\.(?:getAge(?P<{0}>|InMonths|InWeeks|InDays)\(\)|age(?P<{0}p>|InMonths|InWeeks|InDays)\b)"
_SEX = r"\$patient\.(?:getGender\(\)|gender)"
_LETTER = r"(?P<q{0}>['\"])(?P<letter{0}>[A-Za-z]+)(?P=q{0})"
_COMPARED = r"(?P<{0}>>=|<=|==|!=|>|<|\bge\b|\ble\b|\bgt\b|\blt\b|\beq\b|\bne\b)"
_TOKENS = re.compile(
    r"\s*(?:"
    + "|".join(
        (
            rf"{_AGE.format('unit')}\s*{_COMPARED.format('than')}\s*(?P<number>\d{{1,5}})(?![\w.])",
            rf"(?P<first>\d{{1,5}})\s*{_COMPARED.format('turned')}\s*{_AGE.format('unit2')}",
            rf"{_SEX}\s*(?:\.equals(?:IgnoreCase)?\(\s*{_LETTER.format(1)}\s*\)|(?P<is>==|\beq\b|!=|\bne\b)\s*{_LETTER.format(2)})",
            rf"{_LETTER.format(3)}\.equals(?:IgnoreCase)?\(\s*{_SEX}\s*\)",
            r"(?P<and>&&|\band\b)",
            r"(?P<or>\|\||\bor\b)",
            r"(?P<not>!|\bnot\b)",
            r"(?P<open>\()",
            r"(?P<close>\))",
        )
    )
    + ")",
    re.IGNORECASE,
)
_OPERATORS: dict[str, Callable[[_Months, int], Flags]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
    "ge": operator.ge,
    "le": operator.le,
    "gt": operator.gt,
    "lt": operator.lt,
    "eq": operator.eq,
    "ne": operator.ne,
}
_TURNED = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "ge": "le", "le": "ge", "gt": "lt", "lt": "gt"}
_SEXES = ("M", "F")


@dataclass(frozen=True)
class Holds:
    """Of each person whether something is true, and whether that is known; what is unknown is not true."""

    true: Flags
    known: Flags

    def __and__(self, other: Holds) -> Holds:
        return Holds(self.true & other.true, self.known & other.known | self._false | other._false)

    def __or__(self, other: Holds) -> Holds:
        return Holds(self.true | other.true, self.known & other.known | self.true | other.true)

    def __invert__(self) -> Holds:
        return Holds(self._false, self.known)

    @property
    def _false(self) -> Flags:
        return self.known & ~self.true


@dataclass(frozen=True)
class Persons:
    """Of each row the sex ("M", "F", else None), the day of the observation and the birthdate (NaT where unknown), and
    whether that is estimated.
    """

    sex: Texts
    day: npt.NDArray[np.datetime64]
    born: npt.NDArray[np.datetime64]
    estimated: Flags

    @classmethod
    def of(cls, observations: pd.DataFrame) -> Persons:
        """The persons of a frame of OBSERVATION_COLUMNS; of a batch of an earlier version nothing is known."""
        size = len(observations)
        day = observations["obs_datetime"].to_numpy(dtype="datetime64[D]")
        if "birthdate" not in observations:
            return cls(
                np.full(size, None), day, np.full(size, "NaT", dtype="datetime64[D]"), np.zeros(size, dtype=bool)
            )
        codes, texts = pd.factorize(observations["gender"])
        letters = [text.strip().upper() if text.strip().upper() in _SEXES else None for text in texts.tolist()]
        sex: Texts = np.array([*letters, None], dtype=object)[codes]
        estimated = observations["birthdate_estimated"].fillna(1).to_numpy(dtype=np.int64) != 0
        return cls(sex, day, observations["birthdate"].to_numpy(dtype="datetime64[D]"), estimated)

    def take(self, positions: Positions) -> Persons:
        """Those at these positions."""
        return Persons(self.sex[positions], self.day[positions], self.born[positions], self.estimated[positions])

    def compared(self, unit: str, than: Callable[[_Months, int], Flags], number: int) -> Holds:
        """How the age compares with a number of years, months, weeks or days (`unit` as methods of OpenMRS end)."""
        shifts = (0, -1, 1)
        results = [than(_age(self.born + _years(shift, self.born), self.day, unit), number) for shift in shifts]
        alike = (results[0] == results[1]) & (results[0] == results[2])
        known = ~np.isnat(self.born) & ~np.isnat(self.day) & (self.born <= self.day) & (alike | ~self.estimated)
        return Holds(results[0] & known, known)

    def is_of_sex(self, letter: str) -> Holds:
        """Whether the sex is this one."""
        known = np.array(self.sex != None, dtype=bool)  # noqa: E711 - one element at a time
        return Holds(np.array(self.sex == letter.upper(), dtype=bool) & known, known)


Criterion = Callable[[Persons], Holds]


def read_criterion(criteria: object) -> Criterion | None:
    """Read a criterion; None where it is not understood whole."""
    if not isinstance(criteria, str):
        return None
    tokens, at = [], 0
    while at < len(criteria.rstrip()):
        token = _TOKENS.match(criteria, at)
        if token is None:
            return None
        tokens.append(token)
        at = token.end()
    reading = _Reading(tokens)
    criterion = reading.alternatives()
    return criterion if reading.done else None


class _Reading:
    """Reading tokens from left to right; None where they make no sense."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self._tokens = tokens[::-1]

    @property
    def done(self) -> bool:
        return not self._tokens

    def alternatives(self) -> Criterion | None:
        return self._joined("or", self._all, operator.or_)

    def _all(self) -> Criterion | None:
        return self._joined("and", self._one, operator.and_)

    def _joined(
        self, name: str, read: Callable[[], Criterion | None], join: Callable[[Holds, Holds], Holds]
    ) -> Criterion | None:
        parts = [read()]
        while self._take(name):
            parts.append(read())
        criteria = [part for part in parts if part is not None]
        if len(criteria) < len(parts):
            return None
        return lambda persons: reduce(join, (criterion(persons) for criterion in criteria))

    def _one(self) -> Criterion | None:
        if self._take("not"):
            negated = self._one()
            return None if negated is None else lambda persons: ~negated(persons)
        if self._take("open"):
            inner = self.alternatives()
            return inner if self._take("close") else None
        return _comparison(self._tokens.pop()) if self._tokens else None

    def _take(self, name: str) -> bool:
        if self._tokens and self._tokens[-1][name]:
            self._tokens.pop()
            return True
        return False


def _comparison(token: re.Match[str]) -> Criterion | None:
    named = token.groupdict()
    letter = named["letter1"] or named["letter2"] or named["letter3"]
    if letter:
        if letter.upper() not in _SEXES:
            return None
        differs = (named["is"] or "").lower() in {"!=", "ne"}
        return lambda persons: ~persons.is_of_sex(letter) if differs else persons.is_of_sex(letter)
    written = named["number"] or named["first"]
    if not written:
        return None
    number = int(written)
    than = named["than"] or _TURNED.get(named["turned"].lower(), named["turned"])
    unit = next((named[name] for name in ("unit", "unitp", "unit2", "unit2p") if named[name]), "")
    return lambda persons: persons.compared(unit.casefold(), _OPERATORS[than.lower()], number)


def _years(shift: int, born: npt.NDArray[np.datetime64]) -> npt.NDArray[np.timedelta64]:
    return np.full(len(born), shift * 366 if shift else 0, dtype="timedelta64[D]")


def _age(born: npt.NDArray[np.datetime64], day: npt.NDArray[np.datetime64], unit: str) -> _Months:
    """The age in whole years, months, weeks or days."""
    days = (day - born).astype("timedelta64[D]").astype(np.int64)
    if unit == "indays":
        return days
    if unit == "inweeks":
        return days // 7
    months_born, months_now = born.astype("datetime64[M]"), day.astype("datetime64[M]")
    later = (born - months_born.astype("datetime64[D]")) > (day - months_now.astype("datetime64[D]"))
    months: _Months = (months_now - months_born).astype(np.int64) - later
    return months if unit == "inmonths" else months // 12
