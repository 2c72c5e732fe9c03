"""Hand-made hospitals, and sources on them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy as sa

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.sources.mysql.connection import Database as Opened
from passport_pipeline.sources.openmrs.source import OpenMrs, OpenMrsSource
from passport_pipeline_tests.conftest import DUMPS
from passport_pipeline_tests.sources.inserting import Database, create_tables
from passport_pipeline_tests.sources.observing import open_database


@pytest.fixture(scope="session")
def openmrs_database(mariadb_admin: sa.Engine, make_database: Callable[[str], str]) -> Callable[..., Database]:
    """openmrs_database("2.5") -> an empty hospital of that version with one live patient, person 1.

    A version's schema is loaded once and emptied for each test; `own=True` gives one that no other test has, to
    be altered or kept for a whole module.
    """
    shared: dict[str, Database] = {}

    def load(version: str) -> Database:
        dump = DUMPS / f"schema-{version}.sql.gz"
        if not dump.exists():
            pytest.skip(f"the OpenMRS schema {dump.name} is not beside this project")
        name = make_database(f"openmrs_{version}")
        create_tables(mariadb_admin, name, dump)
        return Database(mariadb_admin, name)

    def make(version: str, *, own: bool = False) -> Database:
        database = (None if own else shared.get(version)) or load(version)
        if not own:
            shared[version] = database
        database.clear()
        database.persons(1)
        return database

    return make


@pytest.fixture
def hospital_of(monkeypatch: pytest.MonkeyPatch, readonly_url: Callable[[str], str]) -> Callable[..., Hospital]:
    """hospital_of(database name, **fields) -> a registered hospital whose account can read it."""

    def make(database: str, **fields: Any) -> Hospital:
        url = fields.pop("url", None) or readonly_url(database)
        monkeypatch.setenv("CENTRAL_OPENMRS_URL", url)
        described = {"key": "central", "name": "Central Hospital", "timezone": "Africa/Kigali", **fields}
        return Hospital(url_env="CENTRAL_OPENMRS_URL", **described)

    return make


@pytest.fixture
def database_of(hospital_of: Callable[..., Hospital]) -> Iterator[Callable[..., Opened]]:
    """database_of(database or its name, **fields of the hospital) -> it, open for reading; closed after the test."""
    with ExitStack() as stack:

        def make(database: Database | str, **fields: Any) -> Opened:
            name = database.name if isinstance(database, Database) else database
            return stack.enter_context(open_database(hospital_of(name, **fields), Settings()))

        yield make


@pytest.fixture
def open_source(database_of: Callable[..., Opened]) -> Callable[..., OpenMrsSource]:
    """open_source(database or its name, **fields of the hospital) -> the same behind the interface of sources."""
    return lambda database, **fields: OpenMrsSource(OpenMrs(), database_of(database, **fields))


@pytest.fixture(scope="session")
def demo_database(openmrs_dump: Callable[[str], str]) -> str:
    """The name of the demo database, loaded once and not to be altered."""
    return openmrs_dump("demo-1.9")
