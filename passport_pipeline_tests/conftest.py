"""Real servers for the tests: one private MariaDB and MongoDB per session, in a temporary folder.

Everything that a test creates has a name of its own, so sessions can run side by side, also on a MongoDB
that PASSPORT_MONGO_URI names. MariaDB's databases go with the folder, MongoDB's are dropped.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymongo
import pytest
import sqlalchemy as sa

from passport_sample import servers as private_servers
from passport_sample.servers import Servers

if TYPE_CHECKING:
    from passport_pipeline.config.settings import Settings

DUMPS = Path(__file__).resolve().parents[1].parent / "shared" / "openmrs"

# What a developer's shell says of their own passport must not decide what the tests find.
for name in [name for name in os.environ if name.startswith("PASSPORT_") and name != "PASSPORT_MONGO_URI"]:
    del os.environ[name]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Both servers, running; they end with the session, also when it is killed."""
    home = Path(tempfile.mkdtemp(prefix="passport-"))
    try:
        yield private_servers.start(home, die_with_parent=True)
    finally:
        private_servers.stop(home, discard=True)


@pytest.fixture(scope="session")
def mariadb_admin(servers: Servers) -> Iterator[sa.Engine]:
    """An engine of MariaDB's root account, on no database."""
    engine = sa.create_engine(servers.mariadb_root_url())
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def make_database(servers: Servers) -> Callable[[str], str]:
    """make_database("hospital") -> the name of a new, empty utf8mb4 database that starts so."""

    def make(name: str = "hospital") -> str:
        database = f"{re.sub(r'[^0-9a-z]+', '_', name.lower())[:40]}_{secrets.token_hex(4)}"
        servers.create_database(database)
        return database

    return make


@pytest.fixture(scope="session")
def readonly_url(servers: Servers) -> Callable[[str], str]:
    """readonly_url(database) -> the URL of an account that has SELECT on it and nothing else."""
    return servers.readonly_url


@pytest.fixture(scope="session")
def openmrs_dump(servers: Servers, make_database: Callable[[str], str]) -> Callable[[str], str]:
    """openmrs_dump("demo-1.9") -> the name of a new database that holds it; skips where there is no dump."""

    def load(name: str) -> str:
        dump = DUMPS / f"{name}.sql.gz"
        if not dump.exists():
            pytest.skip(f"the OpenMRS dump {dump.name} is not beside this project")
        database = make_database(name)
        servers.load_dump(database, dump)
        return database

    return load


@pytest.fixture(scope="session")
def mongo(servers: Servers) -> "Iterator[pymongo.MongoClient[dict[str, Any]]]":
    """A client of MongoDB that the tests may look and meddle with."""
    with pymongo.MongoClient(servers.mongo_uri, tz_aware=True) as client:
        yield client


@pytest.fixture
def settings(servers: Servers, mongo: "pymongo.MongoClient[dict[str, Any]]", tmp_path: Path) -> "Iterator[Settings]":
    """Settings with a MongoDB database and a folder of raw batches that no other test has."""
    from passport_pipeline.config.settings import Settings

    database = f"passport_test_{secrets.token_hex(6)}"
    yield Settings(
        hospitals_file=tmp_path / "hospitals.yaml",
        mongo_uri=servers.mongo_uri,
        mongo_database=database,
        batches=str(tmp_path / "batches"),
    )
    mongo.drop_database(database)


@pytest.fixture(scope="session")
def operating_on(servers, mariadb_admin, make_database, readonly_url, mongo, tmp_path_factory):
    """operating_on(samples, people, **settings) -> a context manager that gives an operating.Operator."""
    from passport_testing.operator import operating

    def of(samples, people, **settings):
        folder = tmp_path_factory.mktemp("operator")
        return operating(
            servers, mariadb_admin, make_database, readonly_url, mongo, folder, samples, people, **settings
        )

    return of


@pytest.fixture(scope="module")
def operator(operating_on):
    """Two hospitals that share patients, of OpenMRS 2.8 and 1.9, three months long; nothing synced yet. Tests that
    change them leave both ends up to date.
    """
    from passport_sample.generator import DEMO, generate
    from passport_sample.population import passport_patients

    months = {"start": date(2026, 7, 1), "end": date(2026, 9, 30)}
    specs = [
        replace(DEMO[0], patients=24, visits=2.0, **months),
        replace(DEMO[2], patients=24, visits=2.0, first_citizen=12, **months),
    ]
    with operating_on([generate(spec, 5) for spec in specs], passport_patients(5, 40)) as operator:
        yield operator


@pytest.fixture
def memory(settings, monkeypatch):
    """A memory.MemoryCase: a hospital of a record system in memory, not loaded yet, and its passport."""
    from passport_pipeline_tests.memory import memory_case

    with memory_case(settings, monkeypatch) as case:
        yield case
