"""RTSP cameras and videos that are silent, stuck, cut off or otherwise odd."""

import itertools
import threading
import time
from dataclasses import replace

import pytest

from stages.decoder.live import LiveSource
from stages.decoder.recorder import Recorder
from stages.records import EndOfStream, EndReason, Frame
from tests.stages.decoder import rtsp
from tests.stages.decoder.recording import replay
from tests.stages.decoder.streams import OPTIONS, read

PATIENT = replace(OPTIONS, timeout=100.0)
SOUND = "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:sound\r\n"
SECOND = "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=control:second\r\n"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """200 frames, every tenth a key frame."""
    return rtsp.h264(tmp_path_factory.mktemp("rtsp") / "video.h264", 200)


@pytest.fixture
def over():
    """Set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


class Waits:
    """Records how long each wait for the network took."""

    def __init__(self):
        self.seconds = []

    def __enter__(self):
        self._began = time.monotonic()

    def __exit__(self, *_):
        self.seconds.append(time.monotonic() - self._began)


def headers(records):
    return [record.header for record in records if isinstance(record, Frame)]


@pytest.mark.parametrize("track", [SOUND, SECOND])
def test_frames_are_shown_without_waiting_for_a_second_track(video, slots, over, track):
    shown, was_late = threading.Event(), []

    def play(camera):
        camera.send_all(video[:40])
        if shown.wait(20):
            over.wait(100)
        else:
            was_late.append(True)

    with rtsp.serve(play, parameters=video[0], tracks=track) as url:
        records = read(url, slots, 5, PATIENT, connected=shown.set)
    assert not was_late
    assert [header.pts for header in headers(records)] == [3600 * index for index in range(5)]
    assert (records[0].frame_rate, records[0].width) == (25, 64)


def test_a_stream_that_starts_between_key_frames_is_recorded(video, slots, over, tmp_path):
    def play(camera):
        camera.send_all(video[1:10] * 3 + video[20:])
        over.wait(100)

    recorder = Recorder(tmp_path, "cam", 60, 10**9)
    with rtsp.serve(play) as url:
        source = LiveSource(url, name="cam", options=PATIENT, recorder=recorder)
        records = source.records(slots)
        shown = headers(itertools.islice(records, 11))
        records.close()
    assert [header.pts for header in shown] == [3600 * index for index in range(10)]
    assert len(headers(replay(tmp_path, slots))) >= 10


def test_a_camera_that_plays_from_a_late_position_begins_at_zero(video, slots, over):
    def play(camera):
        for index, frame in enumerate(video[:20]):
            camera.send(frame, index / 4)
        over.wait(100)

    with rtsp.serve(play, parameters=video[0], rate=4, position="1000-") as url:
        records = read(url, slots, 5, PATIENT)
    assert [header.pts for header in headers(records)] == [22500 * index for index in range(5)]


@pytest.mark.parametrize("is_stuck", [False, True])
def test_a_camera_that_falls_silent_or_is_stuck_is_waited_for_once(video, slots, over, is_stuck):
    def play(camera):
        camera.send_all(video[:30])
        if is_stuck:  # a packet that never ends
            camera.viewer.sendall(b"$\0\xff\xff")
            while not over.wait(0.2):
                camera.viewer.sendall(b"\0")
        over.wait(100)

    options, waited = replace(OPTIONS, timeout=1.0, reconnect=False), Waits()
    with rtsp.serve(play, parameters=video[0]) as url:
        records = read(url, slots, 31, options, waited=waited)
    times = [header.captured_ns for header in headers(records)]
    message = "delivered no frame in time" if is_stuck else "broke off: nothing arrived for 1 s"
    assert records[-1].message == f"the connection {message}"
    assert len(times) == 30
    assert times[-1] - times[-2] == 40_000_000
    assert [seconds > 0.5 for seconds in waited.seconds[-3:]] == [False, True, False]


def test_frames_as_far_apart_as_the_timeout_are_not_an_outage(video, slots, over):
    def play(camera):
        camera.send_all(video[:20])
        camera.send(video[20], 3.0)
        over.wait(1.2)
        for index in (21, 22):
            camera.send(video[index], index)
        over.wait(100)

    lost = []
    with rtsp.serve(play, parameters=video[0]) as url:
        records = read(url, slots, 22, replace(OPTIONS, timeout=1.0), lost.append)
    assert [header.sequence for header in headers(records)] == list(range(22))
    assert lost == []


@pytest.mark.parametrize("tracks", ["", SOUND])
def test_a_video_closed_before_its_stated_length_is_truncated(video, slots, tracks):
    def play(camera):
        camera.send_all(video[:25])

    with rtsp.serve(play, parameters=video[0], tracks=tracks, length="0-2") as url:
        end = read(url, slots, 26)[-1]
    broken = f"{url} breaks off after 1.0 of 2.0 s"
    assert end == EndOfStream("cam", 0, 25, EndReason.TRUNCATED, broken)


def test_a_video_whose_server_does_not_signal_the_end_is_read_once(video, slots, over):
    def play(camera):
        camera.send_all(video[:50])
        over.wait(100)

    with rtsp.serve(play, parameters=video[0], length="0-2") as url:
        end = read(url, slots, 51, replace(OPTIONS, timeout=0.5))[-1]
    assert end == EndOfStream("cam", 0, 50, EndReason.COMPLETE)


def test_a_frame_after_a_pause_with_a_stopped_clock_is_dated_on_arrival(video, slots, over):
    def play(camera):
        camera.send_all(video[:20])
        over.wait(1.0)
        camera.send_all(video[20:40], begins=20)
        over.wait(100)

    with rtsp.serve(play, parameters=video[0]) as url:
        shown = headers(read(url, slots, 22))
    times = [header.captured_ns for header in shown]
    assert times[19] - times[18] == 40_000_000
    assert times[20] - times[19] > 0.5e9
