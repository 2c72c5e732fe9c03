"""The op that pauses, resumes or retires a hospital."""

from enum import Enum

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, RETIRED, change_state


class Wanted(Enum):
    """What a hospital can be set to."""

    active = ACTIVE
    paused = PAUSED
    retired = RETIRED


class HospitalStateConfig(dg.Config):
    """Which hospital, to what, why, and who decided it."""

    hospital: str
    state: Wanted
    reason: str
    by: str
    accept_restored: bool = False
    """The database was restored from a backup and is right as it is now; only with `active`."""
    accept_database: bool = False
    """The database is this hospital's from now on, though it is known as another one's; only with `active`."""


@dg.op
@failing_clearly
def change_hospital_state(
    context: dg.OpExecutionContext, config: HospitalStateConfig, connections: dg.ResourceParam[Connections]
) -> None:
    """Set a hospital's state; the change is stored with who made it and why. After `active` it is surveyed in full."""
    state = change_state(
        connections.passport,
        connections.tick().hospitals,
        config.hospital,
        config.state.value,
        config.reason,
        config.by,
        accept_restored=config.accept_restored,
        accept_database=config.accept_database,
    )
    context.log.info(f"{config.hospital} is {state.description}")
