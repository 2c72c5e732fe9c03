"""How errors of the domain fail a step."""

import os
import signal
import time

import dagster as dg
import pytest

from passport_pipeline.core.errors import SourceRefused, SourceUnreachable
from passport_pipeline.orchestration.assets.error_handling import TRANSIENT_RETRIES, failing_clearly


def failing_with(error: Exception):
    @failing_clearly
    def body():
        raise error

    with pytest.raises(dg.Failure) as caught:
        body()
    return caught.value


def test_a_transient_error_is_retried_and_keeps_its_message():
    failure = failing_with(SourceUnreachable("central: no answer; is its server running?"))
    assert failure.allow_retries
    assert failure.description == "central: no answer; is its server running?"


def test_a_permanent_error_is_not_retried():
    failure = failing_with(SourceRefused("central: the account can write"))
    assert not failure.allow_retries
    assert failure.metadata["exit_code"].value == 3


def test_the_text_of_an_unforeseen_error_never_reaches_the_event_log():
    failure = failing_with(ValueError("could not convert 'Amberlyn Samplewood'"))
    assert "Amberlyn" not in failure.description
    assert "ValueError" in failure.description
    assert "test_error_handling.py" in failure.description
    assert failure.__cause__ is None
    assert failure.__suppress_context__


@failing_clearly
def interrupted():
    """What SIGTERM does to a worker, and what Dagster does with it inside of a step."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


@dg.asset(name="interrupted", retry_policy=TRANSIENT_RETRIES)
def interrupted_asset():
    interrupted()


@pytest.mark.parametrize(("asked_for", "status"), [(False, "FAILURE"), (True, "CANCELED")])
def test_a_run_that_is_stopped_ends_at_once_instead_of_beginning_the_step_anew(asked_for, status, monkeypatch):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with dg.instance_for_test() as instance:
        if asked_for:  # as the UI does before it ends the worker
            monkeypatch.setattr(os, "kill", canceling(instance, os.kill))
        result = (
            dg.Definitions(assets=[interrupted_asset])
            .resolve_implicit_global_asset_job_def()
            .execute_in_process(instance=instance, raise_on_error=False)
        )
        assert instance.get_run_by_id(result.run_id).status.value == status
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert "stopped early" in failed.step_failure_data.user_failure_data.description


def canceling(instance, kill):
    def wrapped(process, number):
        (run,) = instance.get_runs()
        instance.report_run_canceling(run)
        kill(process, number)

    return wrapped
