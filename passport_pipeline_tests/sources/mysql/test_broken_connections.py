"""Connections to a hospital that break, fall silent or speak another protocol: one error, and within limited time."""

import itertools
import logging
import socket
import threading
import time

import pymysql
import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import SourceUnreachable
from passport_pipeline.sources.mysql import connection as connections
from passport_pipeline.sources.mysql.connection import LONGEST_TEXT
from passport_pipeline_tests.sources.breaking_proxy import BreakingProxy
from passport_pipeline_tests.sources.observing import open_database

pytestmark = pytest.mark.timeout(120)

SILENT = "no answer within 1 s while connecting; .*does it speak MySQL's protocol"


@pytest.fixture
def impatient(monkeypatch):
    """Connections are given up after a second, and statements after two."""
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 1)
    monkeypatch.setattr(connections, "GRACE", 1)
    return Settings(statement_timeout=1)


@pytest.fixture
def through(openmrs_database, hospital_of, readonly_url):
    """through(BreakingProxy or port) -> a hospital that is reached that way."""
    name = openmrs_database("2.5").name

    def make(port_or_proxy):
        port = port_or_proxy if isinstance(port_or_proxy, int) else port_or_proxy.port
        return hospital_of(name, url=sa.make_url(readonly_url(name)).set(port=port).render_as_string(False))

    return make


@pytest.fixture
def server_port(servers):
    return sa.make_url(servers.mariadb_root_url()).port


@pytest.fixture
def saying():
    """saying(bytes, then) -> the port of a listener that sends each client the bytes and then calls `then(socket)`."""
    listeners = []

    def make(greeting, then=lambda client: client.recv(1 << 20)):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            try:
                while True:
                    client, _ = listener.accept()
                    clients.append(client)
                    client.sendall(greeting)
                    then(client)
            except OSError:
                return

        clients = []
        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield make
    for listener in listeners:
        listener.close()


