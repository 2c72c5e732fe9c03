"""Ticks of both sensors in a process that has just started, with hundreds of hospitals of which some never answer.

One small hospital is brought in as a run does it. The others are copies of its database, each with uuids of its own, so
none is another one under a second key. Each is surveyed; its lookups, raw batches and recorded days are copies, with
the digests of its own rows, so all are up to date. The silent ones are a port that accepts and never answers.

What is timed is the whole evaluation of a sensor, with Dagster's part, in one process.

What belongs here: making them, and these ticks. What does not: what one check costs its hospital (ticks).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import sqlalchemy as sa
import yaml
from pydantic import SecretStr

from benchmarks.backfill import bring_in
from benchmarks.data import SPEC, VERSION
from benchmarks.place import Place
from benchmarks.timing import Times
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.digests import Digest
from passport_pipeline.orchestration.sensors.changed_inputs import changed_inputs
from passport_pipeline.orchestration.sensors.source_changes import source_changes
from passport_pipeline.passport.days.dirty import day_id
from passport_pipeline.passport.mongo.collections import DAYS
from passport_pipeline.sources.openmrs.tables import metadata
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.survey import survey_hospital
from passport_sample.generator import generate
from passport_sample.hospital import HospitalSpec
from passport_sample.loading import load, load_passport
from passport_sample.population import passport_patients
from passport_sample.schema import columns, tables

SEED = 1
PASSPORT = "bench_crowd"
AT_ONCE = 4
ROOM = {"max_connections": 2_000, "table_open_cache": 20_000, "table_definition_cache": 20_000}
"""For some hundred databases on one server, as each hospital's own server has it for one."""
UUID = "INSERT(INSERT(INSERT(INSERT(MD5(CONCAT(uuid, '{0}')), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"


@dataclass(frozen=True)
class Sensed:
    """Seconds of a sensor's first tick after a restart, in which it saw so many hospitals, and of those that follow
    when nothing has changed.
    """

    first: Times
    steady: Times
    seen: int


@dataclass(frozen=True)
class Crowd:
    """The ticks of both sensors over so many hospitals that answer, with so many rows of obs in all, and so many that
    do not.
    """

    hospitals: int
    silent: int
    rows: int
    changes: Sensed
    inputs: Sensed


def crowd(
    where: Place,
    hospitals: int,
    silent: int,
    *,
    often: int = 3,
    still: float = 0.0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Crowd:
    """Make them, tick, and remove them. `still` seconds lie between the last change and the first tick; `progress`
    is told the hospitals that are made and all of them.
    """
    with made(where, hospitals, silent, progress) as (connections, rows):
        time.sleep(still)
        with dg.instance_for_test() as instance:
            keys = list(connections.hospitals)
            instance.add_dynamic_partitions("hospital", keys[:hospitals])
            inputs = _sensed(connections, instance, changed_inputs, often)
            instance.add_dynamic_partitions("hospital", keys[hospitals:])
            changes = _sensed(connections, instance, source_changes, often)
    return Crowd(hospitals, silent, rows, changes, inputs)


def _sensed(connections: Connections, instance: dg.DagsterInstance, sensor: dg.SensorDefinition, often: int) -> Sensed:
    """A sensor's ticks, from those of a process that has nothing open. Raises RuntimeError where one asks for a run."""
    process = Connections(connections.settings)
    try:
        cursor, first, seen = _tick(process, instance, sensor, None)
        # Those that do not answer are tried once more, and then left alone.
        cursor, _, _ = _tick(process, instance, sensor, cursor)
        steady = []
        for _ in range(often):
            cursor, took, _ = _tick(process, instance, sensor, cursor)
            steady.append(took)
    finally:
        process.close()
    return Sensed(Times((first,)), Times(tuple(steady)), seen)


def _tick(
    process: Connections, instance: dg.DagsterInstance, sensor: dg.SensorDefinition, cursor: str | None
) -> tuple[str | None, float, int]:
    """The cursor, the seconds, and how many hospitals were seen."""
    started = time.perf_counter()
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources={"connections": process}) as context:
        result = sensor(context)
    took = time.perf_counter() - started
    if not isinstance(result, dg.SensorResult) or result.run_requests or not result.skip_reason:
        raise RuntimeError(f"a tick of {sensor.name} asks for runs, though all hospitals are up to date")
    message = result.skip_reason.skip_message or ""
    return result.cursor, took, int(message.partition(" in ")[2].partition(" of ")[0])


@contextmanager
def made(
    where: Place, hospitals: int, silent: int, progress: Callable[[int, int], None] = lambda done, of: None
) -> Iterator[tuple[Connections, int]]:
    """The pipeline of that many hospitals that are up to date, and the rows of obs that they have in all."""
    databases = [f"crowd_{number:03d}" for number in range(hospitals)]
    folder = where.home / "crowd"
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as port, _room(where.admin):
        try:
            sample = generate(_spec(), SEED)
            rows = load(where.admin, databases[0], sample)["obs"] * hospitals
            with ThreadPoolExecutor(AT_ONCE) as pool:
                copies = [pool.submit(_copy, where.admin, databases[0], each) for each in databases[1:]]
                for done, copy in enumerate(copies, 2):
                    copy.result()
                    progress(done, hospitals)
            urls = [where.servers.readonly_url(database) for database in databases]
            urls += [f"mysql+pymysql://reader@127.0.0.1:{port.getsockname()[1]}/silent"] * silent
            with _connections(where, folder, urls) as connections:
                load_passport(where.client[PASSPORT], passport_patients(SEED, 20))
                _bring_in(connections, hospitals)
                yield connections, rows
        finally:
            where.client.drop_database(PASSPORT)
            shutil.rmtree(folder, ignore_errors=True)
            with where.admin.connect() as connection:
                for database in databases:
                    connection.exec_driver_sql(f"DROP DATABASE IF EXISTS `{database}`")


