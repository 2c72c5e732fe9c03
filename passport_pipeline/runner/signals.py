"""Stopping at once, and cleanly, on SIGTERM and Ctrl-C.

What belongs here: receiving the signals, also those that Dagster handles while it runs a job in this process. What does
not: cleaning up (an interrupted step fails: orchestration.assets.error_handling).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """The process received this signal to stop. No Exception, so that it is not handled as a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def stopping() -> Iterator[Callable[[], None]]:
    """Raise Stopped in the main thread, which has to be the one that enters, when a signal comes.

    Gives a function that raises it for a signal that came while other handlers were in place: Dagster has its own
    during a run, interrupts the step with them, and forgets a signal that comes between two steps.
    """
    receiving, sending = os.pipe()
    for end in (receiving, sending):
        os.set_blocking(end, False)
    before = {number: signal.signal(number, _stop) for number in SIGNALS}
    # Python writes the number of every signal there, whichever handler it has.
    wakeup = signal.set_wakeup_fd(sending, warn_on_full_buffer=False)

    def raise_if_signalled() -> None:
        for number in _received(receiving):
            if number in SIGNALS:
                raise Stopped(number)

    try:
        yield raise_if_signalled
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(receiving)
        os.close(sending)


@contextmanager
def put_off() -> Iterator[None]:
    """Let the signals wait in this thread until the block ends, and in a process that is begun in it until it calls
    `let_in`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_in() -> None:
    """Take the signals that were put off where this process was begun."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


def _received(receiving: int) -> bytes:
    try:
        return os.read(receiving, 1024)
    except BlockingIOError:
        return b""
