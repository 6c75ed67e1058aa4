"""How long a run waits for the sink that completes its results, and which reports count."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from pipeline.reports import Done, Failed, Notice, StreamMetrics
from pipeline.supervision.salvage import complete
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.ring import create_memory_file
from tests.summaries import summary

METRICS = StreamMetrics(frames=3, dropped={}, connections=0, durations={})
SUMMARY = summary(3)
PATIENCE = 50
"""How often a silent sink is polled before the test fails."""


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


def completed(sink, streams, *reports, unwanted=False, show=lambda report: None):
    """Completes the streams with the sink of the run, which sends these reports."""
    spared = []

    def kill_all(but):
        spared.append(but)

    processes = SimpleNamespace(upgrade="replaced", sink=sink, kill_all=kill_all)
    sent = [reports]
    receiver = SimpleNamespace(
        socket=SimpleNamespace(poll=lambda milliseconds: None),
        receive=lambda: sent.pop() if sent else (),
    )
    turns = iter(range(PATIENCE))

    def is_unwanted():
        assert next(turns, None) is not None, "it is waited for without end"
        return unwanted

    found = complete(processes, streams, receiver, is_unwanted, show, reason="replaced")
    assert spared == [sink]
    return found


def test_failed_or_unstarted_stream_is_not_waited_for(streams):
    sink = Sink()
    done = Done("sink", stream="north", message="", metrics=METRICS, summary=SUMMARY)
    failed = Failed("sink", stream="south", message="the disk is full")
    assert completed(sink, streams, done, failed) == ({"north": SUMMARY}, "the disk is full")
    assert [each.logbook[SharedNumber.ABANDONED] for each in streams] == [1, 1, 0]
    assert [each.logbook.reason for each in streams] == ["replaced", "replaced", ""]
    assert sink.heard_of == ["north", "south"]
    assert sink.runs  # it ends by itself, as after every run


@pytest.mark.parametrize(
    ("message", "shown_message"), [("replaced", ""), ("it breaks off", "it breaks off")]
)
def test_sink_reports_are_shown_without_repeating_why_the_run_ends(streams, message, shown_message):
    done = Done("sink", stream="north", message=message, metrics=METRICS, summary=SUMMARY)
    others = (
        Notice("sink", stream="north", message="the overlay is stuck"),
        Failed("sink", stream="south", message="the disk is full"),
    )
    shown = []
    completed(Sink(), streams, *others, done, show=shown.append)
    assert shown == [*others, replace(done, message=shown_message)]


def test_results_are_completed_even_if_showing_reports_fails(streams):
    def show(report):
        raise BrokenPipeError

    done = Done("sink", stream="north", message="", metrics=METRICS, summary=SUMMARY)
    assert completed(Sink(), streams[:1], done, show=show) == ({"north": SUMMARY}, "")
    assert completed_by_replacement(ReplacementSink(fails=False), [done], show=show) == (
        {"north": SUMMARY},
        "",
    )


def test_unwanted_sink_is_killed(streams):
    sink = Sink()
    assert completed(sink, streams, unwanted=True) == ({}, "the sink was asked to end")
    assert not sink.runs


def test_dead_sink_is_not_waited_for(streams):
    assert completed(Sink(runs=False), streams) == ({}, "the sink has died")


class ReplacementSink(Sink):
    """A sink that is started to complete the results, and ends after three checks."""

    def __init__(self, *, fails):
        super().__init__(runs=False)
        self.turns = 3
        self.fails = fails

    def start_if_due(self):
        self.runs = True

    def check(self):
        self.turns -= 1
        self.runs = self.turns > 0
        return "was killed by signal 9" if self.fails and not self.runs else ""


def completed_by_replacement(sink, early=(), late=(), unwanted=False, show=lambda report: None):
    """Completes the streams with a new sink; ``late`` reports arrive after it has ended."""
    made, killed = {}, []

    def make(stage, **plan):
        assert killed  # two sinks would write the same files
        made.update(plan, stage=stage)
        return sink

    early, late = [early], [late]

    def receive():
        sent = early if sink.runs else late
        return sent.pop() if sent else ()

    receiver = SimpleNamespace(
        socket=SimpleNamespace(poll=lambda milliseconds: None), receive=receive
    )
    processes = SimpleNamespace(upgrade="", kill_all=lambda: killed.append("all"), make=make)
    ending = {"reason": "full", "text_only": True}
    found = complete(processes, [], receiver, lambda: unwanted, show, **ending)
    assert made == {"stage": "sink", "give_up_reason": "full", "text_only": True}
    assert not sink.runs
    return found


DONE = Done("sink", stream="north", message="", metrics=METRICS, summary=SUMMARY)


def test_last_reports_of_a_replacement_sink_are_read():
    assert completed_by_replacement(ReplacementSink(fails=False), late=[DONE]) == (
        {"north": SUMMARY},
        "",
    )


def test_unwanted_replacement_sink_is_killed():
    sink = ReplacementSink(fails=False)
    found = completed_by_replacement(sink, late=[DONE], unwanted=True)
    assert found == ({"north": SUMMARY}, "the sink was asked to end")
    assert sink.turns > 0


def test_failures_are_ignored_if_the_replacement_sink_succeeds():
    """The failure is the late report of an earlier sink that died."""
    late = Failed("sink", stream="south", message="the disk is full")
    found = completed_by_replacement(ReplacementSink(fails=False), early=[late, DONE])
    assert found == ({"north": SUMMARY}, "")


def test_replacement_sink_failure_is_its_own_not_another_stages():
    own = Failed("sink", stream="south", message="the disk is full")
    other = Failed("decoder", stream="north", message="cannot open north")
    killed = "the sink was killed by signal 9"
    assert completed_by_replacement(ReplacementSink(fails=True), early=[other]) == ({}, killed)
    found = completed_by_replacement(ReplacementSink(fails=True), early=[own, other, DONE])
    assert found == ({"north": SUMMARY}, "the disk is full")
