"""Faults of the servers under a run: connections are killed, a server restarts, steps down, a disk is full."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pymongo
import sqlalchemy as sa
from pymongo.errors import PyMongoError

from passport_sample import processes, servers
from passport_sample.servers import Servers

FULL = 2048
"""Bytes that a file may have while the disk is full: too few for any batch."""


def kill_connections(admin: sa.Engine, account: str = "reader") -> int:
    """End the MariaDB connections of the accounts whose name begins with this; returns how many there were."""
    with admin.connect() as connection:
        of_readers = sa.text("SELECT ID FROM information_schema.PROCESSLIST WHERE USER LIKE :account")
        ids = connection.execute(of_readers, {"account": f"{account}%"}).scalars().all()
        for number in ids:
            with suppress(sa.exc.OperationalError):  # gone by itself
                connection.exec_driver_sql(f"KILL CONNECTION {int(number)}")
    return len(ids)


def restart_mariadb(home: Path) -> Servers:
    """End the private MariaDB of that folder as a system update does, and start it again on the same port."""
    processes.end(home / "mariadb")
    return servers.start(home, die_with_parent=True)


def step_down(client: "pymongo.MongoClient[dict[str, Any]]", seconds: int = 1) -> None:
    """The primary steps down and, being the only member, is elected again after so many seconds."""
    with suppress(PyMongoError):  # it may close this connection before it answers
        client.admin.command("replSetStepDown", seconds, force=True, secondaryCatchUpPeriodSecs=0)


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """No file that the process writes grows beyond FULL bytes, as on a full disk."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def is_full(error: OSError) -> bool:
    """Whether an error is what a process meets under `full_disk`."""
    return error.errno in (errno.EFBIG, errno.ENOSPC)
