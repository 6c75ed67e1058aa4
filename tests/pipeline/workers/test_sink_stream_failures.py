"""Streams in the sink whose files cannot be written."""

import contextlib
import dataclasses
import os
import resource
import shutil
import signal
import sys
import threading

import pytest
import zmq

from pipeline.signals import STAGE_END
from stages.atomic import output_error
from stages.errors import OutputError
from stages.result_files import event_pictures, read_report
from stages.sink.folder_contents import CHECKPOINT, JOURNAL, RUN
from tests.pipeline.workers.conftest import acknowledged, advance_until, end, feed
from tests.stages.sink.stream import TEXTS
from tests.videos import frames_in

UNFINISHED = {JOURNAL, RUN, *(f".{name}.part" for name in (*TEXTS, "overlay.mp4.1"))}


@pytest.fixture
def connected(plan, context):
    """Waits until a stream is connected to its decoder and needs no further descriptor for it."""
    decoder = context.socket(zmq.PULL)
    decoder.bind(plan.endpoint("ack-0"))
    return decoder.recv


@pytest.fixture
def no_descriptors():
    """A context in which this process can open no file."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    @contextlib.contextmanager
    def none_left():
        unused = os.dup(0)
        os.close(unused)
        resource.setrlimit(resource.RLIMIT_NOFILE, (unused, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    return none_left()


@pytest.mark.usefixtures("checkpoints_always_due")
def test_a_checkpoint_is_saved_later_when_too_many_files_are_open(sink, connected, no_descriptors):
    stream = sink(live=True)
    checkpoint, journal = stream.folder / CHECKPOINT, stream.folder / JOURNAL
    feed(stream, 3)
    advance_until(stream, lambda: acknowledged(stream) == 4)
    assert connected()
    checkpoint.unlink()
    with no_descriptors:
        feed(stream, 6, begin=3)
        advance_until(stream, lambda: acknowledged(stream) == 7)
    assert not checkpoint.exists()
    assert journal.stat().st_size
    feed(stream, 7, begin=6)
    advance_until(stream, lambda: acknowledged(stream) == 8)
    assert checkpoint.exists()
    assert not journal.stat().st_size


@pytest.mark.usefixtures("checkpoints_always_due")
def test_a_successor_omits_pictures_abandoned_without_a_checkpoint(
    sink, plan, reports, connected, no_descriptors, disk, tmp_path
):
    stream = sink(live=True)
    feed(stream, 2)
    advance_until(stream, lambda: acknowledged(stream) == 3)
    assert connected()
    disk.hang()
    feed(stream, 5, begin=2)
    disk.wait_for_write()
    with no_descriptors:
        for _ in range(6):
            stream.tick()
    assert acknowledged(stream) == 6
    other = tmp_path / "left by the sink"
    shutil.copytree(plan.output, other)
    disk.work()
    stream.close()
    successor = sink(live=True, output=str(other))
    feed(successor, 7, begin=5)
    end(successor, 7)
    advance_until(successor, lambda: ("done", "north") in reports)
    frames = read_report(successor.folder)["frames"]
    assert (frames["out"], frames["left_out_of_overlay"]) == (7, 3)
    assert frames_in(successor.folder / "overlay.mp4") == 4


def test_a_failed_stream_reports_its_last_frame_and_keeps_only_rows(sink, reports):
    stream = sink(live=False)
    feed(stream, 3)
    advance_until(stream, lambda: acknowledged(stream) == 4)
    stream.fail(OutputError("cannot write it"))
    assert ("failed", "north") in reports
    assert reports.metrics.frames == 3
    for _ in range(2):
        assert {path.name for path in stream.folder.iterdir()} == UNFINISHED
        assert not (stream.folder / ".overlay.mp4.1.part").stat().st_size
        stream.close()


def test_a_failing_stream_that_is_stopped_waits_for_its_thread(sink, disk):
    """A C++ thread, such as one that draws, aborts the process if Python exits before it ends."""
    stream = sink(live=False)
    disk.hang()
    feed(stream, 3)
    disk.wait_for_write()
    before = signal.signal(STAGE_END, lambda *_: sys.exit(0))
    threading.Timer(0.1, os.kill, (os.getpid(), STAGE_END)).start()
    with pytest.raises(SystemExit):
        stream.fail(OutputError("cannot write it"))
    signal.signal(STAGE_END, before)
    threading.Timer(0.1, disk.work).start()
    stream.abort()
    assert disk.works
    assert {path.name for path in stream.folder.iterdir()} == UNFINISHED


def test_a_lossless_stream_notices_that_its_folder_is_gone(sink):
    stream = sink(live=False)
    feed(stream, 3)
    stream.tick()
    stream.folder.rename(stream.folder.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError, match="north"):
        stream.tick()


@pytest.mark.parametrize("live", [False, True])
def test_a_folder_that_an_event_picture_makes_again_is_reported_as_gone(sink, plan, reports, live):
    plan.config.sink.lines["north"] = {"gate": (24.0, 0.0, 24.0, 32.0)}
    written = dataclasses.replace(plan.config.sink, overlay=False, event_pictures=True)
    stream = sink(live=live, config=dataclasses.replace(plan.config, sink=written))
    centers_x = [8, 40] * 2
    feed(stream, 3, centers_x=centers_x)
    stream.tick()
    stream.folder.rename(stream.folder.with_name("elsewhere"))
    feed(stream, 4, begin=3, centers_x=centers_x)
    assert len(event_pictures(stream.folder)) == 1
    with pytest.raises(FileNotFoundError) as raised:
        stream.tick()
    stream.fail(output_error(stream.folder, raised.value))
    reason = f"cannot write {stream.folder}: the folder was removed or moved away"
    assert reports.failures == [reason]


@pytest.mark.parametrize(("overlay", "text_only"), [(False, False), (False, True), (True, True)])
@pytest.mark.parametrize("pictures", [False, True])
@pytest.mark.parametrize("live", [False, True])
def test_a_sink_that_gives_up_keeps_the_rows_of_unacknowledged_frames(
    sink, plan, live, pictures, overlay, text_only
):
    written = dataclasses.replace(plan.config.sink, overlay=overlay, event_pictures=pictures)
    config = dataclasses.replace(plan.config, sink=written)
    feed(sink(live=live, config=config), 6)  # is killed before it has acknowledged any
    last = sink(live=live, config=config, give_up_reason="the disk is full", text_only=text_only)
    last.give_up("the disk is full")
    assert read_report(last.folder)["frames"]["out"] == 6


@pytest.mark.parametrize("text_only", [False, True])
def test_toolkit_files_are_not_written_when_only_texts_fit(sink, plan, text_only):
    written = dataclasses.replace(plan.config.sink, overlay=False, toolkit_files=True)
    config = dataclasses.replace(plan.config, sink=written)
    feed(sink(live=False, config=config), 6)
    last = sink(live=False, config=config, give_up_reason="full", text_only=text_only)
    last.give_up("full")
    toolkit = {path.name for path in last.folder.iterdir()} - {*TEXTS, "run.json"}
    assert bool([name for name in toolkit if name.endswith(".txt")]) is not text_only
