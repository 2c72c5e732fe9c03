"""The tables of an OpenMRS database, of each version that differs in what the pipeline reads.

What belongs here: DDL out of the columns that schema_tables states. What does not: rows. No foreign keys, on
purpose: hospitals with archived, replicated or repaired databases have dangling rows, and a sample must be
able to hold them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from passport_sample.schema_tables import SHARED, TABLES

VERSIONS = ("1.9.0", "1.9", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9")
"""Oldest first. "1.9" is what 1.9.x databases are after their own migrations; "1.9.0" still has
encounter.provider_id (a person's id) instead of the table encounter_provider."""

_TYPES = {"int": "int(11)", "bool": "tinyint(1)"}

_SPAN = re.compile(r"(\d\.[\d.]*\d)?\.\.(\d\.[\d.]*\d)?")


@dataclass(frozen=True, slots=True)
class Column:
    """One column as a version has it; `index` is primary, unique, key or empty."""

    name: str
    type: str
    null: bool
    default: str | None
    auto: bool
    index: str

    def ddl(self) -> str:
        """The column in CREATE TABLE."""
        parts = [f"`{self.name}`", self.type, "NULL" if self.null else "NOT NULL"]
        if self.default is not None:
            parts.append(f"DEFAULT '{self.default}'")
        elif self.null:
            parts.append("DEFAULT NULL")
        return " ".join([*parts, "AUTO_INCREMENT"] if self.auto else parts)


def _within(marks: list[str], version: str) -> bool:
    """Whether the version is in the span among the marks of a line, if there is one."""
    rank = VERSIONS.index
    for mark in marks:
        if match := _SPAN.fullmatch(mark):
            since, until = match.groups()
            after = since is None or rank(version) >= rank(since)
            before = until is None or rank(version) <= rank(until)
            return after and before
    return True


def _lines(table: str, version: str) -> list[list[str]]:
    """The words of each line that applies to the version, with shared columns expanded."""
    parsed: list[list[str]] = []
    for line in TABLES[table].strip().splitlines():
        words = line.split()
        if not words or not _within(words, version):
            continue
        if words[0].startswith("@"):
            shared = (text.split() for text in SHARED[words[0]].splitlines())
            parsed.extend(each for each in shared if _within(each, version))
        elif not _SPAN.fullmatch(words[0]):
            parsed.append(words)
    return parsed


@cache
def columns(version: str, table: str) -> tuple[Column, ...]:
    """The columns of a table in a version. Raises KeyError where the version lacks the table."""
    if table not in tables(version):
        raise KeyError(table)
    parsed: list[Column] = []
    for name, kind, *marks in _lines(table, version):
        default = next((mark[1:] for mark in marks if mark.startswith("=")), None)
        index = next((mark for mark in marks if mark in {"primary", "unique", "key"}), "")
        parsed.append(Column(name, _TYPES.get(kind, kind), "!" not in marks, default, "auto" in marks, index))
    return tuple(parsed)


@cache
def tables(version: str) -> tuple[str, ...]:
    """The tables that a version has. Raises ValueError for a version that is not in VERSIONS."""
    if version not in VERSIONS:
        raise ValueError(f"no such version: {version}")
    firsts = {table: text.strip().splitlines()[0].split()[0] for table, text in TABLES.items()}
    return tuple(t for t, first in firsts.items() if not _SPAN.fullmatch(first) or _within([first], version))


def has(version: str, table: str, column: str) -> bool:
    """Whether a version's table has a column."""
    return table in tables(version) and any(each.name == column for each in columns(version, table))


def create_statements(version: str, *, charset: str = "utf8mb4", latin1: bool = False) -> list[str]:
    """CREATE TABLE statements of a version; with `latin1` the obs table alone is latin1."""
    statements = []
    for table in tables(version):
        lines = [each.ddl() for each in columns(version, table)]
        for each in columns(version, table):
            if each.index == "primary":
                lines.append(f"PRIMARY KEY (`{each.name}`)")
            elif each.index:
                unique = "UNIQUE " if each.index == "unique" else ""
                lines.append(f"{unique}KEY `{table}_{each.name}` (`{each.name}`)")
        of_table = "latin1" if latin1 and table == "obs" else charset
        body = ",\n  ".join(lines)
        statements.append(f"CREATE TABLE `{table}` (\n  {body}\n) ENGINE=InnoDB DEFAULT CHARSET={of_table}")
    return statements
