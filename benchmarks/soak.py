"""The soak: three hospitals write without pause, everything goes wrong that can, and nothing may be lost.

    make soak                        ten minutes
    make soak SECONDS=60 SEED=7      one minute, with the mishaps of seed 7

Three generated hospitals of different OpenMRS versions are written to at 200 rows a second, the application edits
records and registers patients, a worker process does what Dagster's daemon does, and faults are injected. At the end
the sensors settle what is left, and every passport is held against the oracle. The last line is `SOAK OK ...` or
`SOAK FAILED ...`.

What belongs here: the course of it. What does not: writers (hospitals), the application (application), faults
(mishaps), ticks (worker), what must be there (passport_pipeline.sample.comparing).
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pymongo
import sqlalchemy as sa
from rich.console import Console

from benchmarks.application import Application
from benchmarks.hospitals import Writer
from benchmarks.mishaps import Mishaps
from benchmarks.seed_algorithm import Loss, SeedAlgorithm, losses
from benchmarks.worker import HOURS, Worker
from passport_pipeline.partitions import FIRST_MONTH, last_month
from passport_pipeline.sample import servers
from passport_pipeline.sample.comparing import Comparison
from passport_pipeline.sample.generator import DEMO, generate
from passport_pipeline.sample.hospital import SampleHospital
from passport_pipeline.sample.loading import load_passport
from passport_pipeline.sample.population import newcomers, passport_patients
from passport_pipeline_tests.daemon import Daemon, Settled, later
from passport_pipeline_tests.operating import Operator, operating, url_variable
from passport_pipeline_tests.sample.stored import differences

PATIENTS, SHARED = 90, 50
CITIZENS = 3 * PATIENTS - 2 * SHARED
RATE = 200.0
HOURS_TO_SETTLE = 4
POLL = 10.0
"""Seconds between two polls of the algorithm that is replaced."""


@dataclass
class Result:
    """What a soak came to. `lag` are the median and 95th percentile of seconds from a row to its record."""

    seed: int
    seconds: int
    writes: int
    faults: int
    compared: Comparison
    settled: list[Settled] = field(default_factory=list)
    lag: tuple[float, float] | None = None
    errors: list[str] = field(default_factory=list)
    replaced: Loss = field(default_factory=Loss)

    @property
    def ok(self) -> bool:
        """Whether every passport is the oracle's, and nothing of the soak itself broke."""
        return self.compared.ok and not self.errors

    @property
    def line(self) -> str:
        """The last line."""
        found = self.compared
        counts = f"lost={len(found.lost)} duplicated={len(found.duplicated)} wrong={len(found.wrong)}"
        return (
            f"SOAK {'OK' if self.ok else 'FAILED'} seconds={self.seconds} writes={self.writes} faults={self.faults} "
            f"{counts}"
        )


def soak(seconds: int, seed: int, home: Path, console: Console, *, rate: float = RATE) -> Result:
    """Soak for so many seconds in an empty folder, on servers of its own."""
    if "PASSPORT_MONGO_URI" in os.environ:
        raise RuntimeError("the soak breaks its servers on purpose: unset PASSPORT_MONGO_URI")
    logging.disable(logging.CRITICAL)
    console.print(f"soak of {seconds} s at {rate:.0f} rows/s, seed {seed}", highlight=False)
    samples = [generate(spec, seed) for spec in specifications()]
    with _stage(home, samples, seed) as operator:
        began = time.time()
        worker = Worker(operator.instance.get_ref(), operator.settings, home / "ticks.jsonl", began, seconds)
        writers = [
            Writer(operator.admin, operator.databases[sample.spec.key], sample, seed, rate / len(samples))
            for sample in samples
        ]
        replaced = _Replaced(operator, seed)
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
        settled = _settle(operator, console)
        compared = operator.compare(application.edited)
        errors = [f"{thread.name}: {thread.error!r}" for thread in threads if thread.error]
        errors += [
            f"{sample.spec.key}: its model is not its database: {difference}"
            for sample in samples
            for difference in differences(operator.admin, operator.databases[sample.spec.key], sample).items()
        ]
        errors += [f"verify {key}: not in line" for key, verified in operator.verify().items() if not verified.ok]
        result = Result(
            seed,
            seconds,
            writes=sum(writer.written for writer in writers),
            faults=sum(mishaps.happened.values()),
            compared=compared,
            settled=settled,
            lag=_lag(operator, datetime.fromtimestamp(began, UTC)),
            errors=errors,
            replaced=replaced.losses(samples),
        )
    _report(console, result, application)
    return result


