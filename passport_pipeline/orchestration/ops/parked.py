"""The op that makes parked rows due."""

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.orchestration.assets.metadata_tables import parked_table
from passport_pipeline.passport.parked.replay import Selection, groups, mark_due

LINES = 200
"""Of the table: no more than a page shows."""


class ReplayConfig(dg.Config):
    """Which parked rows (those that match every field that is given), and who wants them tried again."""

    by: str
    ids: list[str] = []  # noqa: RUF012 - pydantic gives every config its own
    """Of parked rows, or uuids of observations."""
    reason: str | None = None
    hospital: str | None = None
    window: str | None = None
    """A month, YYYY-MM."""
    everything: bool = False
    """All parked rows; nothing else may be given."""
    dry_run: bool = False
    """Only count them."""

    def selection(self) -> Selection:
        """As the domain takes it. Raises ConfigurationError where nothing is chosen, or everything and a part."""
        chosen = Selection(
            ids=self.ids,
            reasons=[self.reason] if self.reason else [],
            hospitals=[self.hospital] if self.hospital else [],
            window=self.window,
        )
        if bool(chosen) == self.everything:
            raise ConfigurationError("give ids, reason, hospital or window, or everything: true without these")
        return chosen


@dg.op
@failing_clearly
def mark_parked_due(
    context: dg.OpExecutionContext, config: ReplayConfig, connections: dg.ResourceParam[Connections]
) -> None:
    """Mark parked rows as due, whatever they wait for; the sensor `parked_retries` then requests their windows, unless
    the hospital is paused or not enabled. The output's metadata counts them.
    """
    selection, passport = config.selection(), connections.passport
    replay = None if config.dry_run else mark_due(passport, selection, config.by, passport.now())
    parked = replay.before if replay else groups(passport, selection)
    context.add_output_metadata(
        {
            "records": sum(group.records for group in parked),
            "windows": len({(group.hospital, group.window) for group in parked}),
            "marked": not config.dry_run,
            "parked": parked_table(parked[:LINES]),
        }
    )
