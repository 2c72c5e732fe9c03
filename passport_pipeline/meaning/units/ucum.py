"""The UCUM code of a unit, where its text surely is one.

What belongs here: comparing a text with the spellings of units.yaml. What does not: the spellings themselves, and
converting values between units. A wrong code would let a reader compare numbers that are not comparable, so a text that
is not listed has none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, model_validator

from passport_pipeline.meaning.data_files import read_yaml

_MICRO = str.maketrans({"\u00b5": "u", "\u03bc": "u", "\u00d7": "x"})


class UnitFile(BaseModel):
    """units.yaml: spellings by code, written with commas. A spelling that two codes claim is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    spellings: dict[str, str]
    in_their_case: dict[str, str]

    def codes(self) -> tuple[dict[str, str], dict[str, str]]:
        """Code by spelling: those in which capitals do not count, and those in which they do. Raises ValueError."""
        return _by_spelling(self.spellings, fold_case=True), _by_spelling(self.in_their_case, fold_case=False)

    @model_validator(mode="after")
    def _each_once(self) -> UnitFile:
        folded, exact = self.codes()
        both = folded.keys() & {spelling.casefold() for spelling in exact}
        if both:
            raise ValueError(f"{min(both)} is in both lists")
        return self


def ucum_code(text: str | None) -> str | None:
    """The UCUM code of a unit as people write it: "MG / DL" is `mg/dL`; None where it is unsure or there is no unit."""
    if not text:
        return None
    folded, exact = _codes()
    written = _plain(text)
    return exact.get(written) or folded.get(written.casefold())


@functools.cache
def unit_file() -> UnitFile:
    """units.yaml, checked. Raises pydantic's ValidationError if it is not right."""
    return UnitFile.model_validate(read_yaml(__package__, "units.yaml"))


@functools.cache
def _codes() -> tuple[dict[str, str], dict[str, str]]:
    return unit_file().codes()


def _by_spelling(listed: Mapping[str, str], *, fold_case: bool) -> dict[str, str]:
    codes: dict[str, str] = {}
    for code, spellings in listed.items():
        for each in spellings.split(","):
            spelling = _plain(each.casefold() if fold_case else each)
            if not spelling or codes.setdefault(spelling, code) != code:
                raise ValueError(f"`{each.strip()}` of {code} is empty, or another code's too")
    return codes


def _plain(text: str) -> str:
    """Without spaces, and with one form of mu and of the times sign. Superscripts stay: "10³" is not "103"."""
    return re.sub(r"\s+", "", text).translate(_MICRO)
