"""Parked rows that are due are requested, and parked rows that an operator asks for are due."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.orchestration.partitions import window_of
from passport_pipeline.orchestration.sensors.parked_retries import parked_retries, retry_requests
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, change_state
from passport_pipeline.passport.mongo.collections import PARKED
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_sample.loading import load_passport
from passport_sample.seed_example import seed_example, seed_passport

WINDOW = Window("hospital-1", "2025-11")
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
FIRST = "2005-01"


@pytest.fixture(scope="module")
def synced(operating_on):
    """A hospital whose only patient the passport does not know."""
    with operating_on([seed_example()], seed_passport()) as operator:
        operator.database.patients.delete_many({})
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture
def operator(synced):
    """The same; every test begins with a row that nobody has asked for."""
    undo = {"$unset": {"nextAttempt": "", "tries": ""}}
    assert synced.database[PARKED].update_many({}, undo).matched_count == 1
    return synced


def requested(operator):
    connections = operator.connections()
    with dg.build_sensor_context(instance=operator.instance, resources={"connections": connections}) as context:
        result = parked_retries(context)
    return [] if isinstance(result, dg.SkipReason) else list(result.run_requests)


def replay(operator, **config):
    """The job as an operator launches it in the UI; what its output's metadata says, and its failures."""
    connections = operator.connections()
    job = InProcess(connections, operator.instance).definitions.resolve_job_def("replay_parked")
    config = {"ops": {"mark_parked_due": {"config": {"by": "operator", **config}}}}
    result = job.execute_in_process(instance=operator.instance, run_config=config, raise_on_error=False)
    connections.close()
    failures = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    if failures:
        return [failure.description for failure in failures]
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    return {name: value.value for name, value in output.metadata.items()}


def test_nothing_is_requested_while_nothing_is_due(operator):
    assert requested(operator) == []


def test_a_dry_run_counts_and_makes_nothing_due(operator):
    told = replay(operator, reason="unknown_patient", dry_run=True)
    assert (told["records"], told["windows"], told["marked"]) == (1, 1, False)
    rows = [tuple(row.data.values()) for row in told["parked"].records]
    assert ("hospital-1", "2025-11", "unknown_patient", "parked", 1, 1, 1) in rows
    assert requested(operator) == []


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "everything"),
        ({"everything": True, "window": "2025-11"}, "everything"),
        ({"reason": "none_such"}, "none_such"),
    ],
)
def test_a_replay_of_nothing_or_of_a_wrong_choice_says_what_to_give(operator, config, says):
    (failure,) = replay(operator, **config)
    assert says in failure
    assert requested(operator) == []


def test_a_paused_hospital_is_left_alone_until_it_is_resumed(operator):
    assert replay(operator, everything=True)["records"] == 1
    for state in (PAUSED, ACTIVE):
        connections = operator.connections()
        change_state(connections.passport, connections.hospitals, "hospital-1", state, "a test", "tester")
        connections.close()
        assert len(requested(operator)) == (state == ACTIVE)


def test_rows_made_due_are_requested_once_tried_counted_and_cleared_when_their_cause_is_gone(operator):
    assert replay(operator, hospital="hospital-1")["marked"]
    (first,) = requested(operator)
    assert window_of(first.partition_key) == WINDOW
    assert [request.run_key for request in requested(operator)] == [first.run_key]
    attempts = operator.database[PARKED].find_one()["attempts"]
    run(operator, first)
    found = operator.database[PARKED].find_one()
    assert (found["attempts"], found["reason"]) == (attempts + 1, "unknown_patient")
    assert requested(operator) == []
    load_passport(operator.database, seed_passport())
    replay(operator, ids=[found["rowUuid"]])
    (second,) = requested(operator)
    assert second.run_key != first.run_key
    run(operator, second)
    assert operator.database[PARKED].count_documents({}) == 0
    assert operator.database.medicalrecords.count_documents({"source.stream": "observations"}) == 1
    assert requested(operator) == []


def run(operator, request):
    connections, run = operator.connections(), HospitalRun("hospital-1")
    assert InProcess(connections, operator.instance).window(window_of(request.partition_key), run)
    connections.close()


def test_an_attempt_that_was_not_made_is_requested_again_in_the_next_hour():
    due = {("central", "2025-11"): NOW - timedelta(minutes=3)}
    keys = [next(retry_requests(due, NOW + timedelta(minutes=later), FIRST)).run_key for later in (0, 5, 60)]
    assert keys[0] == keys[1] != keys[2]


def test_a_month_that_has_no_partition_is_not_requested():
    due = {("central", "1999-12"): NOW, ("central", last_month()): NOW, ("central", "2999-01"): NOW}
    assert [window_of(request.partition_key).month for request in retry_requests(due, NOW, FIRST)] == [last_month()]


def test_a_window_that_is_queued_already_is_not_requested():
    due = {("central", "2025-10"): NOW, ("central", "2025-11"): NOW}
    requests = list(retry_requests(due, NOW, FIRST, {Window("central", "2025-10")}))
    assert [window_of(request.partition_key).month for request in requests] == ["2025-11"]
