"""YAML with the line of every value, so that each fault of a file can say where it is.

What belongs here: reading YAML, and finding the lines of faults, pydantic's too. What does not: what a file has to
hold (hospitals, overlays).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from passport_pipeline.core.errors import ConfigurationError

Loc = tuple[str | int, ...]
"""Where a value is in a file: keys of mappings and positions in lists, as pydantic's `loc`; () is the whole file."""


@dataclass
class YamlLines:
    """A YAML file: its value of dicts, lists and scalars, and the faults that were found in it, each with its line."""

    value: Any = None
    faults: list[tuple[int, str]] = field(default_factory=list)
    _lines: dict[Loc, int] = field(default_factory=dict)
    _keys: dict[Loc, list[tuple[str, int]]] = field(default_factory=dict)

    def line(self, loc: Loc) -> int:
        """The line of a value, or of what should hold it."""
        while loc and loc not in self._lines:
            loc = loc[:-1]
        return self._lines.get(loc, 1)

    def fault(self, loc: Loc, text: str) -> None:
        """Note a fault of the value at `loc`."""
        self.faults.append((self.line(loc), text))

    def check_keys(self, loc: Loc, known: Sequence[str], where: str) -> None:
        """Note the keys of the mapping at `loc`, which is called `where`, that are there twice, or not `known`."""
        before = set[str]()
        for key, line in self._keys[loc]:
            if key in before:
                self.faults.append((line, f"`{key}` is there twice in {where}"))
            elif key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(known)}"
                self.faults.append((line, f"`{key}` is not known; {hint}"))
            before.add(key)

    def refused(self, loc: Loc, error: ValidationError, inlined: str | None = None) -> None:
        """Note what pydantic found wrong with the mapping at `loc`, which may hold the fields of the model's `inlined`
        beside the others. No value is quoted.
        """
        for fault in error.errors(include_input=False, include_url=False):
            inner = tuple(part for part in fault["loc"] if part != inlined)
            message = fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "missing":
                self.fault(loc, f"`{inner[0]}` is missing")
            else:
                self.fault((*loc, *inner), f"`{inner[0]}`: {message}" if inner else message)

    def _read(self, loader: yaml.CSafeLoader, node: yaml.Node, loc: Loc, levels: int) -> Any:
        self._lines[loc] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode) and levels:
            mapping, self._keys[loc] = {}, []
            for key_node, value in node.value:
                key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                self._keys[loc].append((key, key_node.start_mark.line + 1))
                mapping[key] = self._read(loader, value, (*loc, key), levels - 1)
            return mapping
        if isinstance(node, yaml.SequenceNode) and levels:
            return [self._read(loader, value, (*loc, n), levels - 1) for n, value in enumerate(node.value)]
        try:
            return loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError):
            self.fault(loc, "not YAML: a value that cannot be read")
            return None


def read_yaml(text: str, levels: int) -> YamlLines:
    """The file that a text holds; where that is no YAML, without a value and with that fault alone.

    Lines are known of values that are nested up to so many `levels` deep.
    """
    try:
        loader = yaml.CSafeLoader(text)
        root, file = loader.get_single_node(), YamlLines()
        file.value = None if root is None else file._read(loader, root, (), levels)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return YamlLines(faults=[(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}")])
    except (yaml.YAMLError, RecursionError, ValueError):
        return YamlLines(faults=[(1, "not YAML: a character or a value in it cannot be read")])
    return file


def refuse_faulty(faults: Mapping[Path, Sequence[tuple[int, str]]]) -> None:
    """Raise ConfigurationError with every fault of these files, each with its line; not where there is none."""
    lines = []
    for path, noted in faults.items():
        if noted:
            lines += [f"{path} is faulty:", *(f"  line {line}: {fault}" for line, fault in sorted(noted))]
    if lines:
        raise ConfigurationError("\n".join(lines))
