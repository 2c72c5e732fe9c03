"""Sessions are the same at every hospital, whatever its server is set to."""

from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.sources.mysql.connection import CONNECT_TIMEOUT, GRACE, LONGEST_TEXT
from passport_pipeline.sources.openmrs.preflight import check_hospital
from passport_pipeline_tests.sample.conftest import small
from passport_pipeline_tests.sources.observing import open_database
from passport_pipeline_tests.sources.reading import assert_same, everything
from passport_sample.loading import load

MODES = (
    "ANSI",
    "ANSI_QUOTES",
    "ORACLE",
    "MSSQL",
    "NO_BACKSLASH_ESCAPES",
    "PIPES_AS_CONCAT",
    "HIGH_NOT_PRECEDENCE",
    "NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_ALL_TABLES",
)


@contextmanager
def global_setting(admin, name, value):
    """Every session that is opened meanwhile starts with it."""
    with admin.connect() as connection:
        before = connection.exec_driver_sql(f"SELECT @@global.{name}").scalar()
        connection.execute(sa.text(f"SET GLOBAL {name} = :value"), {"value": value})
    try:
        yield
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text(f"SET GLOBAL {name} = :value"), {"value": before})


@pytest.fixture(scope="module")
def sample(mariadb_admin, make_database):
    """A small hospital with every edge, and its database."""
    hospital, database = small("2.8", 20), make_database("modes")
    load(mariadb_admin, database, hospital)
    return hospital, database


@pytest.fixture
def open_sample(sample, database_of):
    """open_sample() -> a new Database on the small hospital."""
    hospital, database = sample
    return lambda: database_of(database, national_id_types=hospital.spec.national_id_types)


def test_whatever_sql_mode_the_server_has_the_same_is_read(mariadb_admin, open_sample):
    expected = everything(open_sample())
    for mode in MODES:
        with global_setting(mariadb_admin, "sql_mode", mode):
            opened = open_sample()
            with opened.reading() as connection:
                assert connection.exec_driver_sql("SELECT @@sql_mode, @@global.sql_mode").one()[0] == ""
            assert_same(everything(opened), expected)


def test_a_server_that_quotes_otherwise_is_fit_to_be_read(mariadb_admin, sample, hospital_of):
    hospital, database = sample
    with global_setting(mariadb_admin, "sql_mode", "ANSI,ORACLE"):
        report = check_hospital(hospital_of(database, national_id_types=hospital.spec.national_id_types), Settings())
    assert report.ok and {"version", "grants", "rows", "months"} <= {finding.topic for finding in report.findings}


def test_answers_are_whole_where_the_server_cuts_those_of_others(mariadb_admin, open_sample):
    expected = everything(open_sample())
    with (
        global_setting(mariadb_admin, "sql_select_limit", 5),
        global_setting(mariadb_admin, "group_concat_max_len", 1024),
    ):
        assert_same(everything(open_sample()), expected)


def test_a_url_cannot_set_what_sessions_are_set_to(sample, hospital_of, readonly_url):
    _, database = sample
    options = {
        "init_command": "SET SESSION sql_mode = 'ANSI', tx_read_only = 0, tx_isolation = 'READ-COMMITTED', "
        "group_concat_max_len = 1024, sql_select_limit = 1, max_statement_time = 0, character_set_results = latin1",
        "sql_mode": "ORACLE",
        "autocommit": "0",
        "defer_connect": "0",
        "read_timeout": "1",
        "write_timeout": "1",
        "connect_timeout": "1",
    }
    url = sa.make_url(readonly_url(database)).update_query_dict(options)
    hospital = hospital_of(database, url=url.render_as_string(hide_password=False))
    with open_database(hospital, Settings(statement_timeout=7)) as opened, opened.reading() as connection:
        settings = connection.exec_driver_sql(
            "SELECT @@sql_mode, @@tx_read_only, @@tx_isolation, @@group_concat_max_len = @@max_allowed_packet, "
            "@@max_statement_time, @@character_set_results, @@autocommit, @@sql_select_limit"
        ).one()
        assert tuple(settings) == ("", 1, "REPEATABLE-READ", 1, 7.0, "utf8mb4", 1, 2**64 - 1)
        packet = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar()
        assert connection.info[LONGEST_TEXT] == packet


def test_a_statement_is_waited_for_longer_than_an_idle_connection(sample, database_of):
    _, database = sample
    opened = database_of(database)
    with opened.reading() as connection:
        dbapi_connection = connection.connection.dbapi_connection
        assert dbapi_connection._read_timeout == dbapi_connection._write_timeout == Settings().statement_timeout + GRACE
    assert dbapi_connection._read_timeout == dbapi_connection._write_timeout == CONNECT_TIMEOUT


def test_each_statement_of_a_reading_sees_what_was_written_meanwhile_and_a_snapshot_does_not(
    openmrs_database, database_of
):
    database = openmrs_database("2.5")
    opened = database_of(database)
    count = "SELECT COUNT(*) FROM obs"
    with opened.snapshot() as still, opened.reading() as moving:
        assert [connection.exec_driver_sql(count).scalar() for connection in (still, moving)] == [0, 0]
        database.obs(1)
        assert [connection.exec_driver_sql(count).scalar() for connection in (still, moving)] == [0, 1]
    # The connection of the snapshot is given back without its transaction.
    for _ in range(2):
        with opened.reading() as connection:
            assert connection.exec_driver_sql(count).scalar() == 1
            assert connection.exec_driver_sql("SELECT @@in_transaction").scalar() == 0


def test_a_snapshot_that_fails_leaves_no_transaction_behind(openmrs_database, database_of):
    database = openmrs_database("2.5")
    opened = database_of(database)
    with pytest.raises(ZeroDivisionError), opened.snapshot() as connection:
        connection.exec_driver_sql("SELECT COUNT(*) FROM obs").scalar()
        raise ZeroDivisionError
    database.obs(1)
    with opened.reading() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*), @@in_transaction FROM obs").one() == (1, 0)


@pytest.mark.parametrize("option", ["nonsense=1", "ssl_ca=/nowhere/ca.pem", "compress=1", "connect_timeout=abc&port=x"])
def test_an_option_that_the_driver_does_not_know_is_a_fault_of_the_configuration(
    sample, hospital_of, readonly_url, option
):
    _, database = sample
    hospital = hospital_of(database, url=f"{readonly_url(database)}&{option}")
    with pytest.raises(ConfigurationError, match="the driver does not understand CENTRAL_OPENMRS_URL"):
        open_database(hospital, Settings()).__enter__()
