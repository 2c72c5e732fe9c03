"""The op that decides conflicts."""

from collections import Counter

import dagster as dg

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import PipelineError
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly
from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.conflicts.queue import choose
from passport_pipeline.passport.conflicts.resolve import resolve_all


class DecisionConfig(dg.Config):
    """Which conflicts, whose version holds, and who decided it."""

    by: str
    conflicts: list[str] = []  # noqa: RUF012 - pydantic gives every config its own
    """Ids as `passport-pipeline conflicts list` prints them; with @ and a number, only as shown there."""
    hospital: str | None = None
    """Instead of ids: all open conflicts of this hospital."""
    window: str | None = None
    """Instead of ids: all open conflicts of this month, YYYY-MM."""
    take: str | None = None
    """theirs (the application's version) or ours (the hospital's)."""
    fields: dict[str, str] = {}  # noqa: RUF012
    """Names of fields for which the other side holds: theirs or ours."""


@dg.op(retry_policy=TRANSIENT_RETRIES)
@failing_clearly
def decide_conflicts(
    context: dg.OpExecutionContext, config: DecisionConfig, connections: dg.ResourceParam[Connections]
) -> None:
    """Decide conflicts between the application and hospitals; fails where one of them was not. The output's metadata
    counts them.
    """
    decision, passport = Decision.parse(config.take, config.fields), connections.passport
    now = passport.now()
    hospitals = [connections.hospital(config.hospital).key] if config.hospital else []
    chosen = choose(passport, now, ids=config.conflicts, hospitals=hospitals, month=config.window)
    outcomes = resolve_all(
        *(passport, chosen, decision, config.by),
        settings=connections.settings,
        hospital_of=connections.hospital,
        run_id=context.run_id,
        now=now,
    )
    counts = Counter(outcome.result.value for outcome in outcomes)
    left = [f"{outcome.conflict}: {outcome.message}" for outcome in outcomes if not outcome.ok]
    if left:
        raise PipelineError(f"{len(left)} of {len(outcomes)} conflicts were not decided: {'; '.join(left[:20])}")
    context.add_output_metadata({"conflicts": len(outcomes), **counts})
