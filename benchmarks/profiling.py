"""Where the time of a backfill goes.

    python -m benchmarks.profiling --size 0.1           as `passport-pipeline sync` does it
    python -m benchmarks.profiling --how domain         without Dagster

A hospital is made and brought into an empty passport under cProfile, which sees every thread of the process and makes
it slower, calls of small functions most of all. Its seconds are of work: waiting for the servers is not in them, and
the servers' own work is in the last line.

What belongs here: the tables. What does not: the backfill, and how it is profiled (backfill).
"""

from __future__ import annotations

import argparse
import pstats
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.backfill import HOW, backfill
from benchmarks.bench import Telling
from benchmarks.data import build
from benchmarks.place import pipeline, place
from benchmarks.timing import MILLION

ROWS = 25
OURS = "passport_pipeline/"

Function = tuple[str, int, str]


def module_of(function: Function) -> str:
    """The pipeline's module, the library, or what the interpreter itself does."""
    path = function[0]
    if OURS in path:
        return path[path.rindex(OURS) :]
    if "site-packages/" in path:
        return path.rpartition("site-packages/")[2].partition("/")[0]
    return "the interpreter" if path == "~" else "the standard library"


def by_module(stats: Any) -> Counter[str]:
    """Own seconds by module; those of functions in C count where they are called."""
    seconds: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in stats.items():
        if function[0] != "~" or not callers:
            seconds[module_of(function)] += own
            continue
        for caller, (_, _, part, _) in callers.items():
            seconds[module_of(caller)] += part
    return seconds


def functions(stats: Any) -> Counter[str]:
    """Seconds of the pipeline's own functions, with all that they call."""
    seconds: Counter[str] = Counter()
    for function, (_, _, _, total, _) in stats.items():
        if OURS in function[0]:
            seconds[f"{module_of(function)} {function[2]}"] += total
    return seconds


def show(console: Console, title: str, seconds: Counter[str]) -> None:
    """The largest of them."""
    table = Table(title=title)
    table.add_column("")
    table.add_column("s", justify="right")
    for name, taken in seconds.most_common(ROWS):
        table.add_row(name, f"{taken:.2f}")
    console.print(table)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiling", description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=float, default=0.1, help="millions of observations")
    parser.add_argument("--how", choices=HOW, default="dagster")
    arguments = parser.parse_args()
    home, console = Path(tempfile.mkdtemp(prefix="passport-bench-")), Console(width=110)
    telling = Telling(Console(stderr=True))
    with place(home, 2048, 1024) as where:
        with telling.step("making the hospital") as progress:
            hospital = build(where.admin, "bench", round(arguments.size * MILLION), 1, progress)
        with pipeline(where, hospital, "profiled") as made, telling.step("backfill") as progress:
            done = backfill(made, arguments.how, progress, profile=home / "profile")
        stats: Any = pstats.Stats(str(home / "profile")).stats  # type: ignore[attr-defined]
    show(console, "own seconds by module", by_module(stats))
    show(console, "seconds of the pipeline's functions, with what they call", functions(stats))
    console.print(
        f"{done.live} live rows in {done.seconds:.1f} s; at work: the process {done.cpu_seconds:.1f} s, "
        f"MariaDB {done.mariadb_cpu_seconds:.1f} s, MongoDB {done.mongodb_cpu_seconds:.1f} s",
        highlight=False,
    )


if __name__ == "__main__":
    main()
