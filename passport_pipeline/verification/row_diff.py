"""A day that differs, row by row: which rows are missing, which are extra, which are different.

What belongs here: comparing the two ends' rows of one day. What does not: reading them (sources, passport.days), and
finding the days (hospital).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from passport_pipeline.core.digests import Digest

IDS_SHOWN = 20
ROW_STATES = ("missing", "extra", "different", "skipped or missing")


@dataclass(frozen=True)
class RowIds:
    """Some rows of a day: how many there are, and the lowest IDS_SHOWN of their ids."""

    count: int = 0
    row_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, row_ids: Iterable[int]) -> Self:
        """The rows with these ids."""
        ordered = sorted(row_ids)
        return cls(len(ordered), tuple(ordered[:IDS_SHOWN]))

    def __str__(self) -> str:
        more = f" and {self.count - len(self.row_ids)} more" if self.count > len(self.row_ids) else ""
        return ", ".join(map(str, self.row_ids)) + more

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` prints it."""
        return {"count": self.count, "rowIds": list(self.row_ids)}


@dataclass(frozen=True)
class RowDifferences:
    """The rows in which one day differs.

    missing             live at the hospital, and the passport accounts for them nowhere
    extra               the passport names them twice, or they are not live on this day
    different           at both ends, not with the same checksum
    skipped_or_missing  live at the hospital and without a document: skipped rows have none, and where their digest does
                        not tell which rows those are, all rows are listed here and none in `missing`
    """

    missing: RowIds = field(default_factory=RowIds)
    extra: RowIds = field(default_factory=RowIds)
    different: RowIds = field(default_factory=RowIds)
    skipped_or_missing: RowIds = field(default_factory=RowIds)

    def __bool__(self) -> bool:
        return any(rows.count for rows in self.by_state().values())

    def by_state(self) -> dict[str, RowIds]:
        """The rows by ROW_STATES, in their order."""
        rows = self.missing, self.extra, self.different, self.skipped_or_missing
        return dict(zip(ROW_STATES, rows, strict=True))

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` prints it."""
        return {
            "missing": self.missing.to_json(),
            "extra": self.extra.to_json(),
            "different": self.different.to_json(),
            "skippedOrMissing": self.skipped_or_missing.to_json(),
        }


def compare_rows(source_rows: pd.DataFrame, passport_rows: pd.DataFrame, left_out: Digest) -> RowDifferences:
    """The rows of a day at the hospital against those that the passport's documents name.

    Both frames have `row_id` and `row_crc` (int64), nothing null; an id comes once in `source_rows`. `left_out` is the
    digest of the rows that the passport recorded as skipped.
    """
    distinct_rows = passport_rows.drop_duplicates("row_id")
    both = source_rows.merge(distinct_rows, on="row_id", how="outer", suffixes=("", "_in_passport"), indicator="end")
    absent = both[both["end"] == "left_only"].set_index("row_id")["row_crc"].astype("int64")
    repeated = passport_rows.loc[passport_rows.duplicated("row_id"), "row_id"]
    extra = [*both.loc[both["end"] == "right_only", "row_id"], *repeated]
    different = both[(both["end"] == "both") & (both["row_crc"] != both["row_crc_in_passport"])]
    missing = _missing(absent, left_out)
    return RowDifferences(
        missing=RowIds.of(missing or ()),
        extra=RowIds.of(extra),
        different=RowIds.of(different["row_id"]),
        skipped_or_missing=RowIds() if missing is not None else RowIds.of(absent.index),
    )


def _missing(absent: pd.Series, left_out: Digest) -> list[int] | None:
    """Those of the rows without a document that were not skipped; None where the digests do not tell them apart.

    They do where no row was skipped, where all of them were, and where all but one were.
    """
    if not left_out:
        return [int(row_id) for row_id in absent.index]
    missing = Digest.of(absent.to_numpy()) - left_out
    if missing.agrees(Digest()):
        return []
    row_ids = absent.index[absent == missing.crc_xor]
    only_one = missing.live == 1 and missing.crc_xor == missing.crc_sum and len(row_ids) == 1
    return [int(row_ids[0])] if only_one else None
