"""Streams in the sink whose files cannot be written."""

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import threading

import pytest
import zmq
from msgspec.structs import replace

from pipeline.signals import STAGE_END
from pipeline.transport.logbook import Logbook, SharedNumber
from stages.errors import OutputError
from stages.sink.folder_contents import CHECKPOINT, JOURNAL, RUN
from tests.pipeline.workers.conftest import Said, acknowledge, end, feed, opened
from tests.stages.sink.stream import TEXTS
from tests.videos import frames_in


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


def test_a_checkpoint_for_which_too_many_files_are_open_is_saved_later(
    plan, no_descriptors, checkpoints_always_due
):
    logbook = Logbook(plan.logbook(0))
    logbook[SharedNumber.LOSSLESS] = 0

    def acknowledged():
        return logbook[SharedNumber.ACKNOWLEDGED]

    with zmq.Context() as context, context.socket(zmq.PULL) as decoder:
        decoder.bind(plan.endpoint("ack-0"))
        stream = opened(plan, context, Said(), 0, logbook)
        checkpoint, journal = stream.folder / CHECKPOINT, stream.folder / JOURNAL
        feed(stream, 3)
        acknowledge(stream, lambda: acknowledged() == 4)
        assert decoder.recv()  # it is connected, for which it needs no further descriptor
        checkpoint.unlink()
        with no_descriptors:
            feed(stream, 6, begin=3)
            acknowledge(stream, lambda: acknowledged() == 7)
        assert not checkpoint.exists()
        assert journal.stat().st_size
        feed(stream, 7, begin=6)
        acknowledge(stream, lambda: acknowledged() == 8)
        assert checkpoint.exists()
        assert not journal.stat().st_size
        stream.close()


@pytest.mark.usefixtures("checkpoints_always_due")
def test_pictures_that_were_given_up_without_a_checkpoint_are_left_out_by_a_successor(
    plan, no_descriptors, disk, tmp_path
):
    logbook, said = Logbook(plan.logbook(0)), Said()
    logbook[SharedNumber.LOSSLESS] = 0

    def acknowledged():
        return logbook[SharedNumber.ACKNOWLEDGED]

    with zmq.Context() as context, context.socket(zmq.PULL) as decoder:
        decoder.bind(plan.endpoint("ack-0"))
        stream = opened(plan, context, said, 0, logbook)
        feed(stream, 2)
        acknowledge(stream, lambda: acknowledged() == 3)
        assert decoder.recv()  # it is connected, for which it needs no further descriptor
        disk.hang()
        feed(stream, 5, begin=2)
        disk.wait_for_write()
        with no_descriptors:
            for _ in range(6):
                stream.look()
        assert acknowledged() == 6
        other = tmp_path / "left by the sink"
        shutil.copytree(plan.output, other)
        disk.work()
        stream.close()
        successor = opened(replace(plan, output=str(other)), context, said, 0, logbook)
        feed(successor, 7, begin=5)
        end(successor, 7)
        acknowledge(successor, lambda: ("done", "north") in said)
        frames = json.loads((successor.folder / "run.json").read_text())["frames"]
        assert (frames["out"], frames["left_out_of_overlay"]) == (7, 3)
        assert frames_in(successor.folder / "overlay.mp4") == 4
        successor.close()


def test_a_stream_that_fails_tells_its_last_frame_and_keeps_its_rows_and_no_pictures(plan):
    said, logbook = Said(), Logbook(plan.logbook(0))
    with zmq.Context() as context:
        stream = opened(plan, context, said, 0, logbook)
        feed(stream, 3)
        acknowledge(stream, lambda: logbook[SharedNumber.ACKNOWLEDGED] == 4)
        stream.fail(OutputError("cannot write it"))
        assert ("failed", "north") in said
        assert said.metrics.frames == 3
        for _ in range(2):
            kept = {path.name for path in stream.folder.iterdir()}
            assert kept == {JOURNAL, RUN, *(f".{name}.part" for name in (*TEXTS, "overlay.mp4.1"))}
            assert not (stream.folder / ".overlay.mp4.1.part").stat().st_size
            stream.close()


def test_a_stream_that_is_told_to_end_while_it_fails_waits_for_its_thread(plan, disk):
    """A thread in C++, as one that draws, aborts the process if Python ends before it does."""
    with zmq.Context() as context:
        stream = opened(plan, context, Said(), 0, Logbook(plan.logbook(0)))
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
        kept = {path.name for path in stream.folder.iterdir()}
        assert kept == {JOURNAL, RUN, *(f".{name}.part" for name in (*TEXTS, "overlay.mp4.1"))}
        stream.close()


def test_a_lossless_stream_notices_that_its_folder_is_gone(plan):
    with zmq.Context() as context:
        stream = opened(plan, context, Said(), 0, Logbook(plan.logbook(0)))
        feed(stream, 3)
        stream.look()
        stream.folder.rename(stream.folder.with_name("elsewhere"))
        with pytest.raises(FileNotFoundError, match="north"):
            stream.look()
        stream.close()
