"""The check that verifies each hospital every night."""

from contextlib import closing
from datetime import UTC, datetime

import dagster as dg

from passport_pipeline.orchestration.schedules import nightly_verification
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, change_state
from passport_pipeline_tests.verification.two_months import FIRST, ids_in, records_of, without


def test_the_job_evaluates_the_check_of_its_hospital(operator, run_job):
    (evaluation,) = run_job("hospital_verification")
    assert (evaluation.check_name, evaluation.passed, evaluation.partition) == ("passport_agrees", True, "central")
    assert evaluation.asset_key == dg.AssetKey("hospital_survey")
    assert evaluation.metadata["days_that_differ"].value == 0
    assert evaluation.metadata["live_rows"].value > 0


def test_the_check_fails_with_the_days_and_rows_that_differ_but_the_run_succeeds(operator, run_job):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        (evaluation,) = run_job("hospital_verification")
    assert not evaluation.passed
    assert evaluation.metadata["days_that_differ"].value == 1
    (day,) = [day.data for day in evaluation.metadata["differences"].records]
    assert day["day"] == record["source"]["day"]
    assert str(ids_in(record)[0]) in day["obs ids"]
    assert f"--from {FIRST} --to {FIRST} --full" in evaluation.metadata["mended_by"].value
    assert evaluation.metadata["days_requested"].value == 1
    assert operator.settle().windows() == {f"central|{FIRST}-01"}


def test_a_run_of_the_references_alone_evaluates_no_check(run_job):
    assert run_job("hospital_references") == []


def test_every_enabled_and_active_hospital_is_verified_every_night(operator):
    def requests():
        night = datetime(2026, 11, 21, 5, tzinfo=UTC)
        with closing(operator.connections()) as connections:
            context = dg.build_schedule_context(
                instance=operator.instance, scheduled_execution_time=night, resources={"connections": connections}
            )
            with context:
                return [(request.partition_key, request.run_key) for request in nightly_verification(context)]

    def set_state(state):
        with closing(operator.connections()) as connections:
            change_state(connections.passport, ["central"], "central", state, "a test", "the tests")

    assert nightly_verification.job_name == "hospital_verification"
    assert requests() == [("central", "central/2026-11-21")]
    set_state(PAUSED)
    assert requests() == []
    set_state(ACTIVE)
