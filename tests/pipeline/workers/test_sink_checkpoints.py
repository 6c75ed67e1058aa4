"""Checkpoints of a live stream in the sink, which wait for pictures while the stream goes on."""

import json
import shutil
import time

import pytest
from msgspec.structs import replace

from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers.checkpoint import Checkpoint
from stages.sink.folder_contents import CHECKPOINT
from tests.pipeline.workers.conftest import Said, acknowledge, end, feed, opened
from tests.videos import frames_in

pytestmark = pytest.mark.usefixtures("checkpoints_always_due")


@pytest.fixture
def logbooks(plan):
    logbooks = [Logbook(plan.logbook(channel)) for channel in (0, 1)]
    for logbook in logbooks:
        logbook[SharedNumber.LOSSLESS] = 0
    return logbooks


@pytest.fixture
def said():
    return Said()


@pytest.fixture
def north(plan, context, said, logbooks, disk):
    """Stream north, whose checkpoint waits for two pictures, and two frames for the checkpoint."""
    north = opened(plan, context, said, 0, logbooks[0])
    disk.hang()
    feed(north, 2)
    disk.wait_for_write()
    north.advance()
    feed(north, 4, begin=2)
    assert north.results.ledger.written == 2
    assert not (north.folder / CHECKPOINT).exists()
    yield north
    disk.work()
    north.close()


def checkpoint_of(stream):
    return Checkpoint.load(stream.folder / CHECKPOINT)


def frames_of(stream):
    return json.loads((stream.folder / "run.json").read_text())["frames"]


def test_what_waits_is_taken_once_the_pictures_are_kept(north, logbooks, said, disk):
    feed(north, 4, begin=1)  # comes again
    end(north, 4)
    north.advance()
    assert logbooks[0][SharedNumber.ACKNOWLEDGED] == 1
    disk.work()
    acknowledge(north, lambda: ("done", "north") in said)
    assert checkpoint_of(north).position == 3
    assert logbooks[0][SharedNumber.ACKNOWLEDGED] == 6
    assert frames_of(north)["out"] == frames_in(north.folder / "overlay.mp4") == 4


def test_another_stream_goes_on_meanwhile(north, plan, context, said, logbooks, disk):
    south = opened(plan, context, said, 1, logbooks[1])
    feed(south, 3)
    began = time.monotonic()
    for _ in range(20):
        north.advance()
    assert time.monotonic() - began < 5
    acknowledge(south, lambda: logbooks[1][SharedNumber.ACKNOWLEDGED] == 4)
    assert checkpoint_of(south).position == 4
    assert not disk.works
    assert checkpoint_of(north) is None
    south.close()


def test_what_waits_when_the_sink_is_killed_comes_again(
    north, plan, context, said, logbooks, disk, tmp_path
):
    other = tmp_path / "left by the sink"
    shutil.copytree(plan.output, other)
    disk.work()
    successor = opened(replace(plan, output=str(other)), context, said, 0, logbooks[0])
    feed(successor, 4)
    end(successor, 4)
    acknowledge(successor, lambda: ("done", "north") in said)
    assert frames_of(successor)["out"] == frames_in(successor.folder / "overlay.mp4") == 4
    successor.close()


def test_it_waits_no_longer_for_an_overlay_that_is_stuck(north, logbooks, disk):
    for _ in range(5):
        assert checkpoint_of(north) is None
        north.look()
    north.look()
    assert not disk.works
    assert checkpoint_of(north).position == logbooks[0][SharedNumber.ACKNOWLEDGED] == 5
    assert north.results.ledger.written == 4
    assert north.results.overlays.left_out == 3  # the first picture is on its way


def test_a_stream_that_no_decoder_can_end_is_completed_after_it(north, logbooks, said, disk):
    logbooks[0][SharedNumber.ABANDONED] = 1
    north.look()
    disk.work()
    acknowledge(north, lambda: logbooks[0][SharedNumber.ACKNOWLEDGED] == 5)
    north.look()
    acknowledge(north, lambda: ("done", "north") in said)
    assert frames_of(north)["out"] == 4


def test_a_successor_knows_how_many_frames_there_are(plan, context, said, logbooks):
    stream = opened(plan, context, Said(), 0, logbooks[0])
    feed(stream, 3)
    acknowledge(stream, lambda: checkpoint_of(stream) is not None)
    assert checkpoint_of(stream).position == 4  # a journal has the start no more
    successor = opened(plan, context, said, 0, logbooks[0])
    feed(successor, 5, begin=3)
    assert said.total == 3
    for each in (stream, successor):
        each.close()
