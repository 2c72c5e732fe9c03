"""Overlay files: what people decided of concepts, for one hospital or for all of a country.

    concepts:
      - concept: CIEL:159364
        type: condition
        why: the clinics of the district write their diagnoses here
        decided_by: A. Uwase, Ministry of Health
        decided_at: 2026-01-31

What belongs here: what an entry may say, and reading the files with every fault and its line. What does not: finding
the concepts in a hospital's dictionary, and what an entry does to a row (sources.openmrs.observations.overlaid).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from passport_pipeline.config.yaml_lines import YamlLines, read_yaml, refuse_faulty
from passport_pipeline.core.errors import ConfigurationError

RecordType = Literal["condition", "medication", "test", "visit", "image"]
Construct = Literal["diagnosis", "non_coded_diagnosis", "certainty", "order", "set", "ruled_out", "revised"]
"""The places of a question in a construct: the two kinds of diagnosis lead a record, the others belong to it."""

LEVELS = 4
"""Of an overlay file: the file, its concepts, one of them, and a list of it."""

_UUID = re.compile(r"[^\s.:]{36,38}")
_MAPPING = re.compile(r"[^\s:]([^:]*[^\s:])?:[^\s:*]([^:*]*[^\s:*])?")


def _concept(value: Any) -> str:
    if not isinstance(value, str) or not (_UUID.fullmatch(value) or _MAPPING.fullmatch(value)):
        raise ValueError("must be a concept's uuid, or one of its mappings like CIEL:1284")
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", value):
        raise ValueError("must be a list of labels in lower-case letters, digits and dashes, like [hiv, mental-health]")
    return value


def _ignored(value: bool) -> bool:
    if not value:
        raise ValueError("must be true, or left out")
    return value


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=500)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class OverlayEntry:
    """What was decided of one concept. It says what its rows are where it is the question (`type`, `ignore` or
    `construct`, one of them), or how sensitive they are wherever they name it (`sensitive`), or both.

    concept     its uuid, or a mapping that is the same as it
    type        what its rows become, unless the answer denies it
    ignore      its rows are skipped
    construct   its place in the diagnosis construct
    sensitive   the labels of records that name it, instead of those that it has by itself; none: not sensitive
    why, decided_by, decided_at   for people
    """

    concept: Annotated[str, BeforeValidator(_concept)]
    why: Words
    decided_by: Words
    decided_at: date
    type: RecordType | None = None
    ignore: Annotated[bool, AfterValidator(_ignored)] | None = None
    construct: Construct | None = None
    sensitive: tuple[Annotated[str, AfterValidator(_label)], ...] | None = None

    @model_validator(mode="after")
    def _decides(self) -> OverlayEntry:
        stated = [self.type, self.ignore, self.construct]
        if sum(each is not None for each in stated) > 1:
            raise ValueError("`type`, `ignore` and `construct` exclude each other; give one of them")
        if not self.rules and self.sensitive is None:
            raise ValueError("it decides nothing; give `type`, `ignore`, `construct` or `sensitive`")
        return self

    @property
    def rules(self) -> bool:
        """Whether it says what the rows are."""
        return not (self.type is None and self.ignore is None and self.construct is None)


@dataclass(frozen=True)
class Overlay:
    """The entries of one file, in its order."""

    name: str
    entries: tuple[OverlayEntry, ...]


_ENTRY = TypeAdapter(OverlayEntry)
FIELDS = ("concept", "type", "ignore", "construct", "sensitive", "why", "decided_by", "decided_at")


class OverlayFiles:
    """Overlay files in a folder, each of which is read once however many hospitals name it. `faults` has those of each
    file, with their lines.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Overlay] = {}
        self.faults: dict[Path, list[tuple[int, str]]] = {}

    def overlay(self, name: str) -> Overlay:
        """The entries of a file that are right. Raises ValueError, with the reason, where it cannot be read."""
        if name not in self._read:
            self._read[name] = self._overlay(name)
        return self._read[name]

    def _overlay(self, name: str) -> Overlay:
        path = self._folder / name
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ValueError(f"{path} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {type(error).__name__}") from None
        file = read_yaml(text, LEVELS)
        entries = tuple(_entries(file)) if not file.faults or file.value is not None else ()
        if file.faults:
            self.faults[path] = file.faults
        return Overlay(name=name, entries=entries)


def read_overlay(path: Path) -> Overlay:
    """One overlay file, wherever it is. Raises ConfigurationError with every fault."""
    files = OverlayFiles(path.parent)
    try:
        overlay = files.overlay(path.name)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    refuse_faulty(files.faults)
    return overlay


def _entries(file: YamlLines) -> Iterator[OverlayEntry]:
    """The entries of a file that are right; the faults of all others are noted there."""
    if not isinstance(file.value, dict):
        file.fault((), "must be `concepts:` and below it a list")
        return
    file.check_keys((), ("concepts",), "the file")
    listed = file.value.get("concepts")
    if not isinstance(listed, list) or not listed:
        file.fault(("concepts",), "`concepts:` must be a list with at least one entry")
        return
    first: dict[str, int] = {}
    for n, entry in enumerate(listed):
        loc = ("concepts", n)
        if not isinstance(entry, dict):
            file.fault(loc, "an entry must be a mapping: `- concept: ...`, `type: ...` and so on")
            continue
        file.check_keys(loc, FIELDS, "this entry")
        try:
            read = _ENTRY.validate_python({key: value for key, value in entry.items() if key in FIELDS})
        except ValidationError as error:
            file.refused(loc, error)
            continue
        used = first.setdefault(read.concept.casefold(), n)
        if used != n:
            file.fault((*loc, "concept"), f"`concept`: already decided at line {file.line(('concepts', used))}")
        yield read
