"""Where the benchmarks take place: private servers with realistic memory, and a pipeline set up on them.

What belongs here: starting, setting up, clearing away. What does not: hospitals (data), measuring.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import sqlalchemy as sa
import yaml
from pymongo.database import Database

from benchmarks.data import SPEC, BenchHospital, load_people
from passport_pipeline.connections.run import Connections
from passport_pipeline.passport.mongo.database import Passport
from passport_sample import servers
from passport_sample.dagster_home import prepare
from passport_sample.servers import Servers

URL = "BENCH_HOSPITAL_URL"
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Place:
    """Two servers, empty at first, and a folder. `admin` may do everything in MariaDB, `client` in MongoDB."""

    home: Path
    servers: Servers
    admin: sa.Engine
    client: pymongo.MongoClient[dict[str, Any]]


@dataclass(frozen=True)
class Pipeline:
    """A pipeline with one hospital, whose passport knows its patients and nothing else yet; `environment` are the
    variables with which the command line works on it.
    """

    place: Place
    hospital: BenchHospital
    environment: Mapping[str, str]

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The passport."""
        return self.place.client[self.environment["PASSPORT_MONGO_DATABASE"]]

    @contextmanager
    def connections(self) -> Iterator[Connections]:
        """What the pipeline's own functions are called with, in this process."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        connections = Connections()
        try:
            yield connections
        finally:
            connections.close()
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


@contextmanager
def place(home: Path, mariadb_mb: int, mongodb_mb: int) -> Iterator[Place]:
    """Servers in an empty folder, with so much memory for what they hold; nothing is left of them afterwards.

    Raises RuntimeError where PASSPORT_MONGO_URI names a server: it would be filled, and its memory changed.
    """
    if "PASSPORT_MONGO_URI" in os.environ:
        raise RuntimeError("the benchmarks fill servers of their own: unset PASSPORT_MONGO_URI")
    try:
        started = servers.start(home, die_with_parent=True)
        admin = sa.create_engine(started.mariadb_root_url(), pool_pre_ping=True)
        with admin.connect() as connection:
            connection.exec_driver_sql(f"SET GLOBAL innodb_buffer_pool_size = {mariadb_mb * MEGABYTE}")
            connection.exec_driver_sql(f"SET GLOBAL innodb_log_file_size = {max(96, mariadb_mb // 2) * MEGABYTE}")
        # As the pipeline's own connections: acknowledged by a majority.
        with pymongo.MongoClient(started.mongo_uri, tz_aware=True, w="majority") as client:
            memory = f"cache_size={mongodb_mb}M"
            client.admin.command({"setParameter": 1, "wiredTigerEngineRuntimeConfig": memory})
            yield Place(home, started, admin, client)
        admin.dispose()
    finally:
        servers.stop(home, discard=True)


@contextmanager
def pipeline(where: Place, hospital: BenchHospital, name: str) -> Iterator[Pipeline]:
    """A pipeline set up for a hospital, under a name that no other has; its passport is dropped afterwards."""
    folder = where.home / name
    folder.mkdir()
    entry = {
        "key": SPEC.key,
        "name": SPEC.name,
        "url_env": URL,
        "timezone": SPEC.timezone,
        "locales": list(SPEC.locales),
        "national_id_types": list(SPEC.national_id_types),
    }
    (folder / "hospitals.yaml").write_text(yaml.safe_dump({"hospitals": [entry]}))
    made = Pipeline(
        where,
        hospital,
        {
            "PASSPORT_HOSPITALS_FILE": str(folder / "hospitals.yaml"),
            "PASSPORT_MONGO_URI": where.servers.mongo_uri,
            "PASSPORT_MONGO_DATABASE": f"bench_{name}",
            "PASSPORT_BATCHES": str(folder / "batches"),
            "DAGSTER_HOME": str(prepare(folder)),
            URL: where.servers.readonly_url(hospital.database),
        },
    )
    try:
        load_people(made.database, hospital.patients)
        Passport(where.client, made.database).ensure()
        yield made
    finally:
        where.client.drop_database(made.database.name)
