"""Which errors are transient, and the exit codes."""

import pytest

from passport_pipeline.core import errors


def test_only_errors_that_may_pass_by_themselves_are_transient():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert {kind.__name__ for kind in kinds if kind.transient} == {
        "SourceUnreachable",
        "SourceBusy",
        "PassportUnreachable",
        "WindowBusy",
        "WorkerDied",
        "BatchUnreachable",
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ConfigurationError, 2),
        (errors.SourceUnreachable, 3),
        (errors.SourceRefused, 3),
        (errors.PassportUnreachable, 4),
        (errors.PassportRefused, 4),
        (errors.WindowBusy, 4),
        (errors.WindowTakenOver, 4),
        (errors.BatchError, 5),
        (errors.BatchUnreachable, 5),
        (errors.WindowHeldBack, 1),
        (errors.HospitalHeldBack, 1),
    ],
)
def test_every_error_has_the_exit_code_of_its_kind(kind, code):
    assert kind.exit_code == code and issubclass(kind, errors.PipelineError)
