import threading
from queue import SimpleQueue

import pytest

from pipeline.background_queue import BackgroundQueue, within


def test_tasks_run_in_order_and_all_before_the_end():
    done = []
    background = BackgroundQueue()
    for number in range(500):
        background.do(lambda number=number: done.append(number))
    assert background.end(60, lambda: done.append("last"))
    assert done == [*range(500), "last"]


def test_stuck_task_blocks_no_caller_and_excess_tasks_are_counted():
    began, go_on, done, lost = threading.Event(), threading.Event(), [], []

    def wait():
        began.set()
        go_on.wait()

    background = BackgroundQueue(lost.append)
    background.do(wait)
    assert began.wait(60)
    assert not background.is_behind
    for _ in range(1200):
        background.do(lambda: done.append("done"))
    assert background.is_behind
    assert not background.end(0.01, lambda: done.append("last"))
    assert not done
    go_on.set()
    assert background.end(60)
    assert lost == [200]
    assert done == ["done"] * 1000 + ["last"]


def test_lost_tasks_are_reported_once_and_before_the_end():
    began, go_on, reports = threading.Event(), threading.Event(), SimpleQueue()

    def wait():
        began.set()
        go_on.wait()

    background = BackgroundQueue(reports.put)
    background.do(wait)
    assert began.wait(60)
    for _ in range(1003):
        background.do(lambda: None)
    go_on.set()
    assert reports.get(timeout=60) == 3
    assert background.end(60)
    assert reports.empty()


def test_error_of_a_task_is_raised_by_the_next_call():
    background = BackgroundQueue()

    def fail():
        raise OSError("the view is broken")

    background.do(fail)
    with pytest.raises(OSError, match="the view is broken"):
        background.end(60)
    with pytest.raises(OSError, match="the view is broken"):
        background.do(lambda: None)
    with pytest.raises(OSError, match="the view is broken"):
        within(60, fail)
