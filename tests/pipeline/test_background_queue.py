import threading
from queue import SimpleQueue

import pytest

from pipeline.background_queue import Background, within


def test_things_are_done_in_their_order_and_all_before_the_end():
    done = []
    background = Background()
    for number in range(500):
        background.do(lambda number=number: done.append(number))
    assert background.end(60, lambda: done.append("last"))
    assert done == [*range(500), "last"]


def test_what_waits_for_ever_holds_up_nobody_and_what_is_too_much_is_counted():
    began, go_on, done, lost = threading.Event(), threading.Event(), [], []

    def wait():
        began.set()
        go_on.wait()

    background = Background(lost.append)
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


def test_what_was_lost_is_told_once_and_before_the_end():
    began, go_on, told = threading.Event(), threading.Event(), SimpleQueue()

    def wait():
        began.set()
        go_on.wait()

    background = Background(told.put)
    background.do(wait)
    assert began.wait(60)
    for _ in range(1003):
        background.do(lambda: None)
    go_on.set()
    assert told.get(timeout=60) == 3
    assert background.end(60)
    assert told.empty()


def test_an_error_is_raised_where_the_next_thing_is_to_be_done():
    background = Background()

    def fail():
        raise OSError("the view is broken")

    background.do(fail)
    with pytest.raises(OSError, match="the view is broken"):
        background.end(60)
    with pytest.raises(OSError, match="the view is broken"):
        background.do(lambda: None)
    with pytest.raises(OSError, match="the view is broken"):
        within(60, fail)
