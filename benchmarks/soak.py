"""The soak: three hospitals write without pause, everything goes wrong that can, and nothing may be lost.

    make soak                        ten minutes
    make soak SECONDS=60 SEED=7      one minute, with the mishaps of seed 7

Three generated hospitals of different OpenMRS versions are written to at 200 rows a second, the application edits
records and registers patients, a worker process does what Dagster's daemon does, and faults are injected. At the end
the sensors settle what is left, and every passport is compared with the oracle. The last line is `SOAK OK ...` or
`SOAK FAILED ...`.

What belongs here: the order of the steps. What does not: where it takes place (stage), writers (hospitals), the
application, faults (mishaps), ticks (worker), what must be there (passport_sample.comparing).
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.application import Application
from benchmarks.healing import times_to_heal
from benchmarks.hospitals import Writer
from benchmarks.mishaps import Mishaps
from benchmarks.seed_algorithm import Loss
from benchmarks.stage import CITIZENS, Replaced, staged
from benchmarks.worker import HOURS, Worker
from passport_sample.comparing import Comparison
from passport_sample.population import newcomers
from passport_testing.daemon import Daemon, NotSettledError, later
from passport_testing.operator import Operator
from passport_testing.stored import differences

RATE = 200.0
HOURS_TO_SETTLE = 4


@dataclass
class Result:
    """The result of a soak. `errors` are what else broke, `healed` the seconds to heal by kind (benchmarks.healing),
    `replaced` is what the documented algorithm lost meanwhile.
    """

    seconds: int
    writes: int = 0
    faults: int = 0
    compared: Comparison = field(default_factory=Comparison)
    errors: list[str] = field(default_factory=list)
    healed: Mapping[str, tuple[int, float, float]] = field(default_factory=dict)
    replaced: Loss = field(default_factory=Loss)

    @property
    def ok(self) -> bool:
        """Whether every passport is the oracle's, and nothing of the soak itself broke."""
        return self.compared.ok and not self.errors

    @property
    def line(self) -> str:
        """The last line."""
        compared, outcome = self.compared, "OK" if self.ok else "FAILED"
        counts = f"lost={len(compared.lost)} duplicated={len(compared.duplicated)} wrong={len(compared.wrong)}"
        return f"SOAK {outcome} seconds={self.seconds} writes={self.writes} faults={self.faults} {counts}"


def soak(seconds: int, seed: int, home: Path, console: Console, *, rate: float = RATE) -> Result:
    """Soak for so many seconds in an empty folder, on servers of its own."""
    if "PASSPORT_MONGO_URI" in os.environ:
        raise RuntimeError("the soak breaks its servers on purpose: unset PASSPORT_MONGO_URI")
    console.print(f"soak of {seconds} s at {rate:.0f} rows/s, seed {seed}", highlight=False)
    with _silence(), staged(home, seed) as operator:
        began = time.time()
        worker = Worker(operator.instance.get_ref(), operator.settings, home / "ticks.jsonl", began, seconds)
        writers = [
            Writer(operator.admin, operator.databases[sample.spec.key], sample, seed, rate / len(operator.samples))
            for sample in operator.samples
        ]
        replaced = Replaced(operator, seed)
        application = Application([operator.database, replaced.database], newcomers(seed, CITIZENS), seed)
        every = max(2.0, min(8.0, seconds / 12))
        mishaps = Mishaps(operator, home, worker, writers, seed=seed, every=every)
        threads = [*writers, application, replaced]
        worker.start()
        for thread in threads:
            thread.start()
        _watch(console, began + seconds, mishaps, lambda: _told(worker, writers, mishaps), threads)
        mishaps.stop()
        for thread in threads:
            thread.stop()
        worker.end()
        console.print(f"written: {_counts(sum((writer.events for writer in writers), start=Counter()))}")
        console.print(f"faults: {_counts(mishaps.happened)}; the worker was started {worker.starts} times")
        console.print(f"the application changed {len(application.edited)} records, registered {application.registered}")
        errors = [f"{thread.name}: {thread.error!r}" for thread in threads if thread.error]
        errors += _settle(operator, console)
        result = Result(
            seconds,
            writes=sum(writer.written for writer in writers),
            faults=sum(mishaps.happened.values()),
            compared=operator.compare(application.edited),
            errors=[*errors, *_remaining_differences(operator)],
            healed=times_to_heal(operator.database, (event for writer in writers for event in writer.log)),
            replaced=replaced.losses(),
        )
    _report(console, result)
    return result


