"""RTSP cameras and videos that are silent, stuck, cut off or otherwise odd."""

import itertools
import threading
from dataclasses import replace

import pytest

from stages.decoder.live import LiveSource
from stages.decoder.recorder import Recorder
from stages.records import Frame
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


def headers(records):
    return [record.header for record in records if isinstance(record, Frame)]


@pytest.mark.parametrize("track", [SOUND, SECOND])
def test_a_camera_is_shown_before_a_second_track_could_come(video, slots, over, track):
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


def test_what_begins_between_key_frames_without_parameter_sets_is_recorded(
    video, slots, over, tmp_path
):
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


def test_a_camera_that_counts_its_time_from_long_ago_begins_at_zero(video, slots, over):
    def play(camera):
        for index, frame in enumerate(video[:20]):
            camera.send(frame, index / 4)
        over.wait(100)

    with rtsp.serve(play, parameters=video[0], rate=4, position="1000-") as url:
        records = read(url, slots, 5, PATIENT)
    assert [header.pts for header in headers(records)] == [22500 * index for index in range(5)]
