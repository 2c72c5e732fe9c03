import socket

import pymysql
import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import ConfigurationError, SourceError, SourceRefused, SourceUnreachable
from passport_pipeline.sources.mysql import connection as connections
from passport_pipeline.sources.mysql.connection import translated
from passport_pipeline.sources.openmrs.tables import metadata, users
from passport_pipeline_tests.sources.observing import open_database


def read_once(hospital, settings=None):
    with open_database(hospital, settings or Settings()) as opened:
        return opened


@pytest.mark.parametrize("way", ["snapshot", "reading"])
def test_no_session_can_write_even_where_the_account_could(openmrs_database, hospital_of, servers, way):
    database = openmrs_database("2.3")
    hospital = hospital_of(database.name, url=servers.mariadb_root_url(database.name))
    with open_database(hospital, Settings(allow_writable_source=True)) as opened:
        for _ in range(2):
            with pytest.raises(SourceRefused, match="1792"), getattr(opened, way)() as connection:
                connection.exec_driver_sql("DELETE FROM obs")
            with pytest.raises(SourceRefused, match="1792"), getattr(opened, way)() as connection:
                connection.exec_driver_sql("CREATE TABLE intruder (a int)")


def test_every_session_has_its_limits_whatever_the_url_says(openmrs_database, hospital_of, readonly_url):
    name = openmrs_database("2.3").name
    url = sa.make_url(readonly_url(name)).update_query_dict({"charset": "latin1"}).set(drivername="mysql")
    hospital = hospital_of(name, url=url.render_as_string(hide_password=False))
    limits = ("REPEATABLE-READ", 1, 7.0, "", "utf8mb4", "utf8mb4")
    statement = (
        "SELECT @@tx_isolation, @@tx_read_only, @@max_statement_time, @@sql_mode, @@character_set_client, "
        "@@character_set_results"
    )
    with open_database(hospital, Settings(statement_timeout=7)) as opened:
        with opened.snapshot() as first, opened.snapshot() as second:
            for connection in (first, second):
                assert tuple(connection.exec_driver_sql(statement).one()) == limits
        with opened.reading() as connection:
            assert tuple(connection.exec_driver_sql(statement).one())[1:] == limits[1:]


def test_a_statement_that_takes_too_long_is_ended_and_may_be_tried_again(openmrs_database, hospital_of):
    hospital = hospital_of(openmrs_database("2.3").name)
    with (
        open_database(hospital, Settings(statement_timeout=1)) as opened,
        pytest.raises(SourceUnreachable, match="longer than PASSPORT_STATEMENT_TIMEOUT") as caught,
        opened.reading() as connection,
    ):
        connection.exec_driver_sql("SELECT SLEEP(60)")
    assert caught.value.transient


def test_statements_are_counted(openmrs_database, database_of):
    opened = database_of(openmrs_database("2.3"))
    before = opened.statements
    with opened.reading() as connection:
        connection.execute(sa.select(users.c.user_id)).all()
    assert opened.statements == before + 1


def test_no_password_column_can_be_selected():
    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    assert not columns & {"password", "salt", "secret_question", "secret_answer"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda url: url.set(port=free_port()), SourceUnreachable, "does not answer"),
        (lambda url: url.set(password="wrong-word"), SourceRefused, "wrong user name or password"),
        (lambda url: url.set(database="nowhere"), SourceRefused, "may not use this database|no such database"),
        (lambda url: url.set(database="information_schema"), SourceRefused, "holds no OpenMRS tables"),
    ],
    ids=["no server", "wrong password", "no database", "not OpenMRS"],
)
def test_what_is_wrong_with_a_hospital_is_said_in_one_line_without_url_and_password(
    openmrs_database, hospital_of, readonly_url, change, error, words
):
    name = openmrs_database("2.3").name
    url = change(sa.make_url(readonly_url(name)))
    with pytest.raises(error, match=words) as caught:
        read_once(hospital_of(name, url=url.render_as_string(hide_password=False)))
    text = str(caught.value)
    assert text.startswith("central: ") and "\n" not in text
    for secret in (url.password, url.username, "127.0.0.1", "mysql+pymysql"):
        assert secret not in text


def test_a_table_that_is_no_longer_granted_is_named(openmrs_database, database_of):
    database = openmrs_database("2.3", own=True)
    opened = database_of(database)
    database.run("DROP TABLE users")
    with pytest.raises(SourceRefused, match=r"central: \w*\.?users is missing"), opened.reading() as connection:
        connection.execute(sa.select(users.c.user_id)).all()


def test_a_server_that_goes_away_is_unreachable(openmrs_database, database_of, mariadb_admin):
    opened = database_of(openmrs_database("2.3"))
    with pytest.raises(SourceUnreachable), opened.reading() as connection:
        own = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
        with mariadb_admin.connect() as admin:
            admin.exec_driver_sql(f"KILL {own}")
        connection.exec_driver_sql("SELECT 1")
    with opened.reading() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


@pytest.fixture
def silent_port():
    """A port that accepts whoever comes, and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.timeout(60)
def test_a_port_that_accepts_and_never_speaks_is_not_waited_for_as_long_as_a_statement(
    hospital_of, silent_port, monkeypatch
):
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 1)
    hospital = hospital_of("x", url=f"mysql+pymysql://reader:word@127.0.0.1:{silent_port}/openmrs")
    with pytest.raises(SourceUnreachable, match="does it speak MySQL's protocol") as caught:
        read_once(hospital)
    assert "word" not in str(caught.value)


def test_a_statement_may_take_longer_than_connecting(openmrs_database, hospital_of, monkeypatch):
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 1)
    with open_database(hospital_of(openmrs_database("2.3").name), Settings()) as opened, opened.reading() as connection:
        assert connection.exec_driver_sql("SELECT SLEEP(1.5)").scalar() == 0


class Interruption(BaseException):
    """As Dagster's: not an Exception."""


def test_an_interruption_during_a_read_is_not_taken_for_a_hospital_that_does_not_answer(
    openmrs_database, database_of, monkeypatch
):
    opened = database_of(openmrs_database("2.3"))

    def interrupted(*_):
        raise Interruption

    with opened.reading() as connection, monkeypatch.context() as patched:
        patched.setattr(pymysql.cursors.Cursor, "execute", interrupted)
        with pytest.raises(Interruption):
            connection.exec_driver_sql("SELECT 1")
    with opened.reading() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_an_error_that_no_one_has_listed_is_permanent_and_shows_its_number_alone():
    error = translated("central", pymysql.err.OperationalError(9999, "a row of patient Jane Doe"))
    assert isinstance(error, SourceRefused) and str(error) == "central: the server refused a statement (error 9999)"
    lost = translated("central", ConnectionResetError("peer"))
    assert isinstance(lost, SourceUnreachable) and isinstance(lost, SourceError)


def test_a_missing_variable_is_a_fault_of_the_configuration(openmrs_database, hospital_of, monkeypatch):
    hospital = hospital_of(openmrs_database("2.3").name)
    monkeypatch.delenv("CENTRAL_OPENMRS_URL")
    with pytest.raises(ConfigurationError, match="CENTRAL_OPENMRS_URL is not set"):
        read_once(hospital)
