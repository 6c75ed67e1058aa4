import threading
import time

from pipeline.workers.waiting import Waiting


class Report:
    times = 0

    def alive(self):
        self.times += 1


def test_received_data_counts_as_alive_even_without_a_frame():
    report = Report()
    waiting = Waiting(threading.Event(), report)
    with waiting.working:
        for received in range(3):
            assert report.times == received
            with waiting:
                pass
    assert report.times == 3


def test_a_stop_ends_the_wait():
    stop = threading.Event()
    waiting = Waiting(stop, Report())
    assert not waiting.wait(0)
    stop.set()
    assert waiting.wait(3600)


class Clock(threading.Event):
    """A stop that is never requested; time passes only in its `wait`."""

    now = 100.0

    def wait(self, timeout=None):
        self.now += timeout
        return False


def test_the_working_clock_stops_while_waiting(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(time, "monotonic_ns", lambda: round(clock.now * 1e9))
    report = Report()
    waiting = Waiting(clock, report)
    before = waiting.working_ns()
    assert not waiting.wait(2.5)
    assert (clock.now, report.times) == (102.5, 3)
    with waiting.working, waiting:
        clock.now += 4
    assert waiting.working_ns() == before
    clock.now += 1
    assert waiting.working_ns() == before + 10**9


def test_another_thread_reports_alive_only_for_a_waiting_source():
    report = Report()
    waiting = Waiting(threading.Event(), report)
    with waiting.working:
        waiting.report_alive()
        assert report.times == 0
        with waiting:
            waiting.report_alive()
            assert report.times == 1
            assert not waiting.working.locked()
