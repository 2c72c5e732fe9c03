"""Schedules on their own; what they request is tested beside what they request it for."""

from contextlib import closing
from datetime import UTC, datetime

import dagster as dg
import pytest

from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.schedules import monthly_coverage, nightly_survey, nightly_verification
from passport_pipeline.passport.mongo import database

NIGHT = datetime(2026, 11, 21, 1, tzinfo=UTC)


@pytest.mark.parametrize("schedule", [nightly_survey, nightly_verification, monthly_coverage], ids=lambda one: one.name)
def test_where_mongodb_does_not_answer_a_schedule_fails_with_one_line_that_says_so(schedule, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "SELECTION_TIMEOUT_MS", 200)
    (tmp_path / "hospitals.yaml").write_text("hospitals: []")
    settings = Settings(hospitals_file=tmp_path / "hospitals.yaml", mongo_uri="mongodb://127.0.0.1:1/")
    with dg.instance_for_test() as instance, closing(Connections(settings)) as connections:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=NIGHT, resources={"connections": connections}
        )
        with context, pytest.raises(dg.Failure, match="connecting to the passport") as failed:
            list(schedule(context))
    assert "\n" not in failed.value.description
    assert failed.value.metadata["error"].value == "PassportUnreachable"
    assert failed.value.__suppress_context__
