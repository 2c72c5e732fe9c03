"""The documents of a frame: rows over which an unforeseen error is raised are parked, and all others are made.

What belongs here: finding the rows that cause an error, whatever and wherever it is. What does not: how documents are
made (sources.drafts, documents). No rule on what a row means may rely on this: it is for unforeseen errors.

A frame that fails is halved, whole groups together, down to one unit. Of that unit, the rows that fail by
themselves are parked, each with all of the group that it is directly in, since it might have taken back what the others
say. Where no row fails by itself, the unit is parked whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.errors import PipelineError, unexpected
from passport_pipeline.records.documents import Accounts, Documents, documents, parked_rows
from passport_pipeline.sources.drafts import UNBUILDABLE, Drafter
from passport_pipeline.sources.frames import held_drafts
from passport_pipeline.sources.lookups import Lookups

IDS_NAMED = 20  # in a message

Flags = npt.NDArray[np.bool_]
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Making:
    """What the documents of a window's frames are made of besides their rows; as for `documents`.

    `drafter` is the stream of the rows. `accounts` returns those of the clinicians of Drafts.clinicians, and of None.
    """

    drafter: Drafter
    lookups: Lookups
    hospital: Hospital
    matches: pd.DataFrame
    accounts: Callable[[pd.DataFrame], Accounts]
    now: datetime
    run_id: str

    def documents_of(self, rows: pd.DataFrame) -> Documents:
        """The documents of a frame of the stream's rows, groups whole.

        Every row has one outcome, whatever it holds: a row of which no document can be made is parked as `unbuildable`,
        with the type of the error, and its row_id is logged. Raises what `accounts` raises, MemoryError, and an error
        that is raised even without rows.
        """
        whole = self._made(rows)
        if isinstance(whole, Documents):
            return whole
        if isinstance(self._made(rows.iloc[:0]), Exception):
            raise whole
        failures: list[_Failure] = []
        parts = list(self._parts(rows, whole, failures))
        kinds = dict.fromkeys(failure.kind for failure in failures)
        parts += [self._parked(kind, [failure for failure in failures if failure.kind == kind]) for kind in kinds]
        return _joined(parts, self.drafter.identities(rows)["row_id"])

    def _parts(self, rows: pd.DataFrame, error: Exception, failures: list[_Failure]) -> Iterator[Documents]:
        """The documents of rows over which an error was raised, in parts; rows without any are added to `failures`."""
        unit_id = self.drafter.identities(rows)["unit_id"]
        units = unit_id.unique()
        if len(units) == 1:
            yield from self._of_one_unit(rows, error, failures)
            return
        first = unit_id.isin(units[: len(units) // 2]).to_numpy()
        for half in (_chosen(rows, first), _chosen(rows, ~first)):
            documents_or_error = self._made(half)
            if isinstance(documents_or_error, Documents):
                yield documents_or_error
            else:
                yield from self._parts(half, documents_or_error, failures)

    def _made(self, rows: pd.DataFrame) -> Documents | Exception:
        """The documents of these rows, or the error that was raised over them."""
        drafts = _attempted(lambda: held_drafts(self.drafter.draft(rows, self.lookups, self.hospital)))
        if isinstance(drafts, Exception):
            return drafts
        accounts = self.accounts(drafts.clinicians)  # an error here is about the passport, not about a row
        return _attempted(lambda: documents(drafts, self.hospital, self.matches, accounts, self.now, self.run_id))

    def _of_one_unit(self, rows: pd.DataFrame, error: Exception, failures: list[_Failure]) -> Iterator[Documents]:
        parents = self.drafter.identities(rows)["parent"].to_numpy()
        failing = _with_their_groups(parents, self._failing(rows))
        others = self._made(_chosen(rows, ~failing)) if not failing.all() else error
        if isinstance(others, Documents):
            yield others
            rows = _chosen(rows, failing)
        failures.append(_Failure(rows, error))

    def _failing(self, rows: pd.DataFrame) -> Flags:
        """Which rows of a unit that fails also fail by themselves; all if none does."""
        failing = np.zeros(len(rows), dtype=bool)
        halves = [np.arange(len(rows))]
        while halves:
            at = halves.pop()
            if len(at) > 1:
                halves += [half for half in np.array_split(at, 2) if self._fails(rows, half)]
            else:
                failing[at] = True
        return failing if failing.any() else ~failing

    def _fails(self, rows: pd.DataFrame, at: np.ndarray) -> bool:
        return isinstance(self._made(rows.iloc[at].reset_index(drop=True)), Exception)

    def _parked(self, kind: str, failures: Sequence[_Failure]) -> Documents:
        """The rows over which one type of error was raised, each parked by itself."""
        identities = self.drafter.identities(pd.concat([failure.rows for failure in failures], ignore_index=True))
        row_ids = identities["row_id"].tolist()
        log.warning(
            "%s: no record can be made of %d observations; they are parked as %s, all others are loaded. Please report "
            "it with this message: obs_id %s: %s",
            self.hospital.key,
            len(row_ids),
            UNBUILDABLE,
            ", ".join(map(str, row_ids[:IDS_NAMED])) + (", ..." if len(row_ids) > IDS_NAMED else ""),
            unexpected(failures[0].error),
        )
        parked = parked_rows(identities, self.drafter.name, UNBUILDABLE, self.hospital, self.now, self.run_id)
        for row in parked.parked:
            row["error"] = kind
        return parked


@dataclass(frozen=True)
class _Failure:
    """Rows to be parked, and the error that was raised over them."""

    rows: pd.DataFrame
    error: Exception

    @property
    def kind(self) -> str:
        return type(self.error).__name__


def _attempted(make: Callable[[], T]) -> T | Exception:
    """The result of `make`, or the error that it raised."""
    try:
        return make()
    except (PipelineError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - no row may stop another, whatever error it causes
        return error


def _chosen(rows: pd.DataFrame, which: Flags) -> pd.DataFrame:
    return rows[which].reset_index(drop=True)


def _with_their_groups(parents: npt.NDArray[np.int64], failing: Flags) -> Flags:
    """These rows, the headers that they are directly below, and everything below either."""
    chosen = failing.copy()
    headers = parents[failing]
    chosen[headers[headers >= 0]] = True
    while True:
        below = (parents >= 0) & chosen[parents] & ~chosen
        if not below.any():
            return chosen
        chosen |= below


def _joined(parts: Sequence[Documents], row_id: pd.Series) -> Documents:
    outcomes = pd.concat([part.outcomes for part in parts], ignore_index=True).set_index("row_id", drop=False)
    return Documents(
        sorted((record for part in parts for record in part.records), key=lambda record: _place(record["source"])),
        sorted((parked for part in parts for parked in part.parked), key=_place),
        pd.concat([part.skipped for part in parts], ignore_index=True),
        outcomes.loc[row_id].reset_index(drop=True),
        [allergy for part in parts for allergy in part.allergies],
    )


def _place(named: Mapping[str, Any]) -> tuple[str, int]:
    return named["stream"], named["rowId"]
