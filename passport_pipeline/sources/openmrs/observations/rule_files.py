"""Reading the files of `rules/`: YAML, checked, with every fault told by its file and its rule.

What belongs here: how a file is read, and how lists of words are written in it. What does not: what a rule may say
(evidence).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from passport_pipeline.core.errors import ConfigurationError

FOLDER = Path(__file__).with_name("rules")

T = TypeVar("T")


def listed(written: Any) -> tuple[str, ...]:
    """The entries of a list as it is written in a file: with commas, as a list of lists, or by language.

    Raises ValueError where nothing is in it, or something else than text.
    """
    entries = tuple(_entries(written))
    if not entries:
        raise ValueError("nothing is in it")
    return entries


def _entries(written: Any) -> Iterator[str]:
    if isinstance(written, Mapping):
        written = list(written.values())
    if isinstance(written, (list, tuple)):
        for each in written:
            yield from listed(each)
    elif isinstance(written, str):
        yield from filter(None, (entry.strip() for entry in written.split(",")))
    else:
        raise ValueError("it holds something that is no text; write that in quotation marks")  # noqa: TRY004


Listed = Annotated[tuple[str, ...], BeforeValidator(listed)]
"""A list of texts, as `listed` reads it."""


def read_rules(path: Path, shape: TypeAdapter[T]) -> T:
    """The content of a file in its shape.

    Raises ConfigurationError with every fault of the file, each with its rule.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path.name} cannot be read: {error.problem}, at line {line}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {type(error).__name__}") from None
    try:
        return shape.validate_python(content)
    except ValidationError as error:
        faults = [
            f"  {_place(content, fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError(f"{path.name} is faulty:\n" + "\n".join(faults)) from None


def _place(content: Any, loc: tuple[str | int, ...]) -> str:
    """Where a fault is, as people find it: `rules 3 (the diagnosis in free text), codes`."""
    parts: list[str] = []
    for part in loc:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            content = None
        if isinstance(part, int):
            why = content.get("why") if isinstance(content, dict) else None
            parts[-1:] = [f"{parts[-1]} {part + 1}" + (f" ({why})" if why else "")] if parts else [str(part + 1)]
        else:
            parts.append(part)
    return ", ".join(parts) or "the file"


class _Loader(yaml.CSafeLoader):
    """The fast safe loader, for which `yes` and `no` are words like any other.

    A key that is there twice is refused: the first would be lost without a word.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        before = set[str]()
        for key, _ in node.value:
            if key.value in before:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` is there twice", key.start_mark)
            before.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool") or first in "tTfF"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
