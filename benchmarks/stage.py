"""Where the soak takes place: three hospitals, their passport, and servers of its own.

What belongs here: setting up, and the algorithm that is replaced beside the pipeline. What does not: what happens
(hospitals, application, mishaps, worker).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pymongo
import sqlalchemy as sa

from benchmarks.seed_algorithm import Loss, SeedAlgorithm, losses
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_sample import servers
from passport_sample.generator import DEMO, generate
from passport_sample.hospital import SampleHospital
from passport_sample.loading import load_passport
from passport_sample.population import passport_patients
from passport_testing.operator import Operator, operating, url_variable

PATIENTS, SHARED = 90, 50
CITIZENS = 3 * PATIENTS - 2 * SHARED
HISTORY_DAYS = 40
POLL = 10.0
"""Seconds between two polls of the algorithm that is replaced."""


def hospitals(seed: int) -> list[SampleHospital]:
    """Three hospitals of different OpenMRS versions that share patients, with a history until yesterday."""
    end = datetime.now(UTC).date() - timedelta(days=1)
    dates = {"start": end - timedelta(days=HISTORY_DAYS), "end": end}
    return [
        generate(replace(spec, patients=PATIENTS, first_citizen=n * (PATIENTS - SHARED), visits=2.0, **dates), seed)
        for n, spec in enumerate(DEMO)
    ]


@contextmanager
def staged(home: Path, seed: int) -> Iterator[Operator]:
    """The hospitals in an empty folder, loaded and registered, but not read yet; nothing is left of it afterwards."""
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
    try:
        with pymongo.MongoClient(started.mongo_uri, tz_aware=True) as client:
            on = (started, admin, make_database, started.readonly_url, client, folder)
            with operating(*on, hospitals(seed), passport_patients(seed, CITIZENS), **settings) as operator:
                yield operator
    finally:
        admin.dispose()
        servers.stop(home, discard=True)


class Replaced(threading.Thread):
    """The documented algorithm over the same hospitals, polling far more often than its five minutes."""

    def __init__(self, operator: Operator, seed: int) -> None:
        super().__init__(name="replaced", daemon=True)
        self.database = operator.client[f"{operator.settings.mongo_database}_replaced"]
        self.error: BaseException | None = None
        self._hospitals = operator.samples
        self._ended = threading.Event()
        load_passport(self.database, passport_patients(seed, CITIZENS))
        zones = {sample.spec.key: ZoneInfo(sample.spec.timezone) for sample in operator.samples}
        engines = {key: sa.create_engine(os.environ[url_variable(key)], poolclass=sa.NullPool) for key in zones}
        self._algorithm = SeedAlgorithm(
            self.database, engines, lambda key: datetime.now(zones[key]).replace(tzinfo=None)
        )

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Poll; what a fault interrupts is tried again the next time, as the document says."""
        try:
            while not self._ended.wait(POLL):
                with suppress(sa.exc.DBAPIError, pymongo.errors.PyMongoError):
                    self._algorithm.poll()
        except BaseException as error:  # noqa: BLE001 - shown by whoever started it
            self.error = error

    def losses(self) -> Loss:
        """Its losses, after one more poll when everything is quiet."""
        self._algorithm.poll()
        return losses(self._algorithm, self._hospitals, first_month=FIRST_MONTH, last_month=last_month())
