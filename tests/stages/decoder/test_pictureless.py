"""Live streams whose data gives no picture, from the start or from some point on."""

import itertools
from dataclasses import replace

import av
import pytest

from stages.records import Frame
from tests.stages.decoder.streams import OPTIONS, read, write_stream

PATIENT = replace(OPTIONS, timeout=10.0)  # limits: 10 s of silence, 30 s without a picture


@pytest.fixture
def streams(tmp_path):
    """A video of 200 frames, and the same without its key frames."""
    write_stream(tmp_path / "camera.ts", 200)
    whole = av.open(str(tmp_path / "camera.ts"))
    with whole, av.open(str(tmp_path / "blank.ts"), "w", format="mpegts") as output:
        stream = output.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None and not packet.is_keyframe:
                packet.stream = stream
                output.mux(packet)
    return (tmp_path / "camera.ts").read_bytes(), (tmp_path / "blank.ts").read_bytes()


def clock():
    """Returns a monotonic clock that advances by a second with each reading."""
    return itertools.count(1.0).__next__


def without_pace_notices(notices):
    """Returns the notices except those on the pace of the camera's times by that clock."""
    return [line for line in notices if "measured by them" not in line]


def test_data_without_a_picture_is_reported_once(streams, serve_tcp, slots):
    whole, blank = streams
    url, notices = serve_tcp(blank + whole), []
    options = replace(PATIENT, reconnect=False)
    records = read(url, slots, 5, options, notify=notices.append, monotonic=clock())
    assert sum(isinstance(r, Frame) for r in records) == 5
    assert [line for line in notices if "no picture" in line] == [
        f"{url} sends data but no picture; waiting for a key frame"
    ]


def test_a_change_of_codec_leads_to_a_new_connection(tmp_path, streams, serve_tcp, slots):
    write_stream(tmp_path / "other.ts", 200, codec="libx265")
    other, notices = (tmp_path / "other.ts").read_bytes(), []
    url = serve_tcp(streams[0] + other, other)
    records = read(url, slots, 210, PATIENT, notify=notices.append, monotonic=clock())
    frames = [r.header for r in records if isinstance(r, Frame)]
    assert {header.epoch for header in frames} == {0, 1}
    assert [header.sequence for header in frames] == list(range(210))
    assert (
        "delivered data, but no picture in time; connecting again"
        in without_pace_notices(notices)[0]
    )


def test_the_wait_for_a_key_frame_after_a_reconnect_is_limited(streams, serve_tcp, slots):
    whole, blank = streams
    url, notices = serve_tcp(whole, blank, whole), []
    records = read(url, slots, 210, PATIENT, notify=notices.append, monotonic=clock())
    assert {r.header.epoch for r in records if isinstance(r, Frame)} == {0, 1}
    assert without_pace_notices(notices) == [
        f"{url}: the connection ended; connecting again",
        f"{url} sends data but no picture; waiting for a key frame",
        f"{url}: the connection delivered data, but no picture in time; connecting again",
        f"{url} is back after 2 attempts",
    ]


def test_a_missing_picture_is_reported_again_after_a_recovery(streams, serve_tcp, slots):
    whole, blank = streams
    url, notices = serve_tcp(whole, blank, whole, blank, whole), []
    read(url, slots, 410, PATIENT, notify=notices.append, monotonic=clock())
    waiting = f"{url} sends data but no picture; waiting for a key frame"
    assert notices.count(waiting) == 2
