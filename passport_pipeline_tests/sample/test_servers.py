"""The private servers: started twice, killed, forgotten, missing."""

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pymongo
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from passport_pipeline.core.errors import ConfigurationError
from passport_sample import mariadb, mongodb, processes
from passport_sample import servers as private_servers
from passport_sample.servers import Servers


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("PASSPORT_MONGO_URI", raising=False)
    folder = tmp_path / "servers"
    yield folder
    private_servers.stop(folder, discard=True)


def scalar(url: str, statement: str) -> object:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql(statement).scalar()


def process_ids(home: Path) -> set[int]:
    return {p.pid for folder in ("mariadb", "mongodb") for p in processes.running(home.resolve() / folder)}


def test_a_database_of_a_server_that_was_stopped_is_there_after_the_next_start(home: Path) -> None:
    first = private_servers.start(home)
    first.create_database("kept")
    with pymongo.MongoClient(first.mongo_uri) as client:
        client.kept.things.insert_one({"_id": 1})
    private_servers.stop(home)
    assert not private_servers.is_running(home)

    second = private_servers.start(home)

    assert private_servers.is_running(home)
    assert scalar(second.mariadb_root_url("kept"), "SELECT DATABASE()") == "kept"
    assert second.readonly_url("kept") == first.readonly_url("kept")
    with pymongo.MongoClient(second.mongo_uri) as client:
        assert client.kept.things.count_documents({}) == 1


def test_servers_that_run_are_used_again_and_survive_lost_state_and_kill_9(home: Path) -> None:
    private_servers.start(home)
    ids = process_ids(home)
    assert len(ids) == 2
    assert private_servers.start(home) == private_servers.start(home)
    assert process_ids(home) == ids

    # Nobody knows the password and the ports any more: the servers are replaced, not left behind.
    (home / "servers.json").unlink()
    again = private_servers.start(home)
    assert scalar(again.mariadb_root_url(), "SELECT 1") == 1
    replaced = process_ids(home)
    assert len(replaced) == 2
    assert not replaced & ids

    for pid in replaced:
        os.kill(pid, signal.SIGKILL)
        processes._children[pid].wait()
    # The process id that a killed server left belongs to somebody else by now.
    (home / "mariadb.pid").write_text(f"{os.getpid()}\n")
    revived = private_servers.start(home)
    assert scalar(revived.mariadb_root_url(), "SELECT 1") == 1
    assert revived.mongo_uri == again.mongo_uri
    assert psutil.pid_exists(os.getpid())


def test_a_replica_set_whose_port_is_taken_moves_to_another(home: Path) -> None:
    first = private_servers.start(home)
    with pymongo.MongoClient(first.mongo_uri) as client:
        client.kept.things.insert_one({"_id": 1})
    private_servers.stop(home)
    state = processes.State.read(home)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", state.ports[mongodb.NAME]))
        second = private_servers.start(home)
    assert second.mongo_uri != first.mongo_uri
    with pymongo.MongoClient(second.mongo_uri) as client:
        assert client.kept.things.count_documents({}) == 1


def test_the_private_files_are_readable_by_their_owner_only(servers: Servers) -> None:
    assert stat.S_IMODE(servers.home.stat().st_mode) == 0o700
    for name in ("servers.json", "client.cnf", "accounts.sql"):
        assert stat.S_IMODE((servers.home / name).stat().st_mode) == 0o600
    assert servers.root_password not in repr(servers)


def test_no_account_comes_in_without_a_password(servers: Servers) -> None:
    with pytest.raises(OperationalError, match="Access denied"):
        scalar(mariadb.url("root", "", servers.mariadb_port, None), "SELECT 1")
    with pytest.raises(OperationalError, match="Access denied"):
        scalar(mariadb.url("nobody", "", servers.mariadb_port, None), "SELECT 1")


def test_the_read_only_account_sees_its_own_database_and_cannot_write(
    make_database: Callable[[str], str], readonly_url: Callable[[str], str], servers: Servers
) -> None:
    database = make_database("own")
    servers.create_database(database.replace("_", "x"))
    engine = sa.create_engine(readonly_url(database), poolclass=sa.NullPool)
    with engine.connect() as connection:
        seen = connection.exec_driver_sql("SHOW DATABASES").scalars()
        assert set(seen) == {"information_schema", database}
        assert connection.exec_driver_sql("SELECT @@character_set_database").scalar() == "utf8mb4"
        with pytest.raises(OperationalError, match="denied"):
            connection.exec_driver_sql("CREATE TABLE t (a INT)")


def test_a_dump_that_is_no_sql_is_refused(
    servers: Servers, make_database: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "broken.sql.gz").write_bytes(b"this is not gzip")
    with pytest.raises(private_servers.ServerFailed, match=r"broken\.sql\.gz could not be loaded"):
        servers.load_dump(make_database("broken"), tmp_path / "broken.sql.gz")


def test_an_openmrs_dump_is_loaded_whole(
    openmrs_dump: Callable[[str], str], readonly_url: Callable[[str], str]
) -> None:
    database = openmrs_dump("demo-1.9")
    assert scalar(readonly_url(database), "SELECT COUNT(*) FROM obs") == 7632


def test_missing_programs_are_named_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "PROGRAM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="apt-get install mariadb-server") as missing:
        mariadb.find()
    assert "\n" not in str(missing.value)

    program = tmp_path / "mongod"
    program.write_text(
        "#!/bin/sh\necho 'mongod: error while loading shared libraries: libcurl.so.4: no' >&2\nexit 127\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(mongodb, "_of_wheel", lambda: None)
    with pytest.raises(ConfigurationError, match=r"libcurl\.so\.4.*apt-get install libssl3 libcurl4") as missing:
        mongodb.find()
    assert "\n" not in str(missing.value)


def test_a_mongod_on_the_path_that_cannot_run_gives_way_to_the_one_of_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mongodb.find() == mongodb._of_wheel()


def test_the_mongodb_that_the_environment_names_is_used_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, servers: Servers, tmp_path: Path
) -> None:
    state = processes.State()
    monkeypatch.setenv("PASSPORT_MONGO_URI", servers.mongo_uri)
    assert mongodb.ensure(tmp_path, state, die_with_parent=True) == servers.mongo_uri
    assert not (tmp_path / "mongodb").exists()

    secret = "not-to-be-seen"  # pragma: allowlist secret
    monkeypatch.setenv("PASSPORT_MONGO_URI", f"mongodb://u:{secret}@127.0.0.1:1:2/")
    with pytest.raises(ConfigurationError, match="PASSPORT_MONGO_URI") as refused:
        mongodb.ensure(tmp_path, state, die_with_parent=True)
    assert secret not in str(refused.value)


def test_a_server_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setattr(mongodb, "find", lambda: str(program))
    with pytest.raises(private_servers.ServerFailed, match=r"MongoDB did not start, see .*mongodb\.log"):
        private_servers.start(home)


def test_a_long_folder_name_still_has_a_short_socket(tmp_path: Path) -> None:
    assert len(str(mariadb._socket_path(tmp_path / ("x" * 200)))) < 107
