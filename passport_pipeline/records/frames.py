"""A frame's documents, with the last net under them: rows of which none can be made are parked, all others come out.

What belongs here: finding the rows that are to blame, whatever was raised and wherever. What does not: how documents
are made (drafts, documents). No rule of what a row means may rely on the net: it is for what nobody has foreseen.

A frame that fails is halved, whole groups together, down to one outermost group. Of that the rows that fail by
themselves are parked, each with all of the group that it is directly in: nobody can tell any more whether it takes back
what the others say. Where no row fails by itself, the outermost group is parked whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.errors import PipelineError, unexpected
from passport_pipeline.records.documents import Documents, documents, parked_rows
from passport_pipeline.sources.drafts import UNBUILDABLE, Drafter
from passport_pipeline.sources.frames import held_drafts
from passport_pipeline.sources.lookups import Lookups

NAMED = 20  # row_ids in a message

Flags = npt.NDArray[np.bool_]
Accounts = Mapping[str, tuple[str, str]]
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Making:
    """What the documents of a window's frames are made of besides their rows; as for `documents`.

    `drafter` is the stream that the rows are of. `accounts` gives the accounts of clinicians, which come as
    Drafts.clinicians.
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

        Every row has one outcome, whatever it holds: one of which no document can be made is parked as `unbuildable`,
        with the type of the error, and told in the log by its row_id. Raises whatever `accounts` raises, MemoryError,
        and what is raised without any row, too.
        """
        whole = self._made(rows)
        if isinstance(whole, Documents):
            return whole
        if isinstance(self._made(rows.iloc[:0]), Exception):
            raise whole
        caught: list[_Caught] = []
        made = list(self._parts(rows, whole, caught))
        kinds = dict.fromkeys(one.kind for one in caught)
        made += [self._parked(kind, [one for one in caught if one.kind == kind]) for kind in kinds]
        return _joined(made, self.drafter.identities(rows)["row_id"])

    def _parts(self, rows: pd.DataFrame, error: Exception, caught: list[_Caught]) -> Iterator[Documents]:
        """The documents of rows over which an error was raised, in parts; those without any are put to `caught`."""
        root_id = self.drafter.identities(rows)["root_id"]
        roots = root_id.unique()
        if len(roots) == 1:
            yield from self._of_one_root(rows, error, caught)
            return
        first = root_id.isin(roots[: len(roots) // 2]).to_numpy()
        for half in (_chosen(rows, first), _chosen(rows, ~first)):
            made = self._made(half)
            if isinstance(made, Documents):
                yield made
            else:
                yield from self._parts(half, made, caught)

    def _made(self, rows: pd.DataFrame) -> Documents | Exception:
        """The documents of these rows, or what was raised over them."""
        drafts = _attempted(lambda: held_drafts(self.drafter.draft(rows, self.lookups, self.hospital)))
        if isinstance(drafts, Exception):
            return drafts
        accounts = self.accounts(drafts.clinicians)  # what is raised there is about the passport, and no row's fault
        return _attempted(lambda: documents(drafts, self.hospital, self.matches, accounts, self.now, self.run_id))

    def _of_one_root(self, rows: pd.DataFrame, error: Exception, caught: list[_Caught]) -> Iterator[Documents]:
        parents = self.drafter.identities(rows)["parent"].to_numpy()
        apart = _of_their_groups(parents, self._failing(rows))
        rest = self._made(_chosen(rows, ~apart)) if not apart.all() else error
        if isinstance(rest, Documents):
            yield rest
            rows = _chosen(rows, apart)
        caught.append(_Caught(rows, error))

    def _failing(self, rows: pd.DataFrame) -> Flags:
        """Which rows of an outermost group, that fails, fail by themselves; all where none does."""
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

    def _parked(self, kind: str, caught: Sequence[_Caught]) -> Documents:
        """The rows over which one type of error was raised, each parked by itself."""
        identities = self.drafter.identities(pd.concat([one.rows for one in caught], ignore_index=True))
        numbers = identities["row_id"].tolist()
        log.warning(
            "%s: no record can be made of %d observations; they are parked as %s and stop no others. Please report it "
            "with this message: obs_id %s: %s",
            self.hospital.key,
            len(numbers),
            UNBUILDABLE,
            ", ".join(map(str, numbers[:NAMED])) + (", ..." if len(numbers) > NAMED else ""),
            unexpected(caught[0].error),
        )
        parked = parked_rows(identities, UNBUILDABLE, self.hospital, self.now, self.run_id)
        for one in parked.parked:
            one["error"] = kind
        return parked


@dataclass(frozen=True)
class _Caught:
    """Rows that are to be parked, and what was raised over them."""

    rows: pd.DataFrame
    error: Exception

    @property
    def kind(self) -> str:
        return type(self.error).__name__


def _attempted(make: Callable[[], T]) -> T | Exception:
    """What is made, or what was raised."""
    try:
        return make()
    except (PipelineError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - no row may stop another, whatever it brings about
        return error


def _chosen(rows: pd.DataFrame, which: Flags) -> pd.DataFrame:
    return rows[which].reset_index(drop=True)


def _of_their_groups(parents: npt.NDArray[np.int64], failing: Flags) -> Flags:
    """These rows, the headers that they are directly below, and everything below either."""
    apart = failing.copy()
    headers = parents[failing]
    apart[headers[headers >= 0]] = True
    while True:
        below = (parents >= 0) & apart[parents] & ~apart
        if not below.any():
            return apart
        apart |= below


def _joined(made: Sequence[Documents], row_id: pd.Series) -> Documents:
    outcomes = pd.concat([one.outcomes for one in made], ignore_index=True).set_index("row_id", drop=False)
    return Documents(
        sorted((record for one in made for record in one.records), key=lambda record: record["source"]["obsId"]),
        sorted((parked for one in made for parked in one.parked), key=lambda parked: parked["obsId"]),
        pd.concat([one.skipped for one in made], ignore_index=True),
        outcomes.loc[row_id].reset_index(drop=True),
    )