@contextmanager
def _silence() -> Iterator[None]:
    """What sensors and runs warn of is expected here."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _watch(
    console: Console,
    until: float,
    mishaps: Mishaps,
    tell: Callable[[], str],
    threads: Sequence[Writer | Application | Replaced],
) -> None:
    """Let things go wrong until then, and say how it stands: in one line that changes at a terminal, else in a line
    every ten seconds.
    """
    with console.status("") if console.is_terminal else _nothing() as status:
        reported_at = time.time()
        while time.time() < until and not any(thread.error for thread in threads):
            time.sleep(min(0.2, max(0.0, until - time.time())))
            mishaps.inject_due()
            if status:
                status.update(f"{until - time.time():.0f} s left: {tell()}")
            elif time.time() - reported_at >= 10:
                reported_at = time.time()
                console.print(f"{until - reported_at:.0f} s left: {tell()}", highlight=False)


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


def _told(worker: Worker, writers: Sequence[Writer], mishaps: Mishaps) -> str:
    written = sum(writer.written for writer in writers)
    return f"{written} rows written, {worker.progress()}, {sum(mishaps.happened.values())} faults"


def _settle(operator: Operator, console: Console) -> list[str]:
    """A night, and ticks until two in a row request nothing; the same an hour later, until an hour has nothing to do.
    Returns what went wrong.
    """
    daemon = Daemon(operator.settings, operator.instance)
    time.sleep(operator.settings.lease_seconds)  # no tick requests a window whose lease a killed run still has
    ran, failures = daemon.recover(), list[str]()
    for hour in range(1, HOURS_TO_SETTLE + 1):
        started = time.monotonic()
        with later(HOURS + hour):
            night = daemon.night()
            try:
                settled = daemon.settle(quiet=2)
            except NotSettledError as error:
                return [str(error)]
        runs, failures = len(ran) + len(night.ran) + len(settled.ran), night.failures + settled.failures
        console.print(
            f"settling: {runs} runs, {len(failures)} failures, {time.monotonic() - started:.1f} s", highlight=False
        )
        ran = settled.ran
        if not ran:
            return failures
    return [f"something was requested in each of {HOURS_TO_SETTLE} hours", *dict.fromkeys(failures)]


def _remaining_differences(operator: Operator) -> list[str]:
    """Where a hospital is not what its model says, and where `verify` finds a difference."""
    problems = [
        f"{sample.spec.key}: its model is not its database: {table} {columns}"
        for sample in operator.samples
        for table, columns in differences(operator.admin, operator.databases[sample.spec.key], sample).items()
    ]
    return problems + [
        f"{key}: verify finds differences" for key, verification in operator.verify().items() if not verification.ok
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def _report(console: Console, result: Result) -> None:
    lines = [f"{'seconds from the hospital to the passport':<44}{'events':>8}{'median':>8}{'95 %':>8}"]
    lines += [f"  {kind:<42}{n:>8}{p50:>8.1f}{p95:>8.1f}" for kind, (n, p50, p95) in result.healed.items()]
    lines.append(f"{'at the end':<44}{'lost':>8}{'twice':>8}{'wrong':>8}")
    for name, comparison in (("the algorithm that is replaced", result.replaced), ("this pipeline", result.compared)):
        lines.append(f"  {name:<42}{len(comparison.lost):>8}{len(comparison.duplicated):>8}{len(comparison.wrong):>8}")
    lines += result.errors
    if not result.compared.ok:
        lines.append(str(result.compared))
    console.print("\n".join([*lines, result.line]), highlight=False, markup=False)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--rate", type=float, default=RATE, help="rows a second, of all hospitals together")
    arguments = parser.parse_args()
    os.environ.pop("PASSPORT_MONGO_URI", None)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(10_000)
    console, home = Console(), Path(tempfile.mkdtemp(prefix="passport-soak-"))
    try:
        result = soak(arguments.seconds, seed, home, console, rate=arguments.rate)
    except Exception as error:  # noqa: BLE001 - whatever it is, the last line says that it failed
        console.print_exception()
        console.print(Result(arguments.seconds, errors=[repr(error)]).line, highlight=False)
        return 1
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
