"""The job that sets a hospital's state, as an operator launches it in the UI."""

from contextlib import closing

import dagster as dg
import pytest

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.passport.hospitals.state import state_of


@pytest.fixture
def launch(settings):
    """launch(state="paused", ...) -> the message of its failure, if it failed."""
    settings.hospitals_file.write_text("hospitals:\n  - {key: central, name: C1, url_env: X_URL, timezone: UTC}\n")

    def run(**config):
        config = {"hospital": "central", "reason": "the server moves", "by": "anna", **config}
        with closing(Connections(settings)) as connections:
            job = build_definitions(connections=connections).resolve_job_def("set_hospital_state")
            result = job.execute_in_process(
                run_config={"ops": {"change_hospital_state": {"config": config}}}, raise_on_error=False
            )
        failed = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
        return [failure.description for failure in failed]

    return run


def state(settings):
    with closing(Connections(settings)) as connections:
        return state_of(connections.passport, "central")


def test_a_hospital_is_paused_retired_and_resumed_from_the_ui(launch, settings):
    for wanted in ("paused", "retired", "active"):
        assert launch(state=wanted) == []
        now = state(settings)
        assert (now.state, now.by, now.reason) == (wanted, "anna", "the server moves")


def test_only_the_pipeline_stops_a_hospital(launch, settings):
    with pytest.raises(dg.DagsterInvalidConfigError):
        launch(state="stopped")
    assert state(settings).active


def test_an_unknown_hospital_is_one_message(launch):
    (message,) = launch(hospital="nowhere", state="paused")
    assert "'nowhere'" in message and "central" in message
