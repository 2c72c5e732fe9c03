"""The results of a benchmark: its figures, the table, the JSON file, the last line.

What belongs here: turning times into figures, each with its ratio, and showing them. What does not: measuring.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.backfill import Backfilled
from benchmarks.data import BenchHospital
from benchmarks.floor import Floor
from benchmarks.many import Crowd
from benchmarks.replaced import Replaced
from benchmarks.startup import StartUp
from benchmarks.ticks import Ticked
from benchmarks.timing import MILLION, Figure
from benchmarks.verifying import Verified
from passport_pipeline.orchestration.sensors.run_requests import SECONDS_OF_A_TICK

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Compared:
    """What is measured at one size alone: the backfill without Dagster, the floor, the algorithm that is replaced
    (row by row, and in bulk), starting up.
    """

    domain: Backfilled
    floor: Floor
    row_by_row: Replaced
    bulk: Replaced
    startup: StartUp


@dataclass(frozen=True)
class Measured:
    """What is measured of a hospital; `compared` at one size."""

    hospital: BenchHospital
    backfill: Backfilled
    verified: Verified
    unchanged: Ticked
    changed: Ticked
    compared: Compared | None = None

    @property
    def seconds_per_million(self) -> float:
        """Of the backfill."""
        return self.backfill.seconds / self.backfill.live * MILLION

    @property
    def verify_seconds(self) -> float:
        """Of a million rows of obs."""
        return self.verified.verify.best / self.hospital.rows * MILLION


@dataclass(frozen=True)
class Report:
    """Hospitals of growing size, of which one is `compared`; and a crowd of small ones."""

    measured: Sequence[Measured]
    many: Crowd

    @property
    def at(self) -> tuple[Measured, Compared]:
        """The one that is compared."""
        return next((each, each.compared) for each in self.measured if each.compared)

    @property
    def line(self) -> str:
        """The last line: the strict floor; ticks (median) and peak memory of the largest hospital; the verification
        of the one that is nearest to a million rows; both sensors' first tick over many hospitals.
        """
        each, compared = self.at
        rate = each.backfill.rate
        largest = self.measured[-1]
        million = min(self.measured, key=lambda measured: abs(measured.hospital.rows - MILLION))
        smallest = self.measured[0].seconds_per_million
        growth = max(measured.seconds_per_million for measured in self.measured) / smallest
        peak = max(measured.backfill.peak_bytes for measured in self.measured)
        return (
            f"BENCH floor={compared.floor.seconds / each.backfill.seconds:.2f} "
            f"seed={rate / compared.row_by_row.rate:.0f}x bulk={rate / compared.bulk.rate:.1f}x "
            f"tick_ms={largest.unchanged.times.median * 1000:.0f} verify_s={million.verify_seconds:.0f} "
            f"growth={growth:.2f} peak_mb={peak / MEGABYTE:.0f} "
            f"tick300_s={self.many.changes.first.median:.0f} inputs300_s={self.many.inputs.first.median:.0f}"
        )

    def figures(self) -> Iterator[Figure]:
        """All of them, in the order of the table."""
        yield from self._backfill()
        for each in self.measured:
            yield from self._tick(each)
        yield from self._crowd()
        for each in self.measured:
            yield from self._verification(each)
        for each in self.measured:
            yield from self._growth(each)
        yield from self._startup()

    def _backfill(self) -> Iterator[Figure]:
        each, compared = self.at
        rate, floor, live = each.backfill.rate, compared.floor, each.backfill.live
        strict, contract = live / floor.seconds, live / floor.contract_seconds
        slow, bulk = compared.row_by_row.rate, compared.bulk.rate
        read = live / min(floor.reading.values())
        for name, value, unit, of, over in (
            ("backfill", rate, "obs/s", strict, "the floor"),
            ("backfill", rate, "obs/s", contract, "the floor with validators and indexes"),
            ("backfill", rate, "obs/s", slow, "the replaced algorithm, row by row"),
            ("backfill", rate, "obs/s", bulk, "the replaced algorithm in bulk"),
            ("backfill", rate, "obs/s", compared.domain.rate, "the same without Dagster, in one process"),
            ("backfill without Dagster, in one process", compared.domain.rate, "obs/s", strict, "the floor"),
            ("floor: bare read", read, "obs/s", live / floor.reading["tuples"], "tuples, column by column"),
            ("floor: bare insert_many", floor.documents / floor.bare, "documents/s", rate, "the backfill's obs/s"),
            ("  with validators and indexes", floor.documents / floor.contract, "documents/s",
             floor.documents / floor.bare, "bare insert_many"),
            ("replaced, row by row", slow, "obs/s", strict, "the floor"),
            ("replaced, in bulk", bulk, "obs/s", strict, "the floor"),
        ):  # fmt: skip
            yield Figure("Backfill", name, each.hospital.rows, value, unit, value / of, over)
        for name, busy in (
            ("its processes at work", each.backfill.cpu_seconds),
            ("MariaDB at work", each.backfill.mariadb_cpu_seconds),
            ("MongoDB at work", each.backfill.mongodb_cpu_seconds),
        ):
            seconds = busy / live * MILLION
            over = "the backfill's seconds"
            yield Figure(
                "Backfill", name, each.hospital.rows, seconds, "s a million", busy / each.backfill.seconds, over
            )

    def _tick(self, each: Measured) -> Iterator[Figure]:
        rows, first = each.hospital.rows, self.measured[0]
        for name, ticked, smallest in (
            ("nothing changed", each.unchanged, first.unchanged),
            ("100 rows of a day changed", each.changed, first.changed),
        ):
            median, best, before = ticked.times.median, ticked.times.best, each.unchanged.times.median
            for what, value, unit, ratio, over in (
                (name, median * 1000, "ms", median / smallest.times.median, "the same at the smallest hospital"),
                (f"{name}, best", best * 1000, "ms", best / before, "nothing changed, median"),
                (name, ticked.rows_read, "rows read", ticked.rows_read / rows, "the rows of obs"),
            ):
                yield Figure("Tick", what, rows, value, unit, ratio, over)

    def _crowd(self) -> Iterator[Figure]:
        many, limit = self.many, float(SECONDS_OF_A_TICK)
        for name, sensed in (("source_changes", many.changes), ("changed_inputs", many.inputs)):
            first, steady = sensed.first.median, sensed.steady.median
            for what, value, unit, ratio, over in (
                ("first tick after a restart", first, "s", first / limit, "a tick's limit"),
                (
                    "hospitals seen in it",
                    sensed.seen,
                    "",
                    sensed.seen / many.hospitals,
                    f"{many.hospitals} that answer",
                ),
                ("tick, nothing changed", steady, "s", steady / first, "the first tick"),
            ):
                yield Figure("Many hospitals", f"{name}: {what}", many.rows, value, unit, ratio, over)

    @staticmethod
    def _verification(each: Measured) -> Iterator[Figure]:
        rows, count = each.hospital.rows, each.verified.count.best
        for name, times in (("full survey", each.verified.survey), ("verify", each.verified.verify)):
            yield Figure("Survey and verify", name, rows, rows / times.best, "rows/s", count / times.best, "COUNT(*)")
        verify = each.verify_seconds
        yield Figure(
            "Survey and verify", "verify, of a million rows", rows, verify, "s",
            each.verified.verify.best / each.verified.survey.best, "the full survey",
        )  # fmt: skip

    def _growth(self, each: Measured) -> Iterator[Figure]:
        first, over = self.measured[0], "the smallest hospital"
        for name, unit, value, least in (
            ("backfill of a million obs", "s", each.seconds_per_million, first.seconds_per_million),
            ("peak memory", "MB", each.backfill.peak_bytes / MEGABYTE, first.backfill.peak_bytes / MEGABYTE),
        ):
            yield Figure("Growth", name, each.hospital.rows, value, unit, value / least, over)

    def _startup(self) -> Iterator[Figure]:
        each, compared = self.at
        took = compared.startup
        for name, times, of, over in (
            ("passport-pipeline --help", took.help, took.python, "python -c pass"),
            ("sync, nothing changed", took.nothing, took.help, "--help"),
            ("sync of a window, 100 rows changed", took.command, took.help, "--help"),
            ("the same in a running process", took.run, took.command, "the command"),
        ):
            yield Figure("Start-up", name, each.hospital.rows, times.best, "s", times.best / of.best, over)

    def scans(self) -> list[str]:
        """Ticks that walk over the whole of obs, of hospitals that are larger than a tick's reach."""
        ticked = [(each.hospital.rows, ticked) for each in self.measured for ticked in (each.unchanged, each.changed)]
        return [
            f"a tick of {rows} rows walks over {step.rows} rows of {step.table}: {' '.join(step.statement.split())}"
            for rows, of in ticked
            for step in of.scans_of(rows)
            if rows >= MILLION // 20
        ]

    def show(self, console: Console) -> None:
        """The table and the last line."""
        table = Table(
            title=f"{os.cpu_count()} processors, {platform.python_implementation()} {platform.python_version()}"
        )
        for name in ("", "figure", "rows of obs", "value", "", "ratio", "over"):
            table.add_column(name, justify="right" if name in {"rows of obs", "value", "ratio"} else "left")
        group = ""
        for each in self.figures():
            head, group = ("" if each.group == group else each.group), each.group
            ratio, value = _short(each.ratio), _short(each.value)
            table.add_row(head, each.name, f"{each.rows:,}", value, each.unit, ratio, each.over)
        console.print(table)

    def write(self, path: Path) -> None:
        """The JSON file: the figures, what they were computed of, and the last line."""
        measured = [asdict(each) for each in self.measured]
        document = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "line": self.line,
            "figures": [each.to_json() for each in self.figures()],
            "measured": measured,
            "many": asdict(self.many),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2, default=str) + "\n")


def _short(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
