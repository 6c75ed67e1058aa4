"""Checkpoints of a live stream in the sink, which wait for pictures while the stream goes on."""

import shutil
import time

import pytest

from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers.checkpoint import Checkpoint
from stages.result_files import read_report
from stages.sink.folder_contents import CHECKPOINT
from tests.pipeline.workers.conftest import Said, acknowledge, acknowledged, end, feed
from tests.videos import frames_in

pytestmark = pytest.mark.usefixtures("checkpoints_always_due")


@pytest.fixture
def north(sink, disk):
    """Stream north, whose checkpoint waits for two pictures, and two frames for the checkpoint."""
    north = sink(live=True)
    disk.hang()
    feed(north, 2)
    disk.wait_for_write()
    north.advance()
    feed(north, 4, begin=2)
    assert north.results.ledger.written == 2
    assert not (north.folder / CHECKPOINT).exists()
    return north


def checkpoint_of(stream):
    return Checkpoint.load(stream.folder / CHECKPOINT)


def frames_of(stream):
    return read_report(stream.folder)["frames"]


def test_what_waits_is_taken_once_the_pictures_are_kept(north, said, disk):
    feed(north, 4, begin=1)  # comes again
    end(north, 4)
    north.advance()
    assert acknowledged(north) == 1
    disk.work()
    acknowledge(north, lambda: ("done", "north") in said)
    assert checkpoint_of(north).position == 3
    assert acknowledged(north) == 6
    assert frames_of(north)["out"] == frames_in(north.folder / "overlay.mp4") == 4


def test_another_stream_goes_on_meanwhile(north, sink, disk):
    south = sink("south", live=True)
    feed(south, 3)
    began = time.monotonic()
    for _ in range(20):
        north.advance()
    assert time.monotonic() - began < 5
    acknowledge(south, lambda: acknowledged(south) == 4)
    assert checkpoint_of(south).position == 4
    assert not disk.works
    assert checkpoint_of(north) is None


def test_what_waits_when_the_sink_is_killed_comes_again(sink, north, plan, said, disk, tmp_path):
    other = tmp_path / "left by the sink"
    shutil.copytree(plan.output, other)
    disk.work()
    successor = sink(live=True, output=str(other))
    feed(successor, 4)
    end(successor, 4)
    acknowledge(successor, lambda: ("done", "north") in said)
    assert frames_of(successor)["out"] == frames_in(successor.folder / "overlay.mp4") == 4


def test_it_waits_no_longer_for_an_overlay_that_is_stuck(north, disk):
    for _ in range(5):
        assert checkpoint_of(north) is None
        north.tick()
    north.tick()
    assert not disk.works
    assert checkpoint_of(north).position == acknowledged(north) == 5
    assert north.results.ledger.written == 4
    assert north.results.overlays.left_out == 3  # the first picture is on its way


def test_a_stream_that_no_decoder_can_end_is_completed_after_it(north, plan, said, disk):
    Logbook(plan.logbook(0))[SharedNumber.ABANDONED] = 1
    north.tick()
    disk.work()
    acknowledge(north, lambda: acknowledged(north) == 5)
    north.tick()
    acknowledge(north, lambda: ("done", "north") in said)
    assert frames_of(north)["out"] == 4


def test_a_successor_knows_how_many_frames_there_are(sink, said):
    stream = sink(live=True, said=Said())
    feed(stream, 3)
    acknowledge(stream, lambda: checkpoint_of(stream) is not None)
    assert checkpoint_of(stream).position == 4  # a journal has the start no more
    successor = sink(live=True)
    feed(successor, 5, begin=3)
    assert said.total == 3
