"""The pace of Python's collector."""

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from passport_pipeline.core.gc_tuning import SELDOM, collecting_seldom


@pytest.fixture(autouse=True)
def own_pace():
    before = gc.get_threshold()
    gc.set_threshold(321, 7, 5)
    yield
    gc.set_threshold(*before)


def test_the_collector_looks_seldom_inside_and_as_before_afterwards():
    with collecting_seldom:
        assert gc.get_threshold() == (SELDOM, 7, 5)
        with collecting_seldom:
            pass
        assert gc.get_threshold() == (SELDOM, 7, 5)
    assert gc.get_threshold() == (321, 7, 5)


def test_the_pace_comes_back_after_an_error():
    @collecting_seldom
    def failing():
        assert gc.get_threshold()[0] == SELDOM
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            failing()
        assert gc.get_threshold() == (321, 7, 5)


def test_the_first_of_several_threads_to_leave_does_not_bring_it_back():
    both, left = Barrier(2), Barrier(2)

    def first():
        with collecting_seldom:
            both.wait(10)
        left.wait(10)

    def second():
        with collecting_seldom:
            both.wait(10)
            left.wait(10)
            return gc.get_threshold()[0]

    with ThreadPoolExecutor(2) as pool:
        pool.submit(first)
        assert pool.submit(second).result(20) == SELDOM
    assert gc.get_threshold() == (321, 7, 5)
