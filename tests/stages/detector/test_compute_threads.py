"""Computations in parallel."""

import threading
import time

import pytest

from stages.detector.compute_threads import ComputeThreads


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


def test_computations_run_in_parallel_in_threads_that_share_the_cores():
    sharing, both = [], threading.Barrier(3)
    threads = ComputeThreads(2, lambda: sharing.append(threading.get_ident()))
    ran = []

    def compute():
        both.wait(100)
        ran.append(threading.get_ident())

    threads.start(compute)
    threads.start(compute)
    both.wait(100)
    while threads.running() is not None:
        time.sleep(0.01)
    assert list(threads.map(str, range(5))) == ["0", "1", "2", "3", "4"]
    assert sorted(ran) == sorted(set(sharing))


def test_a_thread_is_free_when_its_computation_is_over():
    threads = ComputeThreads(1, lambda: None)
    goes_on = threading.Event()
    assert threads.wait(0)
    threads.start(lambda: goes_on.wait(100))
    assert not threads.wait(0)
    threading.Timer(0.05, goes_on.set).start()
    assert threads.wait(100)


def test_the_age_of_the_oldest_computation_is_known():
    clock = Clock()
    threads = ComputeThreads(2, lambda: None, clock)
    assert threads.running() is None
    ends = [threading.Event(), threading.Event()]
    for end in ends:
        assert threads.wait(100)  # returns at once, as one of the two is free
        threads.start(lambda end=end: end.wait(100))
        clock.seconds += 5
    assert threads.running() == 10
    ends[0].set()
    assert threads.wait(100)  # for the first computation to end
    assert threads.running() == 5
    ends[1].set()


def test_the_error_of_a_computation_is_raised_by_the_next_call():
    def fail():
        raise ValueError("no pixels")

    threads = ComputeThreads(1, lambda: None)
    threads.start(fail)
    with pytest.raises(ValueError, match="no pixels"):
        threads.wait(100)
    assert threads.running() is None
