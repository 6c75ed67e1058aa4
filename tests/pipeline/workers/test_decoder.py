import math
import os
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq
from msgspec import structs

from pipeline.config import DecoderConfig, RunConfig
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.transport.feedback import Acknowledged, encode_feedback
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import MAX_SIDE
from pipeline.transport.ring import create_memory_file
from pipeline.workers import decoder as decoder_worker
from pipeline.workers.decoder import _connect_seconds, run_decoder
from pipeline.workers.frame_sender import FrameSender
from stages.errors import SourceError
from stages.records import Dropped, DropReason, Frame, StreamStart
from tests.stages.decoder.conftest import write_video


@pytest.fixture
def plan(tmp_path):
    """The plan of a decoder of a video with a damaged section."""
    video = tmp_path / "crossing.mp4"
    write_video(video, frames=60, noise=True)
    content = bytearray(video.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    video.write_bytes(content)
    for kind in ("ring", "logbook"):
        (tmp_path / f"{kind}-0").symlink_to(create_memory_file(kind)[1])
    Logbook.create(str(tmp_path / "logbook-0"), stream="cam", entries=16, lossless=True)
    stream = StreamPlan("cam", str(video), "", "", 0)
    folder = str(tmp_path)
    return WorkerPlan(
        stage="decoder", config=RunConfig(), streams=[stream], output=folder, sockets=folder
    )


class SilentReporter:
    """Discards all reports."""

    def __call__(self, status):
        pass

    def alive(self):
        pass


class StoppedByDrop:
    """A sender that requests a stop as soon as frames are dropped."""

    ended = is_skipping = False

    def __init__(self, stop):
        self.stop = stop
        self.records = []

    def start(self):
        pass

    def allocate(self, shape):
        return np.empty(shape, np.uint8)

    def send(self, header, elapsed_ns, motion=None):
        self.records.append(Frame(header, None))

    def announce(self, record):
        self.records.append(record)
        if isinstance(record, Dropped):
            self.stop.set()

    def end(self, reason, message):
        self.records.append((reason, message))

    def close(self):
        pass


def test_earlier_results_are_removed_only_once_a_first_frame_arrives(
    plan, monkeypatch, tmp_path, signals
):
    monkeypatch.setattr(
        decoder_worker, "FrameSender", lambda *arguments: StoppedByDrop(arguments[-1])
    )
    earlier = [tmp_path / "cam" / name for name in ("mot.txt", "run.json", ".mot.txt.part")]
    earlier[0].parent.mkdir()
    for path in earlier:
        path.write_text("earlier")
    missing = structs.replace(plan.streams[0], location=str(tmp_path / "none.mp4"))
    with zmq.Context() as context:
        with pytest.raises(SourceError):
            run_decoder(structs.replace(plan, streams=[missing]), context, SilentReporter())
        assert all(path.exists() for path in earlier)
        run_decoder(plan, context, SilentReporter())
    assert list(earlier[0].parent.iterdir()) == []


def test_a_picture_that_cannot_be_used_is_refused_before_the_sender_starts(plan, signals):
    picture = Path(plan.output) / "flat.png"
    assert cv2.imwrite(str(picture), np.full((90, 160, 3), 90, np.uint8))
    config = RunConfig(decoder=DecoderConfig(reference={"cam": picture}))
    with zmq.Context() as context:
        with pytest.raises(SourceError, match=r"flat\.png shows too little"):
            run_decoder(structs.replace(plan, config=config), context, SilentReporter())
        assert "sender" not in {thread.name for thread in threading.enumerate()}
        context.destroy(linger=0)


@pytest.mark.parametrize(("width", "height"), [(MAX_SIDE + 1, 2), (2, MAX_SIDE + 1)])
def test_frames_too_large_for_a_message_fail_the_stream_at_once(
    plan, monkeypatch, signals, width, height
):
    monkeypatch.setattr(
        decoder_worker, "FrameSender", lambda *arguments: StoppedByDrop(arguments[-1])
    )
    image = Path(plan.output) / "wide.png"
    assert cv2.imwrite(str(image), np.zeros((height, width, 3), np.uint8))
    wide = structs.replace(plan.streams[0], location=str(image))
    message = f"frames of {width}x{height} are too large; a side may have 65535 pixels"
    with zmq.Context() as context, pytest.raises(SourceError, match=message):
        run_decoder(structs.replace(plan, streams=[wide]), context, SilentReporter())


def test_a_decoder_reports_alive_while_a_pipe_is_silent(plan, monkeypatch, signals):
    video = Path(plan.output) / "crossing.mkv"
    write_video(video)
    pipe = video.with_name("pipe.mkv")
    os.mkfifo(pipe)
    alive, reported = SilentReporter(), threading.Event()
    monkeypatch.setattr(alive, "alive", reported.set)
    waited = []

    def write():
        with pipe.open("wb") as writer:
            for piece in (video.read_bytes()[:1000], video.read_bytes()[1000:]):
                reported.clear()
                waited.append(reported.wait(30))
                writer.write(piece)
                writer.flush()

    threading.Thread(target=write, daemon=True).start()
    senders = []

    def sender(*arguments):
        senders.append(StoppedByDrop(arguments[-1]))
        return senders[0]

    monkeypatch.setattr(decoder_worker, "FrameSender", sender)
    piped = structs.replace(plan.streams[0], location=str(pipe))
    with zmq.Context() as context:
        run_decoder(structs.replace(plan, streams=[piped]), context, alive)
    assert waited == [True, True]
    assert [type(record) for record in senders[0].records].count(Frame) == 12


@pytest.mark.parametrize("when", ["before it begins", "while it opens its source"])
def test_a_decoder_ends_when_its_stream_ends_during_startup(
    plan, monkeypatch, tmp_path, signals, when
):
    open_source = decoder_worker.open_source

    def remove():
        for kind in ("ring", "logbook"):
            (tmp_path / f"{kind}-0").unlink()

    def open_late(*arguments, **options):
        remove()
        return open_source(*arguments, **options)

    if when == "before it begins":
        remove()
    else:
        monkeypatch.setattr(decoder_worker, "open_source", open_late)
    with zmq.Context() as context:
        run_decoder(plan, context, SilentReporter())


def test_a_successor_continues_numbering_after_dropped_frames(plan):
    with zmq.Context() as context:
        stop = threading.Event()
        sender = FrameSender(plan, context, SilentReporter(), True, stop)
        sender.start()
        sender.announce(Dropped("cam", 0, 2, 4, DropReason.BROKEN))
        with context.socket(zmq.PUSH) as sink:
            sink.connect(plan.endpoint("ack-0"))
            sink.send(encode_feedback(Acknowledged(1)))
            sender.close()
    assert Logbook(plan.logbook(0))[SharedNumber.SEQUENCE] == 5


def test_a_record_that_cannot_be_sent_ends_the_decoder(plan):
    start = StreamStart("cam", 0, "x" * 9000, 4, 4, Fraction(25), Fraction(1, 25))
    with zmq.Context() as context:
        sender = FrameSender(plan, context, SilentReporter(), False, threading.Event())
        sender.start()
        for call in (lambda: sender.announce(start), sender.close):
            with pytest.raises(SourceError, match=r"a record of 9\d{3} bytes is too long"):
                call()


@pytest.mark.parametrize(
    ("given", "only_one", "seconds"),
    [(None, True, 10), (None, False, math.inf), (3, True, 3), (3, False, 3)],
)
def test_only_a_single_camera_has_a_default_connection_limit(given, only_one, seconds):
    assert _connect_seconds(DecoderConfig(connect_seconds=given), only_one=only_one) == seconds