class _Replaced(threading.Thread):
    """The documented algorithm over the same hospitals, polling far more often than its five minutes."""

    def __init__(self, operator: Operator, seed: int) -> None:
        super().__init__(name="replaced", daemon=True)
        self.database = operator.client[f"{operator.settings.mongo_database}_replaced"]
        self.error: BaseException | None = None
        self._ended = threading.Event()
        load_passport(self.database, passport_patients(seed, CITIZENS))
        zones = {sample.spec.key: ZoneInfo(sample.spec.timezone) for sample in operator.samples}
        engines = {
            key: sa.create_engine(os.environ[url_variable(key)], poolclass=sa.NullPool) for key in operator.databases
        }
        self._algorithm = SeedAlgorithm(
            self.database, engines, lambda key: datetime.now(zones[key]).replace(tzinfo=None)
        )

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Poll; what fails, it tries again the next time, as the document says."""
        while not self._ended.wait(POLL):
            with suppress(sa.exc.DBAPIError, pymongo.errors.PyMongoError):
                self._algorithm.poll()

    def losses(self, samples: list[SampleHospital]) -> Loss:
        """What it came to, after one more poll when everything is quiet."""
        self._algorithm.poll()
        return losses(self._algorithm, samples, first_month=FIRST_MONTH, last_month=last_month())


def specifications(today: date | None = None) -> list:
    """The three hospitals, each with a history of some weeks until yesterday."""
    end = (today or datetime.now(UTC).date()) - timedelta(days=1)
    return [
        replace(
            spec,
            patients=PATIENTS,
            first_citizen=number * (PATIENTS - SHARED),
            visits=2.0,
            start=end - timedelta(days=40),
            end=end,
        )
        for number, spec in enumerate(DEMO)
    ]


@contextmanager
def _stage(home: Path, samples: list[SampleHospital], seed: int) -> Iterator[Operator]:
    started = servers.start(home, die_with_parent=True)
    admin = sa.create_engine(started.mariadb_root_url(), pool_pre_ping=True)

    def make_database(name: str) -> str:
        started.create_database(name)
        return name

    # A killed worker would leave the processes behind that copy what steps print.
    quiet = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    # Writers do in a minute what a hospital does in months, so no share is too large.
    settings = {"lease_seconds": 5, "max_shrink": 1.0, "max_parked": 1.0, "dagster": {"compute_logs": quiet}}
    folder = home / "operator"
    folder.mkdir()
    people = passport_patients(seed, CITIZENS)
    try:
        with (
            pymongo.MongoClient(started.mongo_uri, tz_aware=True) as client,
            operating(
                started, admin, make_database, started.readonly_url, client, folder, samples, people, **settings
            ) as operator,
        ):
            yield operator
    finally:
        admin.dispose()
        servers.stop(home, discard=True)


def _watch(
    console: Console,
    until: float,
    mishaps: Mishaps,
    tell: Callable[[], str],
    threads: Sequence[Writer | Application | _Replaced],
) -> None:
    """Let things go wrong until then, and say how it stands: in one line that changes at a terminal, else in a line
    every ten seconds.
    """
    with console.status("") if console.is_terminal else _nothing() as status:
        told = time.time()
        while time.time() < until and not any(thread.error for thread in threads):
            time.sleep(min(0.2, max(0.0, until - time.time())))
            mishaps.look()
            if status:
                status.update(f"{until - time.time():.0f} s left: {tell()}")
            elif time.time() - told >= 10:
                told = time.time()
                console.print(f"{until - told:.0f} s left: {tell()}", highlight=False)


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


def _told(worker: Worker, writers: list[Writer], mishaps: Mishaps) -> str:
    written = sum(writer.written for writer in writers)
    return f"{written} rows written, {worker.told()}, {sum(mishaps.happened.values())} faults"


def _settle(operator: Operator, console: Console) -> list[Settled]:
    """A night, and ticks until nothing is requested; the same an hour later, until an hour has nothing to do."""
    daemon = Daemon(operator.settings, operator.instance)
    rounds: list[Settled] = []
    ran = daemon.recover()
    while len(rounds) < HOURS_TO_SETTLE and (ran or not rounds):
        started = time.monotonic()
        with later(HOURS + 1 + len(rounds)):
            night = daemon.night()
            rounds.append(daemon.settle())
        runs, failures = len(ran) + len(night.ran) + len(rounds[-1].ran), night.failures + rounds[-1].failures
        console.print(
            f"settling: {runs} runs, {len(failures)} failures, {time.monotonic() - started:.1f} s", highlight=False
        )
        ran = rounds[-1].ran
    return rounds


def _lag(operator: Operator, began: datetime) -> tuple[float, float] | None:
    """Seconds from a row's creation at the hospital to its record, of rows that were typed during the soak."""
    since = {"openmrsData.dateCreated": {"$gt": began}, "source.version": 1}
    times = operator.database["medicalrecords"].find(since, {"createdAt": 1, "openmrsData.dateCreated": 1})
    seconds = [(one["createdAt"] - one["openmrsData"]["dateCreated"]).total_seconds() for one in times]
    if not seconds:
        return None
    p50, p95 = np.percentile(seconds, [50, 95])
    return float(p50), float(p95)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def _report(console: Console, result: Result, application: Application) -> None:
    if result.lag:
        console.print(f"from row to record: median {result.lag[0]:.1f} s, 95 % within {result.lag[1]:.1f} s")
    console.print(f"the application changed {len(application.edited)} records, registered {application.registered}")
    for name, found in (("the algorithm that is replaced", result.replaced), ("this pipeline", result.compared)):
        counts = (len(found.lost), len(found.duplicated), len(found.wrong))
        console.print(
            f"{name:<32} lost {counts[0]:>6}   duplicated {counts[1]:>6}   wrong {counts[2]:>6}", highlight=False
        )
    for error in result.errors:
        console.print(error)
    if not result.compared.ok:
        console.print(str(result.compared), highlight=False)
    console.print(result.line, highlight=False)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--rate", type=float, default=RATE, help="rows a second, of all hospitals together")
    given = parser.parse_args()
    os.environ.pop("PASSPORT_MONGO_URI", None)
    seed = given.seed if given.seed is not None else secrets.randbelow(10_000)
    home = Path(tempfile.mkdtemp(prefix="passport-soak-"))
    result = soak(given.seconds, seed, home, Console(), rate=given.rate)
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
