"""How errors of the domain fail a step."""

import dagster as dg
import pytest

from passport_pipeline.assets.failures import failing_clearly
from passport_pipeline.errors import SourceRefused, SourceUnreachable


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
    assert "test_failures.py" in failure.description
    assert failure.__cause__ is None
    assert failure.__suppress_context__