def _spec() -> HospitalSpec:
    end = datetime.now(UTC).date() - timedelta(days=1)
    return replace(SPEC, patients=6, visits=2.0, start=end - timedelta(days=40), end=end, edges=False)


@contextmanager
def _room(admin: sa.Engine) -> Iterator[None]:
    """The server has ROOM, and makes tables without a file for each, which takes a fraction of the time."""
    settings = ROOM | {"innodb_file_per_table": 0}
    with admin.connect() as connection:
        before = {name: connection.exec_driver_sql(f"SELECT @@GLOBAL.{name}").scalar_one() for name in settings}
    for values in (settings, before):
        with admin.connect() as connection:
            for name, value in values.items():
                connection.exec_driver_sql(f"SET GLOBAL {name} = {value}")
        if values is settings:
            yield


def _copy(admin: sa.Engine, of: str, database: str) -> None:
    """A database of the tables that are read, with other uuids of the observations."""
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = '', unique_checks = 0")
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS `{database}`")
        connection.exec_driver_sql(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
        for table in tables(VERSION):
            if table not in metadata.tables:
                continue
            names = [f"`{each.name}`" for each in columns(VERSION, table)]
            values = [UUID.format(database) if (table, name) == ("obs", "`uuid`") else name for name in names]
            connection.exec_driver_sql(f"CREATE TABLE `{database}`.`{table}` LIKE `{of}`.`{table}`")
            connection.exec_driver_sql(
                f"INSERT INTO `{database}`.`{table}` ({', '.join(names)}) "
                f"SELECT {', '.join(values)} FROM `{of}`.`{table}`"
            )


@contextmanager
def _connections(where: Place, folder: Path, urls: Sequence[str]) -> Iterator[Connections]:
    """The pipeline of hospitals with these URLs; those of the first are in front."""
    keys = [f"crowd-{number:03d}" for number in range(len(urls))]
    entry = {
        "name": SPEC.name,
        "timezone": SPEC.timezone,
        "locales": list(SPEC.locales),
        "national_id_types": list(SPEC.national_id_types),
    }
    variables = {key: f"BENCH_{key.upper().replace('-', '_')}_URL" for key in keys}
    folder.mkdir()
    (folder / "hospitals.yaml").write_text(
        yaml.safe_dump({"hospitals": [{"key": key, "url_env": variables[key], **entry} for key in keys]})
    )
    settings = Settings(
        hospitals_file=folder / "hospitals.yaml",
        mongo_uri=SecretStr(where.servers.mongo_uri),
        mongo_database=PASSPORT,
        batches=str(folder / "batches"),
    )
    os.environ.update({variables[key]: url for key, url in zip(keys, urls, strict=True)})
    connections = Connections(settings)
    try:
        yield connections
    finally:
        connections.close()
        for name in variables.values():
            del os.environ[name]


def _bring_in(connections: Connections, hospitals: int) -> None:
    """Bring in the first hospital, and of the others what the sensors look at."""
    first, *others = list(connections.hospitals.values())[:hospitals]
    months = bring_in(connections, first)
    days = list(connections.passport[DAYS].find({"hospital": first.key}))

    def follow(hospital: Hospital) -> None:
        shutil.copytree(_batches(connections, first), _batches(connections, hospital))
        with system_of(hospital).open(hospital, connections.settings) as source:
            survey, _ = survey_hospital(source, connections.batches, connections.passport)
        digests = survey.digests()
        for month in months:
            for path in (_batches(connections, hospital) / month).glob("*.parquet"):
                _with_digest(path, digests[date.fromisoformat(path.stem)])
        connections.passport[DAYS].insert_many([_day_of(hospital.key, day, digests) for day in days])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(follow, others))


def _batches(connections: Connections, hospital: Hospital) -> Path:
    return Path(connections.settings.batches) / hospital.key


def _with_digest(path: Path, digest: Digest) -> None:
    """The file of a day of another hospital, as far as sensors read it: they use the metadata at its end."""
    with pq.ParquetFile(path) as parquet:
        table = parquet.read()
    metadata = (table.schema.metadata or {}) | {b"passport.digest": json.dumps(digest.to_json()).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def _day_of(key: str, day: Mapping[str, Any], digests: Mapping[date, Digest]) -> dict[str, Any]:
    """The same day as another hospital's recorded day."""
    digest = digests.get(date.fromisoformat(day["day"]), Digest())
    return {**day, "_id": day_id(key, day["day"]), "hospital": key, "digest": digest.to_json()}
