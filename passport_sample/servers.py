"""A private MariaDB and MongoDB in one folder, on free ports of 127.0.0.1, for the demo and the tests.

    servers = start(Path(".demo"))
    servers.mariadb_root_url(), servers.readonly_url("central"), servers.mongo_uri
    stop(Path(".demo"))

What belongs here: the two together, as their users see them. What does not: how each is found and started
(mariadb.py, mongodb.py, processes.py), databases and accounts (databases.py) and what they hold (loading.py).

Nothing of the system's own servers (configuration, sockets, data) is read or touched.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from passport_sample import databases, mariadb, mongodb, processes
from passport_sample.processes import ServerFailed, State

__all__ = ["ServerFailed", "Servers", "is_running", "start", "stop"]


@dataclass(frozen=True)
class Servers:
    """Where the two running servers are. `mongo_uri` may be of the server that PASSPORT_MONGO_URI names."""

    home: Path
    mariadb_port: int
    mongo_uri: str = field(repr=False)
    root_password: str = field(repr=False)

    def mariadb_root_url(self, database: str | None = None) -> str:
        """The SQLAlchemy URL of the account that may do everything, with its password in clear."""
        return mariadb.url("root", self.root_password, self.mariadb_port, database)

    def readonly_url(self, database: str) -> str:
        """The SQLAlchemy URL of an account that has SELECT on `database` and nothing else; made if missing.

        A database has the same account and password as long as the folder lives.
        """
        seed = hashlib.blake2b(database.encode(), key=self.root_password.encode(), digest_size=16).hexdigest()
        account, password = f"reader_{seed[:8]}", seed[8:]
        databases.grant_select(self._engine(), database, account, password)
        return mariadb.url(account, password, self.mariadb_port, database)

    def create_database(self, name: str) -> None:
        """Create an empty utf8mb4 database; one of that name is dropped first."""
        databases.create_database(self._engine(), name)

    def load_dump(self, database: str, dump: Path) -> None:
        """Feed a gzipped SQL dump to an existing database. Raises ServerFailed."""
        mariadb.load_dump(self.home, database, dump)

    def _engine(self) -> sa.Engine:
        return sa.create_engine(self.mariadb_root_url(), poolclass=sa.NullPool)


def start(home: Path, *, die_with_parent: bool = False) -> Servers:
    """Start both servers in `home` and return where they are; one that runs already is used as it is.

    die_with_parent: the servers end with this process, however it ends (for tests).
    Raises ConfigurationError where a program is missing, ServerFailed where one does not come up.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(home):
        state = State.read(home)
        state.password = state.password or secrets.token_urlsafe(24)
        mongo_uri = mongodb.ensure(home, state, die_with_parent=die_with_parent)
        mariadb.ensure(home, state, die_with_parent=die_with_parent)
        return Servers(home, state.ports[mariadb.NAME], mongo_uri, state.password)


def stop(home: Path, *, discard: bool = False) -> None:
    """End the servers of `home`, if any. `discard`: do not wait for a clean end, and delete the folder."""
    home = home.resolve()
    if not home.exists():
        return
    with _locked(home):
        for folder in ("mariadb", "mongodb"):
            processes.end(home / folder, at_once=discard)
    if discard:
        shutil.rmtree(home, ignore_errors=True)


def is_running(home: Path) -> bool:
    """Whether the MariaDB of `home` runs, and its MongoDB too unless PASSPORT_MONGO_URI names another."""
    home = home.resolve()
    private = [] if os.environ.get("PASSPORT_MONGO_URI") else ["mongodb"]
    return all(processes.running(home / folder) for folder in ["mariadb", *private])


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    with (home / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
