"""Signals that come while somebody else's handlers are in place."""

import os
import signal

import pytest

from passport_pipeline.runner.signals import Stopped, stopping


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_at_once(number, exit_code):
    with pytest.raises(Stopped) as stopped, stopping():
        os.kill(os.getpid(), number)
        signal.pause()
    assert stopped.value.exit_code == exit_code
    assert not isinstance(stopped.value, Exception)


def test_a_signal_that_another_handler_took_is_raised_on_request():
    taken = []
    with pytest.raises(Stopped), stopping() as raise_if_told:
        ours = signal.signal(signal.SIGTERM, lambda *_: taken.append(True))
        os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, ours)
        assert taken
        raise_if_told()


def test_nothing_is_raised_where_nothing_came_and_the_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with stopping() as raise_if_told:
        raise_if_told()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
