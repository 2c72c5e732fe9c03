"""The concepts of the sample dictionary, and what each answer to them means to a clinician.

What belongs here: reading concepts.yaml, and the words of that file. What does not: concept tables of a
hospital (dictionary), forms (forms).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

EMRAPI = "org.openmrs.module.emrapi"

FIRST_LOCAL_ID = 200_000
"""Ids from here on are a hospital's own; the others are the public CIEL numbers."""


class Concept(BaseModel):
    """One concept. `becomes` says what an observation of it is: a record of its own, or part of one.

    becomes     condition, medication, test, visit, image; certainty, order (parts of a diagnosis); header (of
                a group); empty for a concept that is only ever an answer
    en, fr      the fully specified names, where there are such
    short       a SHORT name; French, and the only name, where short_only
    former      a voided name, which must never be shown
    low, high, decimals   what a usual numeric answer looks like
    ranges      low absolute, low critical, low normal, high normal, high critical, high absolute
    answers, members      keys of the concepts that may answer it, or that its group holds
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    id: int
    cls: str
    datatype: str = "N/A"
    becomes: str = ""
    en: str = ""
    fr: str = ""
    short: str = ""
    former: str = ""
    short_only: bool = False
    units: str = ""
    decimals: int = 0
    low: float = 0
    high: float = 0
    ranges: tuple[float | None, ...] = (None,) * 6
    answers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    loinc: str = ""
    emrapi: str = ""
    retired: bool = False

    @property
    def local(self) -> bool:
        """Whether the concept is a hospital's own, known to no public dictionary."""
        return self.id >= FIRST_LOCAL_ID


class Drug(BaseModel):
    """One drug of the formulary; `concept` is the key of its substance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    concept: str
    name: str
    strength: str = ""


@cache
def _file() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    return content


@cache
def concepts() -> dict[str, Concept]:
    """All concepts by key, in the order of the file."""
    return {each["key"]: Concept.model_validate(each) for each in _file()["concepts"]}


@cache
def drugs() -> tuple[Drug, ...]:
    """All drugs, in the order of the file."""
    return tuple(Drug.model_validate(each) for each in _file()["drugs"])
