"""The threshold of Python's cyclic garbage collector."""

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from passport_pipeline.core.gc_tuning import THRESHOLD, collecting_less_often


@pytest.fixture(autouse=True)
def own_threshold():
    before = gc.get_threshold()
    gc.set_threshold(321, 7, 5)
    yield
    gc.set_threshold(*before)


def test_the_threshold_is_raised_inside_the_context_and_restored_afterwards():
    with collecting_less_often:
        assert gc.get_threshold() == (THRESHOLD, 7, 5)
        with collecting_less_often:
            pass
        assert gc.get_threshold() == (THRESHOLD, 7, 5)
    assert gc.get_threshold() == (321, 7, 5)


def test_the_threshold_is_restored_after_an_error():
    @collecting_less_often
    def failing():
        assert gc.get_threshold()[0] == THRESHOLD
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            failing()
        assert gc.get_threshold() == (321, 7, 5)


def test_the_threshold_is_restored_only_when_the_last_thread_has_left():
    both, left = Barrier(2), Barrier(2)

    def first():
        with collecting_less_often:
            both.wait(10)
        left.wait(10)

    def second():
        with collecting_less_often:
            both.wait(10)
            left.wait(10)
            return gc.get_threshold()[0]

    with ThreadPoolExecutor(2) as pool:
        pool.submit(first)
        assert pool.submit(second).result(20) == THRESHOLD
    assert gc.get_threshold() == (321, 7, 5)
