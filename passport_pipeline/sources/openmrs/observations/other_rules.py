"""Decisions by the rules of another folder, to see what a changed file would move before it does.

Every module reads the rules of its process when it is imported, so other rules need another process: there this module
names their folder before any module that reads them is imported.

What belongs here: that process. What does not: reading the rules (rule_files, evidence), deciding (decisions).
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations import rule_files

Deciding = Callable[[pd.DataFrame], Callable[[], pd.DataFrame]]

_decide: Callable[[pd.DataFrame], pd.DataFrame] | None = None
"""In the other process, how it decides."""


@contextmanager
def under_rules(folder: Path, lookups: Lookups, hospital: Hospital) -> Iterator[Deciding]:
    """What decides on frames by the rules of a folder, as sources.base.Stream has it. Raises
    ConfigurationError with every fault of the folder's files.
    """
    _check(folder)
    known = replace(lookups)  # without what this process derived from them
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), initializer=_start, initargs=(folder, known, hospital)
    ) as process:
        yield lambda rows: process.submit(_decided, rows).result


def _check(folder: Path) -> None:
    from passport_pipeline.sources.openmrs.observations import constructs, evidence, sensitivity  # noqa: PLC0415

    faults = []
    reading = (evidence.read_evidence, evidence.read_vetoes, evidence.read_words)
    for read in (*reading, constructs.read_constructs, sensitivity.read_sensitive):
        try:
            read(folder)
        except ConfigurationError as error:
            faults.append(str(error))
    if faults:
        raise ConfigurationError(f"the rules in {folder}:\n" + "\n".join(faults))


def _start(folder: Path, lookups: Lookups, hospital: Hospital) -> None:
    global _decide  # noqa: PLW0603 - an initializer has no other way to what it prepared
    if f"{__package__}.evidence" in sys.modules:
        raise RuntimeError("the rules were read before their folder was named")
    rule_files.FOLDER = folder
    from passport_pipeline.sources.openmrs.observations.decisions import decisions  # noqa: PLC0415 - see above

    _decide = partial(decisions, lookups=lookups, hospital=hospital)


def _decided(rows: pd.DataFrame) -> pd.DataFrame:
    assert _decide is not None  # noqa: S101 - the initializer ran
    return _decide(rows)
