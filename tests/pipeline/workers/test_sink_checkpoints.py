"""Checkpoints of a live stream in the sink; they wait for pictures while other streams go on."""

import shutil
import time

import pytest

from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers.checkpoint import Checkpoint
from stages.result_files import read_report
from stages.sink.folder_contents import CHECKPOINT
from tests.pipeline.workers.conftest import ReportLog, acknowledged, advance_until, end, feed
from tests.videos import frames_in

pytestmark = pytest.mark.usefixtures("checkpoints_always_due")


@pytest.fixture
def north(sink, disk):
    """Stream north: its checkpoint waits for two pictures, and two frames wait for that."""
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


def test_waiting_frames_are_taken_once_the_pictures_are_kept(north, reports, disk):
    feed(north, 4, begin=1)  # repeated
    end(north, 4)
    north.advance()
    assert acknowledged(north) == 1
    disk.work()
    advance_until(north, lambda: ("done", "north") in reports)
    assert checkpoint_of(north).position == 3
    assert acknowledged(north) == 6
    assert frames_of(north)["out"] == frames_in(north.folder / "overlay.mp4") == 4


def test_another_stream_continues_while_a_checkpoint_waits(north, sink, disk):
    south = sink("south", live=True)
    feed(south, 3)
    began = time.monotonic()
    for _ in range(20):
        north.advance()
    assert time.monotonic() - began < 5
    advance_until(south, lambda: acknowledged(south) == 4)
    assert checkpoint_of(south).position == 4
    assert not disk.works
    assert checkpoint_of(north) is None


def test_frames_waiting_when_the_sink_is_killed_are_written_by_the_next(
    sink, north, plan, reports, disk, tmp_path
):
    other = tmp_path / "left by the sink"
    shutil.copytree(plan.output, other)
    disk.work()
    successor = sink(live=True, output=str(other))
    feed(successor, 4)
    end(successor, 4)
    advance_until(successor, lambda: ("done", "north") in reports)
    assert frames_of(successor)["out"] == frames_in(successor.folder / "overlay.mp4") == 4


def test_a_checkpoint_stops_waiting_for_a_stuck_overlay(north, disk):
    for _ in range(5):
        assert checkpoint_of(north) is None
        north.tick()
    north.tick()
    assert not disk.works
    assert checkpoint_of(north).position == acknowledged(north) == 5
    assert north.results.ledger.written == 4
    assert north.results.overlays.left_out == 3  # the first picture is being written


def test_an_abandoned_stream_is_completed_after_its_checkpoint(north, plan, reports, disk):
    Logbook(plan.logbook(0))[SharedNumber.ABANDONED] = 1
    north.tick()
    disk.work()
    advance_until(north, lambda: acknowledged(north) == 5)
    north.tick()
    advance_until(north, lambda: ("done", "north") in reports)
    assert frames_of(north)["out"] == 4


def test_a_successor_knows_the_total_number_of_frames(sink, reports):
    stream = sink(live=True, reports=ReportLog())
    feed(stream, 3)
    advance_until(stream, lambda: checkpoint_of(stream) is not None)
    assert checkpoint_of(stream).position == 4  # the journal no longer has the start
    successor = sink(live=True)
    feed(successor, 5, begin=3)
    assert reports.total == 3
