"""RTP over UDP, as drones send it, described by an SDP file."""

import contextlib
import itertools
import socket
import threading

import av
import pytest

from stages.decoder.container_facts import is_finished
from stages.decoder.containers import open_media, video_stream
from stages.decoder.live_options import LiveOptions
from stages.decoder.locations import expand_sources
from stages.decoder.recording_source import RecordingSource
from stages.decoder.sources import open_source
from stages.errors import SourceError
from stages.records import Frame, StreamStart
from tests.stages.decoder.recording import record
from tests.stages.decoder.streams import read
from tools.harness.ports import free_port


@contextlib.contextmanager
def sending(port):
    """Sends H.264 at 25 frames/s, in real time, until the context ends."""
    over = threading.Event()

    def send():
        with av.open(f"rtp://127.0.0.1:{port}", "w", format="rtp") as output:
            encoder = {"preset": "ultrafast", "tune": "zerolatency"}
            stream = output.add_stream("libx264", rate=25, options=encoder)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.codec_context.gop_size = 5
            for number in itertools.count():
                frame = av.VideoFrame(96, 64, "yuv420p")
                frame.pts = number
                output.mux(stream.encode(frame))
                if over.wait(0.04):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def session(tmp_path):
    """An SDP file without parameter sets, which come with every key frame, and its port."""
    port = free_port(socket.SOCK_DGRAM)
    path = tmp_path / "drone.sdp"
    medium = f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    path.write_text(f"v=0\nc=IN IP4 127.0.0.1\n{medium}")
    return path, port


def test_frames_keep_the_times_they_are_sent_with(session, slots):
    path, port = session
    with sending(port):
        start, *frames = read(str(path), slots, 20)
    assert (start.source, start.live, start.width, start.height) == (str(path), True, 96, 64)
    times = [frame.header.seconds for frame in frames if isinstance(frame, Frame)]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps == pytest.approx([0.04] * 19, abs=0.001)


def test_the_size_of_an_sdp_file_does_not_mark_a_finished_video(session):
    path, port = session
    options = LiveOptions(timeout=100).for_ffmpeg(str(path))
    with (
        sending(port),
        open_media(str(path), options=options, container_format="sdp", timeout=300) as container,
    ):
        assert container.size > 0
        assert not is_finished(container, video_stream(container, str(path)))


def test_an_sdp_file_has_the_timeouts_of_rtp_and_the_probing_of_rtsp():
    options = LiveOptions(timeout=2)
    described = options.for_ffmpeg("drone.sdp")
    assert described.items() >= options.for_ffmpeg("rtp://127.0.0.1:5600").items()
    assert described["analyzeduration"] == options.for_ffmpeg("rtsp://cam")["analyzeduration"]
    assert (described["listen_timeout"], described["rw_timeout"]) == ("2.000000", "2000000")
    assert described["protocol_whitelist"] == "file,rtp,udp"


def test_a_sender_that_falls_silent_and_returns_is_reported(session, slots):
    path, port = session
    notices, again, over = [], threading.Event(), threading.Event()

    def notify(line):
        notices.append(line)
        again.set()

    def send():
        with sending(port):
            over.wait(1.5)  # too short for all frames that are read
        again.wait(100)
        with sending(port):
            over.wait(100)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        records = read(str(path), slots, 60, notify=notify)
    finally:
        again.set()
        over.set()
        thread.join()
    assert [record.epoch for record in records if isinstance(record, StreamStart)] == [0, 1]
    assert (
        notices[0] == f"{path}: the connection broke off: nothing arrived for 2 s; connecting again"
    )


def test_a_missing_sender_is_reported(session, slots):
    path, _ = session
    options = LiveOptions(timeout=1, connect_seconds=0)
    with pytest.raises(SourceError, match="nothing arrived for 1 s; gave up after 0 s"):
        read(str(path), slots, 1, options=options)


def test_rtp_without_an_sdp_file_asks_for_one(session, slots):
    _, port = session
    options = LiveOptions(timeout=5, connect_seconds=0)
    with sending(port), pytest.raises(SourceError, match="not MPEG-TS; describe it in a file NAME"):
        read(f"rtp://127.0.0.1:{port}", slots, 1, options=options)


def test_a_port_in_use_is_reported(session, slots):
    path, port = session
    options = LiveOptions(timeout=1, connect_seconds=0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        with pytest.raises(SourceError, match="its port or the next one is in use, or c= is not"):
            read(path.as_uri(), slots, 1, options=options)


def test_an_sdp_file_without_video_is_refused(tmp_path):
    (tmp_path / "sound.sdp").write_text("v=0\nm=audio 5600 RTP/AVP 0\n")
    with pytest.raises(SourceError, match=r"sound.sdp describes no video: it has no line m=video"):
        expand_sources([str(tmp_path / "sound.sdp")])


def test_a_recording_may_be_named_like_an_sdp_file(camera, tmp_path):
    record(camera, tmp_path / "cam-live.sdp")
    (spec,) = expand_sources([str(tmp_path / "cam-live.sdp")])
    assert isinstance(open_source(spec), RecordingSource)
