"""The Dagster instance that runs in this process are kept in.

What belongs here: opening it. What does not: the runs (automation.in_process).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from passport_pipeline.errors import ConfigurationError


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of DAGSTER_HOME. One process after another opens it: several at once would each set up
    a new SQLite storage, which leaves one that nobody can open.

    Raises ConfigurationError where DAGSTER_HOME is not an existing folder, or Dagster cannot work with it.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not os.path.isdir(home) or not os.path.isabs(home):  # noqa: PTH112, PTH117
        raise ConfigurationError(
            "DAGSTER_HOME must name the absolute path of a folder for Dagster's runs; "
            'for example: mkdir -p .dagster && export DAGSTER_HOME="$PWD/.dagster"'
        )
    # Where DAGSTER_HOME has no dagster.yaml that says so, too: nothing about a hospital's runs goes anywhere.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        with (Path(home) / "opening.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            instance = dg.DagsterInstance.get()
    except Exception as error:  # noqa: BLE001 - whatever it is; its text may quote dagster.yaml's passwords
        failed = type(error).__name__
    else:
        with instance:
            yield instance
        return
    raise ConfigurationError(
        f"Dagster cannot work in DAGSTER_HOME={home} ({failed}): see that the folder is this account's, that its "
        "dagster.yaml is right, and that the database which that names answers; or set DAGSTER_HOME to a new, empty "
        "folder: no more than the list of past runs is kept there"
    )
