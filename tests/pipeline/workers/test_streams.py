from pathlib import Path

import pytest
from msgspec import structs

from pipeline.config import RunConfig
from pipeline.plan import WorkerPlan
from pipeline.transport.envelope import Envelope
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.ring import FrameRing
from pipeline.workers.streams import Streams
from stages.records import EndOfStream, EndReason


class Stream:
    def __init__(self, logbook):
        self.name = logbook.stream
        self.logbook = logbook
        self.closed = False

    def close(self):
        assert self.logbook[SharedNumber.ENTRIES] == 4  # not closed yet
        self.closed = True


@pytest.fixture
def plan(tmp_path):
    output = str(tmp_path / "out")
    return WorkerPlan(
        stage="sink", config=RunConfig(), streams=[], output=output, sockets=str(tmp_path)
    )


@pytest.fixture
def supervisor_logbook(plan):
    path = Path(plan.logbook(0))
    path.touch()
    return Logbook.create(str(path), stream="north", entries=4, lossless=False)


@pytest.fixture
def streams(plan, supervisor_logbook, monkeypatch):
    monkeypatch.setattr("pipeline.workers.streams._CHECK_SECONDS", 0.0)
    return Streams(plan, lambda channel, logbook: Stream(logbook))


def test_a_stream_continues_when_its_files_are_removed(plan, streams):
    north = streams.at(0)
    Path(plan.logbook(0)).unlink()
    streams.close_ended()
    assert not north.closed
    assert streams.at(0) is north


def test_a_stream_is_closed_once_the_supervisor_has_released_it(plan, streams, supervisor_logbook):
    north = streams.at(0)
    Path(plan.logbook(0)).unlink()
    supervisor_logbook[SharedNumber.RELEASED] = 1
    streams.close_ended()
    assert north.closed
    with pytest.raises(AttributeError):
        north.logbook[SharedNumber.ENTRIES]
    assert streams.at(0) is None


def test_an_ended_stream_is_closed_before_its_namesake_is_joined(plan, supervisor_logbook):
    def join(channel, logbook):
        assert not channel or joined[0].closed
        joined.append(Stream(logbook))
        return joined[-1]

    joined = []
    streams = Streams(plan, join)
    streams.at(0)
    Path(plan.logbook(1)).touch()
    Logbook.create(plan.logbook(1), stream="north", entries=4, lossless=False)
    supervisor_logbook[SharedNumber.RELEASED] = 1
    assert streams.at(1) is joined[1]


def test_a_message_naming_another_stream_than_its_channels_is_ignored(streams, supervisor_logbook):
    north, south = (
        Envelope(EndOfStream(name, 0, 9, EndReason.COMPLETE)) for name in ("north", "south")
    )
    assert streams.find(south) is None
    assert streams.find(north) is streams.at(0)


def test_joining_a_stream_that_ends_meanwhile_returns_none(run_folder, tmp_path, plan):
    for channel in range(2):
        run_folder.add_stream(channel, "north", entries=4, lossless=False)
    plan = structs.replace(plan, sockets=run_folder.path)

    def join(channel, logbook):
        if channel == 0:
            run_folder.remove_stream(0)
            FrameRing(plan.ring(0))
        return (tmp_path / "none").read_bytes()

    streams = Streams(plan, join)
    assert streams.at(0) is None
    with pytest.raises(FileNotFoundError, match="none"):
        streams.at(1)


def test_a_stream_that_could_not_be_joined_can_be_joined_later(streams, descriptors_left):
    assert streams.at(1) is None
    descriptors_left(0)
    with pytest.raises(OSError, match="Too many open files"):
        streams.at(0)
    descriptors_left(2)
    assert streams.at(0).name == "north"
