"""How fast it is, as ratios that hold on any machine.

    make bench                       hospitals of 0.1 and 1 million observations
    make bench SIZES="0.1 1 10"      and of ten million

For each size a hospital is made (data), all of it is brought into an empty passport (backfill), and then it is
verified, surveyed and checked as the sensor does it (verifying, ticks). At one size (the largest up to a million rows)
the backfill is also compared with what any program would have to do (floor), with the algorithm that is replaced
(replaced), and with itself without Dagster; and the command line is started (startup). Nothing is asserted about
times; what fails it is a backfill that is not complete, or a tick that walks over the whole of obs. At the end both
sensors tick over 300 small hospitals, and some that never answer, from a restart on (many). The last line is
`BENCH floor=... seed=... bulk=... tick_ms=... verify_s=... growth=... peak_mb=... tick300_s=... inputs300_s=...`.

What belongs here: the order of the steps. What does not: how things are measured (the modules above), figures (report).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.backfill import Backfilled, backfill
from benchmarks.data import build, edit_rows
from benchmarks.floor import Floor, floor
from benchmarks.many import crowd
from benchmarks.place import Pipeline, Place, pipeline, place
from benchmarks.replaced import Replaced, replaced
from benchmarks.report import Compared, Measured, Report
from benchmarks.startup import starting_up
from benchmarks.ticks import ticks
from benchmarks.timing import MILLION
from benchmarks.verifying import verifying
from passport_pipeline.sources.mysql.activity import SETTLED

SIZES = (0.1, 1.0)
TICKS, TIMES = 9, 3
HOSPITALS, SILENT = 300, 30
MINUTE = 60.0
"""Seconds from one tick of the sensor to the next: where nothing has changed, nothing has for so long."""
BYTES_OF_A_ROW = 3_500
"""Of disk, at the most at once: in both servers, with all that is written beside."""

OnRows = Callable[[int, int], None]


class Telling:
    """Shows progress: in one line that changes at a terminal, and in a line for each step that is done."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, what: str) -> Iterator[OnRows]:
        """A step; the result is called with its progress."""
        started = time.perf_counter()
        with self.console.status(what) as status:
            yield lambda done, of: status.update(f"{what}: {done:,} of {of:,}")
        self.console.print(f"{what}: {time.perf_counter() - started:.1f} s", highlight=False)


def bench(
    where: Place,
    sizes: Sequence[float],
    console: Console,
    *,
    seed: int = 1,
    often: int = TICKS,
    times: int = TIMES,
    still: float = MINUTE,
    many: tuple[int, int] = (HOSPITALS, SILENT),
) -> Report:
    """Measure hospitals of so many million rows, and `many` small ones: those that answer, and those that do not. Ticks
    are taken `often` times, what takes seconds some `times`; `still` seconds at least lie between the last change of a
    hospital and the ticks that find none.
    """
    rows = sorted(round(size * MILLION) for size in sizes)
    compared = max((each for each in rows if each <= MILLION), default=rows[0])
    telling = Telling(console)
    course = Course(where, telling, seed, often, times, still)
    measured = [course.measure(each, compare=each == compared) for each in rows]
    with telling.step(f"{many[0]} hospitals: ticks") as progress:
        return Report(measured, crowd(where, *many, often=times, still=min(still, SETTLED + 5), progress=progress))


@dataclass(frozen=True)
class Course:
    """What is done at each size; see `bench` for the numbers."""

    where: Place
    telling: Telling
    seed: int
    often: int
    times: int
    still: float

    def measure(self, rows: int, *, compare: bool) -> Measured:
        """Make a hospital, measure it, and remove it."""
        size, name = f"{rows / MILLION:g} M", f"bench_{rows}"
        with self.telling.step(f"{size}: making the hospital") as progress:
            hospital = build(self.where.admin, name, rows, self.seed, progress)
        made_at = time.monotonic()
        try:
            with pipeline(self.where, hospital, f"{rows}_dagster") as made:
                return self._measured(made, size, made_at, compare=compare)
        finally:
            with self.where.admin.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE `{name}`")

    def _measured(self, made: Pipeline, size: str, made_at: float, *, compare: bool) -> Measured:
        hospital = made.hospital
        with self.telling.step(f"{size}: backfill") as progress:
            filled = backfill(made, "dagster", progress)
        held_against = self._held_against(made, size) if compare else None
        with self.telling.step(f"{size}: survey and verify"):
            verified = verifying(made, self.times)
        with self.telling.step(f"{size}: ticks, nothing changed"):
            time.sleep(max(0.0, made_at + self.still - time.monotonic()))
            unchanged = ticks(made, self.often)
        edit = partial(edit_rows, self.where.admin, hospital)
        with self.telling.step(f"{size}: ticks, rows changed"):
            changed = ticks(made, self.times, before=edit)
        compared = None
        if held_against:
            with self.telling.step(f"{size}: starting up"):
                month = changed.months[0]
                compared = Compared(*held_against, starting_up(made, month, edit, self.times))
        return Measured(hospital, filled, verified, unchanged, changed, compared)

    def _held_against(self, made: Pipeline, size: str) -> tuple[Backfilled, Floor, Replaced, Replaced]:
        """The same hospital without Dagster, at its floor, and by the replaced algorithm."""
        with (
            self.telling.step(f"{size}: backfill without Dagster") as progress,
            pipeline(self.where, made.hospital, f"{made.hospital.database}_domain") as other,
        ):
            domain = backfill(other, "domain", progress)
        with self.telling.step(f"{size}: the floor"):
            least = floor(made)
        with self.telling.step(f"{size}: the replaced algorithm, row by row"):
            row_by_row = replaced(made, bulk=False)
        with self.telling.step(f"{size}: the replaced algorithm, in bulk"):
            bulk = replaced(made, bulk=True)
        return domain, least, row_by_row, bulk


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=float, nargs="+", default=SIZES, help="millions of observations (0.1 1)")
    parser.add_argument("--json", type=Path, help="the file for the figures (default: one in the temporary folder)")
    parser.add_argument("--seed", type=int, default=1, help="of the generated hospitals")
    parser.add_argument("--mariadb-mb", type=int, default=2048, help="memory for what MariaDB holds")
    parser.add_argument("--mongodb-mb", type=int, default=1024, help="memory for what MongoDB holds")
    arguments = parser.parse_args()
    os.environ.pop("PASSPORT_MONGO_URI", None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with everything cleared away
    home = Path(tempfile.mkdtemp(prefix="passport-bench-"))
    needed, free = max(arguments.sizes) * MILLION * BYTES_OF_A_ROW, shutil.disk_usage(home).free
    if free < needed:
        home.rmdir()
        parser.error(f"{home.parent} has {free / 1e9:.0f} GB free, {needed / 1e9:.0f} may be needed; set TMPDIR")
    file = arguments.json or home.parent / f"passport-bench-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    with place(home, arguments.mariadb_mb, arguments.mongodb_mb) as where:
        report = bench(where, arguments.sizes, Console(stderr=True), seed=arguments.seed)
    report.write(file)
    console = Console(width=None if sys.stdout.isatty() else 150)
    report.show(console)
    for scan in report.scans():
        console.print(scan, style="red", highlight=False, markup=False, no_wrap=True, overflow="ellipsis")
    console.print(f"figures: {file}", soft_wrap=True, highlight=False)
    console.print(report.line, soft_wrap=True, highlight=False)
    return 1 if report.scans() else 0


if __name__ == "__main__":
    sys.exit(main())
