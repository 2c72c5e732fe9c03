"""Errors of drivers and systems: what one means, what someone can do, and whether trying again may help.

Each place that meets such errors has a table of them (sources.mysql, passport.mongo, batches). It lists exceptions by
numbers, or by the names of their classes, base classes included, since not every driver is installed. An error that is
not listed is permanent. Of a driver's error only its number or its type is reported: its text quotes values, accounts
and addresses.

What belongs here: the form of a table, and looking an error up in one. What does not: the tables, the classes of errors
(errors), reporting to Dagster (orchestration), codes that a module handles by itself (that module).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from passport_pipeline.core.errors import PipelineError

Key = int | str


@dataclass(frozen=True)
class Known:
    """The kind that some errors become, and the advice; `keys` are numbers or names."""

    kind: type[PipelineError]
    advice: str
    keys: tuple[Key, ...]


class KnownErrors:
    """A table of errors.

    advice    by kind of error: each advice with the keys of its errors
    unlisted  the kind and the advice of any other error
    number    the number of an error, None where it has none
    keys      what an error may be listed under, the most specific first
    """

    def __init__(
        self,
        advice: Mapping[type[PipelineError], Mapping[str, tuple[Key, ...]]],
        unlisted: tuple[type[PipelineError], str],
        number: Callable[[BaseException], int | None],
        keys: Callable[[BaseException], Iterable[Key]],
    ) -> None:
        self.table = tuple(
            Known(kind, text, errors) for kind, advised in advice.items() for text, errors in advised.items()
        )
        self.unlisted = unlisted
        self._number, self._keys = number, keys
        self._by_key = {key: entry for entry in self.table for key in entry.keys}

    def find(self, error: BaseException) -> Known | None:
        """The entry of an error; None where it is not listed."""
        return next((self._by_key[key] for key in self._keys(error) if key in self._by_key), None)

    def explained(self, subject: str, error: BaseException, **words: str) -> PipelineError:
        """The pipeline's error for one of a driver: "subject: what to do (number or type)".

        `subject` says what failed; `words` fill the advice's blanks.
        """
        entry = self.find(error)
        kind, advice = (entry.kind, entry.advice) if entry else self.unlisted
        number = self._number(error)
        name = f"error {number}" if number else type(error).__name__
        return kind(f"{subject}: {advice.format(**words)} ({name})")


def class_names(error: BaseException | None) -> Iterator[str]:
    """The names of an error's class and its base classes."""
    yield from (kind.__name__ for kind in type(error).__mro__ if error is not None)


def first_number(*candidates: object) -> int | None:
    """The first of these that is a number other than 0."""
    return next((number for number in candidates if isinstance(number, int) and number), None)
