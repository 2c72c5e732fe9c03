"""Hand-made hospitals, as the reader's tests have them, and hospitals of the cases beside this project."""

import gzip
from contextlib import ExitStack, closing

import pytest

from passport_pipeline.connections.run import Connections
from passport_pipeline_tests.conftest import DUMPS
from passport_pipeline_tests.passport.factory import patient
from passport_pipeline_tests.sources.conftest import database_of, hospital_of, open_source, openmrs_database
from passport_pipeline_tests.windows.running import load_hospitals

__all__ = ["database_of", "hospital_of", "open_source", "openmrs_database"]

CASES = DUMPS.parent / "cases"
NATIONAL_ID_TYPE = "7a1c5f0e-3d52-4c0b-9a35-0d6d6f1a9e11"  # of the cases' common part


@pytest.fixture
def source(database, open_source):
    """A source on the test's own `database`."""
    return open_source(database)


@pytest.fixture
def case(servers, make_database, readonly_url, settings, monkeypatch, tmp_path):
    """case(file, *national ids, zone=, first=, before=, more=, lines=) -> the connections of a loaded OpenMRS 2.8
    hospital, `case`, that holds a case, with SQL before it and more SQL after it, and whose patients with these ids the
    passport knows. `first` are the ids with which the case goes on in tables: it was written behind others. `lines`
    are more of the hospital's in hospitals.yaml.
    """
    with ExitStack() as stack:

        def make(name, *national_ids, zone="Africa/Kigali", first=None, before="", more="", lines=()):
            script, dump = CASES / name, DUMPS / "schema-2.8.sql.gz"
            if not script.exists() or not dump.exists():
                pytest.skip(f"the case {name} is not beside this project")
            database = make_database(name.partition("-")[0])
            servers.load_dump(database, dump)
            whole = tmp_path / "case.sql.gz"
            ids = (f"ALTER TABLE {table} AUTO_INCREMENT = {number};" for table, number in (first or {}).items())
            parts = ((CASES / "00-base-and-common.sql").read_text(), before, *ids, script.read_text(), more)
            whole.write_bytes(gzip.compress("\n".join(parts).encode()))
            servers.load_dump(database, whole)
            monkeypatch.setenv("CASE_URL", readonly_url(database))
            settings.hospitals_file.write_text(
                f"hospitals:\n  - {{key: case, name: Case, url_env: CASE_URL, timezone: {zone}, "
                f"national_id_types: [{NATIONAL_ID_TYPE}]{''.join(f', {line}' for line in lines)}}}\n"
            )
            connections = stack.enter_context(closing(Connections(settings)))
            for number, national_id in enumerate(national_ids, start=1):
                connections.passport["patients"].insert_one(patient(number) | {"nationalId": national_id})
            load_hospitals(connections)
            return connections

        yield make