def greeting(port):
    """The first message of the server."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        return connection.recv(1 << 16)


def offering_tls(words):
    """A greeting that offers TLS."""
    flags = words.index(b"\0", 5) + 1 + 4 + 8 + 1
    return words[: flags + 1] + bytes([words[flags + 1] | 0x08]) + words[flags + 2 :]


def read_once(hospital, settings):
    with open_database(hospital, settings) as opened, opened.reading() as connection:
        return connection.exec_driver_sql("SELECT 1").scalar()


def test_a_server_that_greets_and_then_hangs_is_given_up(through, server_port, saying, impatient):
    with pytest.raises(SourceUnreachable, match=SILENT):
        read_once(through(saying(greeting(server_port))), impatient)


def test_a_server_that_hangs_in_the_tls_handshake_is_given_up(through, server_port, saying, impatient):
    asked = []
    port = saying(offering_tls(greeting(server_port)), lambda client: asked.append(client.recv(1 << 16)))
    with pytest.raises(SourceUnreachable, match=SILENT):
        read_once(through(port), impatient)
    # The request for TLS, which holds no password; where the handshake has come with it, that begins behind it.
    assert int.from_bytes(asked[0][:3], "little") == 36 - 4 and asked[0][36:37] in (b"", b"\x16")


@pytest.mark.parametrize("at", range(9))
def test_a_server_that_falls_silent_at_any_message_while_connecting_is_given_up(through, server_port, impatient, at):
    with (
        BreakingProxy(server_port, at, "after", silent=True) as proxy,
        pytest.raises(SourceUnreachable, match=SILENT) as caught,
    ):
        read_once(through(proxy), impatient)
    assert caught.value.transient


@pytest.mark.parametrize(
    "words",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x03\0\0\0abc",
        b"\x06\0\0\0\x0a5.5\0\x01",
        b"\xff" * 64,
    ],
)
def test_a_port_with_another_protocol_is_reported_as_such_or_as_unreachable(through, saying, impatient, words):
    with pytest.raises(SourceUnreachable, match=r"speak MySQL's protocol") as caught:
        read_once(through(saying(words, lambda client: client.close())), impatient)
    assert str(caught.value).startswith("central: ") and "\n" not in str(caught.value)


def test_a_server_that_falls_silent_in_a_statement_is_given_up(through, server_port, impatient):
    with (
        BreakingProxy(server_port) as proxy,
        open_database(through(proxy), impatient) as opened,
        opened.reading() as connection,
    ):
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        proxy.fall_silent()
        with pytest.raises(SourceUnreachable, match="central: the server does not answer"):
            connection.exec_driver_sql("SELECT 1")


def test_a_silent_idle_connection_is_not_waited_for_as_long_as_a_statement(through, server_port, monkeypatch):
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 1)
    settings = Settings(statement_timeout=600)
    with BreakingProxy(server_port) as proxy, open_database(through(proxy), settings) as opened:
        with opened.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        proxy.fall_silent()
        with pytest.raises(SourceUnreachable, match=SILENT), opened.reading() as connection:
            connection.exec_driver_sql("SELECT 1")


def test_a_connection_that_was_closed_while_it_was_idle_is_opened_again(through, server_port, mariadb_admin):
    with open_database(through(server_port), Settings()) as opened:
        for way in (opened.reading, opened.snapshot, opened.engine.connect):
            with opened.reading() as connection:
                own = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
            with mariadb_admin.connect() as admin:
                admin.exec_driver_sql(f"KILL {own}")
            with way() as connection:
                assert connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar() != own
                settings = "SELECT @@max_allowed_packet, @@tx_read_only, @@max_statement_time"
                packet, read_only, limit = connection.exec_driver_sql(settings).one()
                assert (read_only, limit) == (1, Settings().statement_timeout)
                assert connection.info[LONGEST_TEXT] == packet


def test_a_connection_that_the_server_closed_for_being_idle_is_opened_again(through, server_port):
    with open_database(through(server_port), Settings()) as opened:
        with opened.reading() as connection:
            own = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
            connection.exec_driver_sql("SET SESSION wait_timeout = 1")
        time.sleep(2.5)
        with opened.snapshot() as connection:
            assert connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar() != own


def test_a_connection_lost_during_a_statement_is_unreachable_and_the_next_one_works(
    through, server_port, mariadb_admin
):
    with open_database(through(server_port), Settings()) as opened:
        for way in (opened.reading, opened.snapshot):
            with pytest.raises(SourceUnreachable), way() as connection:
                own = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()

                def kill(own=own):
                    time.sleep(0.3)
                    with mariadb_admin.connect() as admin:
                        admin.exec_driver_sql(f"KILL {own}")

                killer = threading.Thread(target=kill)
                killer.start()
                try:
                    connection.exec_driver_sql("SELECT SLEEP(30)")
                finally:
                    killer.join()
            with way() as connection:
                assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def work(hospital):
    """All that a session does, twice on one connection: probing, grants, snapshots and single statements."""
    with open_database(hospital, Settings()) as opened:
        for _ in range(2):
            with opened.snapshot() as connection:
                connection.exec_driver_sql("SELECT 1").all()
            with opened.reading() as connection:
                connection.exec_driver_sql("SELECT COUNT(*) FROM obs").all()
    return "done"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_breaks_at_any_message_is_one_kind_of_error_and_nothing_is_logged(
    through, server_port, when, caplog, capfd
):
    caplog.set_level(logging.WARNING)
    with BreakingProxy(server_port) as whole:
        assert work(through(whole)) == "done"
    outcomes = []
    for at in range(whole.messages + 1):
        with BreakingProxy(server_port, at, when) as proxy:
            try:
                outcomes.append(work(through(proxy)))
            except SourceUnreachable as error:
                outcomes.append("unreachable")
                assert str(error).startswith("central: ") and "127.0.0.1" not in str(error)
        assert proxy.at is None or at == whole.messages
    assert set(outcomes) == {"done", "unreachable"}
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_no_error_of_the_driver_leaves_a_connection_untranslated(through, server_port):
    """Any error of the driver, from any call."""
    errors = (
        pymysql.err.InterfaceError(0, ""),
        pymysql.err.InternalError("odd"),
        ValueError("closed"),
        OSError(9, "x"),
    )
    with open_database(through(server_port), Settings()) as opened:
        for error, when in itertools.product(errors, ("query", "_read_query_result")):
            with opened.reading() as connection:
                dbapi_connection = connection.connection.dbapi_connection

                def fail(*_, error=error, **__):
                    raise error

                setattr(dbapi_connection, when, fail)
                with pytest.raises(connections.PipelineError):
                    connection.exec_driver_sql("SELECT 1")
                connection.invalidate()
