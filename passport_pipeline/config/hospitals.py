"""hospitals.yaml: the registered hospitals, and every fault of the file with its line.

What belongs here: what one hospital is set to, and reading the file. What does not: connecting to a hospital
(openmrs.source), or judging it (hospitals.preflight).
"""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from passport_pipeline.config.settings import Month, Settings
from passport_pipeline.core.errors import ConfigurationError

KEY = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")


def _key(value: str) -> str:
    if not KEY.fullmatch(value):
        raise ValueError("must be 2 to 40 lower-case letters, digits and dashes, a letter first and no dash last")
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("must be the name of an environment variable, like CENTRAL_OPENMRS_URL; not the URL itself")
    return value


@functools.cache
def _timezones() -> frozenset[str]:
    """All of them; finding them takes 9 ms, which a thousand hospitals would take at every look at the file."""
    return frozenset(available_timezones())


def _timezone(value: str) -> str:
    if value in _timezones():
        return value
    near = difflib.get_close_matches(value, _timezones(), n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"is not an IANA time zone like Africa/Kigali{hint}")


def _locale(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(_[A-Za-z]{2,4})?", value):
        raise ValueError("must be a locale like en or en_GB")
    return value


class Hospital(BaseModel):
    """One OpenMRS database, as hospitals.yaml describes it.

    key                names it for ever: partitions, record ids and raw batches carry it
    name               what patients read
    url_env            the environment variable that holds the SQLAlchemy URL of the database
    timezone           the IANA zone of the database's DATETIMEs, which carry none
    locales            the order in which concept names are preferred
    national_id_types  uuids of the identifier types that hold national ids; empty: suggested by name
    first_month        the first month that is wanted; None: the earliest that is found
    enabled            whether it takes part
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, AfterValidator(_key)]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
    url_env: Annotated[str, AfterValidator(_variable)]
    timezone: Annotated[str, AfterValidator(_timezone)]
    locales: Annotated[tuple[Annotated[str, AfterValidator(_locale)], ...], Field(min_length=1)] = ("en",)
    national_id_types: tuple[Annotated[str, StringConstraints(min_length=1, max_length=38)], ...] = ()
    first_month: Month | None = None
    enabled: bool = True

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the database's DATETIMEs."""
        return ZoneInfo(self.timezone)

    def url(self) -> URL:
        """The database's URL, out of the environment.

        Raises ConfigurationError where the variable is missing or is no MySQL or MariaDB URL; the message
        never holds the URL.
        """
        text = os.environ.get(self.url_env, "").strip()
        if not text:
            raise ConfigurationError(
                f"{self.key}: the environment variable {self.url_env} is not set; it must hold the "
                "database's URL, like mysql+pymysql://reader:password@host:3306/openmrs"
            )
        try:
            url: URL | None = make_url(text)
        except (ArgumentError, ValueError):
            url = None
        if url is None:
            raise ConfigurationError(f"{self.key}: {self.url_env} does not hold a URL that SQLAlchemy understands")
        if url.get_backend_name() not in ("mysql", "mariadb"):
            raise ConfigurationError(f"{self.key}: {self.url_env} must be a mysql or mariadb URL")
        if not url.database:
            raise ConfigurationError(f"{self.key}: {self.url_env} must name the database after the host's slash")
        return url


def load_hospitals(path: Path | str) -> tuple[Hospital, ...]:
    """The hospitals of a file, in its order, those not enabled too.

    Raises ConfigurationError with every fault of the file, each with its line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} does not exist; it must hold the list of hospitals "
            "(the variable PASSPORT_HOSPITALS_FILE names another file)"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
    hospitals, faults = _File(text).read()
    if faults:
        lines = [f"  line {line}: {fault}" for line, fault in sorted(faults)]
        raise ConfigurationError(f"{path} is faulty:\n" + "\n".join(lines))
    return tuple(hospitals)


class _File:
    """The file as YAML nodes, which know their lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[tuple[int, str]] = []

    def read(self) -> tuple[list[Hospital], list[tuple[int, str]]]:
        hospitals: list[Hospital] = []
        try:
            self.loader = yaml.SafeLoader(self.text)
            hospitals = self._hospitals(self.loader.get_single_node())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._fault(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}")
        except (yaml.YAMLError, RecursionError, ValueError):
            self._fault(1, "not YAML: a character or a value in it cannot be read")
        return hospitals, self.faults

    def _fault(self, line: int, text: str) -> None:
        self.faults.append((line, text))

    def _hospitals(self, root: yaml.Node | None) -> list[Hospital]:
        if not isinstance(root, yaml.MappingNode):
            self._fault(_line(root), "must be `hospitals:` and below it a list")
            return []
        entries = self._entries(root, ("hospitals",), "the file")
        if "hospitals" not in entries:
            self._fault(_line(root), "`hospitals:` is missing")
            return []
        value = entries["hospitals"]
        if not isinstance(value, yaml.SequenceNode) or not value.value:
            self._fault(_line(value), "`hospitals:` must be a list with at least one hospital")
            return []
        read = [self._hospital(node) for node in value.value]
        return list(self._unique(read))

    def _entries(self, node: yaml.MappingNode, known: tuple[str, ...], where: str) -> dict[str, yaml.Node]:
        entries: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
            if key in entries:
                self._fault(_line(key_node), f"`{key}` is there twice in {where}")
            elif key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(known)}"
                self._fault(_line(key_node), f"`{key}` is not known; {hint}")
            entries[key] = value_node
        return entries

    def _hospital(self, node: yaml.Node) -> tuple[dict[str, yaml.Node], Hospital | None, int]:
        if not isinstance(node, yaml.MappingNode):
            self._fault(_line(node), "a hospital must be a mapping: `- key: ...`, `name: ...` and so on")
            return {}, None, _line(node)
        known = tuple(Hospital.model_fields)
        entries = self._entries(node, known, "this hospital")
        values = {key: self._value(value) for key, value in entries.items() if key in known}
        # A key with nothing after it means the default.
        values = {key: value for key, value in values.items() if value is not None}
        try:
            return entries, Hospital.model_validate(values), _line(node)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False):
                self._fault(*_located(entries, fault, _line(node)))
            return entries, None, _line(node)

    def _value(self, node: yaml.Node) -> Any:
        try:
            return self.loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError):
            self._fault(_line(node), "not YAML: a value that cannot be read")
            return None

    def _unique(self, read: list[tuple[dict[str, yaml.Node], Hospital | None, int]]) -> Iterator[Hospital]:
        first: dict[tuple[str, str], yaml.Node] = {}
        for entries, hospital, _ in read:
            for field in ("key", "url_env"):
                node = entries.get(field)
                if not isinstance(node, yaml.ScalarNode) or not node.value:
                    continue
                seen = first.setdefault((field, node.value), node)
                if seen is not node:
                    shared = "hospitals need a database each; " if field == "url_env" else ""
                    self._fault(_line(node), f"`{field}`: {shared}already used at line {_line(seen)}")
            if hospital is not None:
                yield hospital


def first_month_of(hospital: Hospital, settings: Settings) -> str:
    """The first month (`YYYY-MM`) from which a hospital is read: its own, but none before the pipeline's first."""
    return max(settings.first_month, hospital.first_month or settings.first_month)


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None else 1


def _located(entries: dict[str, yaml.Node], fault: Any, line: int) -> tuple[int, str]:
    """The line of the value that a fault is about, and the fault in words."""
    field, *rest = fault["loc"]
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing" or field not in entries:
        return line, f"`{field}` is missing"
    node = entries[field]
    if rest and isinstance(node, yaml.SequenceNode) and isinstance(rest[0], int) and rest[0] < len(node.value):
        return _line(node.value[rest[0]]), f"`{field}`: {message}"
    return _line(node), f"`{field}`: {message}"
