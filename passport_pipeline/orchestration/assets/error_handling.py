"""How an error of the domain becomes a failure of a run.

What belongs here: one message without patients' data, retried or not. What does not: the errors (core.errors).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import dagster as dg

from passport_pipeline.core.errors import PipelineError, unexpected

P = ParamSpec("P")
R = TypeVar("R")

TRANSIENT_RETRIES = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def failing_clearly(body: Callable[P, R]) -> Callable[P, R]:
    """Wrap the body of an asset, check, sensor or schedule, a generator too: a PipelineError fails it with its message,
    and a step is retried only where the error is transient.

    An interruption (a run that is terminated, a worker that is shut down) fails a step without another try, which
    Dagster would begin at once, because the asset has a retry policy. Any other exception fails it with its type and
    where it was raised, without its text: drivers and pandas put values into their texts, and the event log keeps them
    for ever.
    """
    if inspect.isgeneratorfunction(body):

        @functools.wraps(body)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> Any:
            with _failing_clearly():
                yield from body(*args, **kwargs)
    else:

        @functools.wraps(body)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> Any:
            with _failing_clearly():
                return body(*args, **kwargs)

    return wrapped


@contextmanager
def _failing_clearly() -> Iterator[None]:
    try:
        yield
    except dg.Failure:
        raise
    except PipelineError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"error": type(error).__name__, "exit_code": error.exit_code},
            allow_retries=error.transient,
        ) from None
    except dg.DagsterExecutionInterruptedError:
        raise dg.Failure(
            description="stopped early; the next run completes what is missing", allow_retries=False
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its text must not reach the event log
        raise dg.Failure(
            description=unexpected(error),
            metadata={"error": type(error).__name__},
            allow_retries=False,
        ) from None
