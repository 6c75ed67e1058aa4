"""What the sink of a run under which the program was replaced is waited for."""

from types import SimpleNamespace

import pytest

from pipeline.reports import Done, Failed, StreamMetrics
from pipeline.supervision.salvage import complete
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.ring import create_memory_file
from tests.summaries import summary

METRICS = StreamMetrics(frames=3, dropped={}, connections=0, durations={})
SUMMARY = summary(3)
PATIENCE = 50
"""How often a sink that has nothing more to say is listened to before the test fails."""


class Sink:
    """A sink process, alive or dead, that does nothing by itself."""

    name = "sink"

    def __init__(self, runs=True):
        self.runs = runs
        self.heard_of = []

    def heard(self, report):
        self.heard_of.append(report.stream)

    def check(self):
        return ""

    def kill(self):
        self.runs = False


@pytest.fixture
def streams():
    """Two streams with frames in their results, and one that has none yet."""
    running = []
    for name, acknowledged in (("north", 3), ("south", 4), ("west", 0)):
        _, path = create_memory_file(name)
        logbook = Logbook.create(path, stream=name, entries=1, lossless=False)
        logbook[SharedNumber.ACKNOWLEDGED] = acknowledged
        running.append(SimpleNamespace(plan=SimpleNamespace(name=name), logbook=logbook))
    return running


def completed(sink, streams, *reports, unwanted=False):
    """Completes the streams by the sink of the run, which sends these reports."""
    processes = SimpleNamespace(upgrade="replaced", kill_all_but_sink=lambda: sink)
    sent = [reports]
    receiver = SimpleNamespace(
        socket=SimpleNamespace(poll=lambda milliseconds: None),
        receive=lambda: sent.pop() if sent else (),
    )
    turns = iter(range(PATIENCE))

    def is_unwanted():
        assert next(turns, None) is not None, "it is waited for without end"
        return unwanted

    return complete(processes, streams, receiver, is_unwanted, reason="")


def test_a_stream_that_failed_or_never_began_is_not_waited_for(streams):
    sink = Sink()
    done = Done("sink", stream="north", message="", metrics=METRICS, summary=SUMMARY)
    failed = Failed("sink", stream="south", message="the disk is full")
    assert completed(sink, streams, done, failed) == ({"north": SUMMARY}, "the disk is full")
    assert [each.logbook[SharedNumber.ABANDONED] for each in streams] == [1, 1, 0]
    assert sink.heard_of == ["north", "south"]
    assert sink.runs  # it ends by itself, as after every run


def test_a_sink_that_is_not_wanted_any_more_is_killed(streams):
    sink = Sink()
    assert completed(sink, streams, unwanted=True) == ({}, "the sink process was told to end")
    assert not sink.runs


def test_a_sink_that_is_dead_is_not_waited_for(streams):
    assert completed(Sink(runs=False), streams) == ({}, "the sink process has died")
