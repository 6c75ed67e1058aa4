"""How often a process was asked to end."""

import signal
import subprocess
import sys

import pytest

from pipeline.signals import StopRequests, stop_signals


@pytest.fixture
def at():
    """Returns a function that sends stop requests a signal at a given second."""
    seconds = [0.0]
    requests = StopRequests(clock=lambda: seconds[0])

    def send(second, number):
        seconds[0] = second
        return requests.add_signal(number)

    send.requests = requests
    return send


def test_signals_within_a_second_are_one_request(at):
    assert at(0.0, signal.SIGINT)
    assert not at(0.02, signal.SIGTERM)
    assert not at(0.9, signal.SIGINT)
    assert at(1.5, signal.SIGINT)
    assert not at(2.0, signal.SIGINT)
    assert at.requests.count == 2


def test_closing_terminal_counts_only_once(at):
    assert at(0.0, signal.SIGHUP)
    assert not at(5.0, signal.SIGHUP)
    assert at(6.0, signal.SIGTERM)
    assert at.requests.count == 2


def test_every_request_of_the_program_itself_counts(at):
    at.requests.add()
    at.requests.add()
    assert at.requests.count == 2
    assert not at(0.5, signal.SIGINT)


def test_signal_during_the_handler_of_another_is_not_a_new_request():
    """Python runs the handler of a signal that arrives meanwhile at the next call."""

    def clock():
        if not nested:
            nested.append(None)
            nested.append(requests.add_signal(signal.SIGTERM))
        return 100.0

    nested = []
    requests = StopRequests(clock)
    counted = requests.add_signal(signal.SIGINT)
    assert sorted([counted, nested[1]]) == [False, True]
    assert requests.count == 1


def test_signal_soon_after_a_request_of_the_program_does_not_count():
    seconds = [5.0]
    requests = StopRequests(clock=lambda: seconds[0])
    requests.add()
    seconds[0] = 5.5
    assert not requests.add_signal(signal.SIGINT)
    assert requests.count == 1


@pytest.mark.parametrize(
    ("hangup", "numbers"),
    [
        (signal.SIG_DFL, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]),
        (signal.SIG_IGN, [signal.SIGINT, signal.SIGTERM]),
    ],
)
def test_stop_signals_include_a_hangup_unless_it_is_ignored_as_under_nohup(hangup, numbers):
    before = signal.signal(signal.SIGHUP, hangup)
    try:
        assert stop_signals() == numbers
    finally:
        signal.signal(signal.SIGHUP, before)


def test_stage_ignores_the_stop_signals():
    program = """
import signal
from pipeline.signals import ignore_stop_signals

numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
for number in numbers:
    signal.signal(number, signal.SIG_DFL)
ignore_stop_signals()
for number in numbers:
    signal.raise_signal(number)
print("goes on")
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=100)
    assert done.stdout == b"goes on\n"
