"""The Dagster instance that stores the runs of this process.

What belongs here: opening it. What does not: the runs (in_process).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import yaml

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.runner.dagster_private import NO_COMPUTE_LOGS, InstanceRef
from passport_pipeline.runner.local_storage import LocalStorage

CONFIG = "dagster.yaml"
NEW_CONFIG = {
    "storage": {
        "custom": {
            "module": LocalStorage.__module__,
            "class": LocalStorage.__name__,
            "config": {"base_dir": {"env": "DAGSTER_HOME"}},
        }
    },
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
}
"""The dagster.yaml of a new DAGSTER_HOME."""

# Dagster would start four processes for each run, which copy what it prints; that is this command's own output here.
OVERRIDES = {"compute_logs": NO_COMPUTE_LOGS}


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of DAGSTER_HOME, a new folder of which is given a dagster.yaml first. One process after
    another opens it: several at once would each set up a new SQLite storage, and leave one that cannot be opened.

    Raises ConfigurationError where DAGSTER_HOME is not an existing folder, or Dagster cannot work with it.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not os.path.isdir(home) or not os.path.isabs(home):  # noqa: PTH112, PTH117
        raise ConfigurationError(
            "DAGSTER_HOME must name the absolute path of a folder for Dagster's runs; "
            'for example: mkdir -p .dagster && export DAGSTER_HOME="$PWD/.dagster"'
        )
    # Whatever a dagster.yaml says: nothing about a hospital's runs goes anywhere.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        with (Path(home) / "opening.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _give_new_one_its_config(Path(home))
            instance = opened(InstanceRef.from_dir(home, overrides=OVERRIDES))
    except Exception as error:  # noqa: BLE001 - whatever it is; its text may quote dagster.yaml's passwords
        failed = type(error).__name__
    else:
        with instance:
            yield instance
        return
    raise ConfigurationError(
        f"Dagster cannot work in DAGSTER_HOME={home} ({failed}): see that the folder is this account's, that its "
        "dagster.yaml is right, and that the database which that names answers; or set DAGSTER_HOME to a new, empty "
        "folder: it holds no more than the list of past runs"
    )


def opened(reference: InstanceRef) -> dg.DagsterInstance:
    """The instance that a reference names. Opening it first is for one process at a time (`dagster_instance`)."""
    instance = dg.DagsterInstance.from_ref(reference)
    # Else PostgreSQL is given a new connection for every event: measured, that is a second for a window.
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3_600, max_overflow=20)
    return instance


def _give_new_one_its_config(home: Path) -> None:
    """Write dagster.yaml, unless there is one, or Dagster has worked here without one: its past runs stay visible."""
    if not (home / CONFIG).exists() and not (home / "history").exists():
        head = "# Written by passport-pipeline, because there was none. Change it as you like.\n"
        (home / CONFIG).write_text(head + yaml.safe_dump(NEW_CONFIG, sort_keys=False))
