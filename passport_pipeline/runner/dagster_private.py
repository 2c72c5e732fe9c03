"""Everything that the package uses of Dagster's private modules. pyproject.toml pins Dagster's minor version for it.

    InstanceRef             a reference to an instance, with overrides of dagster.yaml, that another process can open.
                            Without it, `sync` and its workers cannot open the instance of DAGSTER_HOME.
    DagsterStorage, ConfigurableClass, ConfigurableClassData
                            what dagster.yaml's `storage: {custom: ...}` has to be. Without them, an instance that
                            names runner.local_storage does not open, that of the daemon and the web UI neither.
    ConsolidatedSqliteEventLogStorage, SqliteRunStorage, SqliteScheduleStorage
                            what runner.local_storage inherits its statements from; it overrides `_connect`, `connect`
                            and `dispose` and reads `_conn_string`. Where one of these is renamed, its connections are
                            opened for each statement again (slow, and right), or opening fails.
    NO_COMPUTE_LOGS         a compute log manager by name. Where it moves, `sync` cannot open the instance.

The tests of runner/ fail in each of these cases. What belongs here: these names. What does not: any use of them.
"""

from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

NO_COMPUTE_LOGS = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}

__all__ = [
    "NO_COMPUTE_LOGS",
    "ConfigurableClass",
    "ConfigurableClassData",
    "ConsolidatedSqliteEventLogStorage",
    "DagsterStorage",
    "InstanceRef",
    "SqliteRunStorage",
    "SqliteScheduleStorage",
]
