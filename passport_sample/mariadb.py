"""The private MariaDB: its programs, its data folder, its root account.

What belongs here: what only MariaDB needs. What does not: processes in general (processes.py), and what can
be done on any MariaDB (databases.py).
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from passport_pipeline.core.errors import ConfigurationError
from passport_sample.processes import Server, ServerFailed, State, program, write_private

NAME = "MariaDB"
SOCKET_ADDRESS_LIMIT = 100
FORGET_ACCOUNTS = "DELETE FROM mysql.global_priv WHERE User IN ('', 'root');\nFLUSH PRIVILEGES;\n"
MISSING = (
    "MariaDB is not installed: run `make setup` as root or with sudo, or `apt-get install mariadb-server`, "
    "or use `docker compose --profile sample up` instead"
)


def find() -> tuple[str, str]:
    """The programs that run MariaDB and that make its data folder. Raises ConfigurationError."""
    server, install = program("mariadbd"), program("mariadb-install-db")
    if server is None or install is None:
        raise ConfigurationError(MISSING)
    return server, install


def ensure(home: Path, state: State, *, die_with_parent: bool) -> None:
    """Start MariaDB in `home` unless it runs. Raises ConfigurationError, ServerFailed."""
    server, install = find()
    data, log = home / "mariadb", home / "mariadb.log"
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    # A server that starts clears its temporary tables, and would clear those of another one in /tmp.
    temporary = home / "mariadb-tmp"
    temporary.mkdir(exist_ok=True, mode=0o700)
    if not (home / "mariadb.made").exists():
        _make_data_folder([install, "--no-defaults", *as_root], data, temporary)
        (home / "mariadb.made").touch()
    accounts = home / "accounts.sql"

    def command(port: int) -> list[str]:
        # Run before the server listens, so there is no moment at which root has no password.
        write_private(
            accounts,
            FORGET_ACCOUNTS + f"CREATE USER root@'127.0.0.1' IDENTIFIED BY '{state.password}';\n"
            "GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n",
        )
        write_private(
            client_file(home),
            f"[client]\nprotocol=tcp\nhost=127.0.0.1\nport={port}\nuser=root\npassword={state.password}\n"
            "default-character-set=utf8mb4\n",
        )
        return [
            server,
            "--no-defaults",
            *as_root,
            f"--datadir={data}",
            f"--tmpdir={temporary}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={_socket_path(home)}",
            f"--pid-file={home / 'mariadb.pid'}",
            f"--log-error={log}",
            f"--init-file={accounts}",
            "--skip-log-bin",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            "--innodb-buffer-pool-size=192M",
            "--innodb-flush-log-at-trx-commit=0",
            "--performance-schema=off",
            "--max-allowed-packet=64M",
        ]

    def answers() -> bool:
        engine = sa.create_engine(url("root", state.password, state.ports.get(NAME, 0), None), poolclass=sa.NullPool)
        try:
            with engine.connect() as connection:
                return connection.scalar(sa.select(1)) == 1
        except OperationalError:
            return False

    Server(NAME, data, log, command, answers).ensure(home, state, die_with_parent=die_with_parent)


def url(account: str, password: str, port: int, database: str | None) -> str:
    """The SQLAlchemy URL, with the password in clear."""
    charset = {"charset": "utf8mb4"}
    made = sa.URL.create("mysql+pymysql", account, password, "127.0.0.1", port, database, query=charset)
    return made.render_as_string(hide_password=False)


def load_dump(home: Path, database: str, dump: Path) -> None:
    """Feed a gzipped SQL dump to the `mariadb` client. Raises ServerFailed with the client's own message."""
    client = program("mariadb", "mysql")
    if client is None:
        raise ConfigurationError("the client `mariadb` is missing: `apt-get install mariadb-client`")
    with subprocess.Popen(["gzip", "-dc", str(dump)], stdout=subprocess.PIPE) as unpacked:  # noqa: S603, S607
        loaded = subprocess.run(  # noqa: S603
            [client, f"--defaults-file={client_file(home)}", database],
            stdin=unpacked.stdout,
            capture_output=True,
            check=False,
        )
    if loaded.returncode or unpacked.returncode:
        message = loaded.stderr.decode(errors="replace").strip()
        raise ServerFailed(f"{dump.name} could not be loaded: {message or 'not a gzip file'}")


def client_file(home: Path) -> Path:
    """The option file for MariaDB's client programs: `mariadb --defaults-file=.demo/client.cnf`."""
    return home / "client.cnf"


def _make_data_folder(install: list[str], data: Path, temporary: Path) -> None:
    shutil.rmtree(data, ignore_errors=True)
    made = subprocess.run(  # noqa: S603
        [*install, f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        lines = (made.stderr or made.stdout).strip().splitlines()
        raise ServerFailed(f"mariadb-install-db failed: {lines[-1] if lines else 'it said nothing'}")


def _socket_path(home: Path) -> Path:
    # The address of a Unix socket has 107 characters at most, however long the folder's name is.
    inside = home / "mariadb.sock"
    if len(str(inside)) < SOCKET_ADDRESS_LIMIT:
        return inside
    short = hashlib.blake2b(str(home).encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"passport-{os.geteuid()}-{short}.sock"
