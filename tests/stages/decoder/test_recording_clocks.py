"""Recordings of cameras whose clock drifts from the clock of the segment names."""

import itertools
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import av
import pytest

from stages.decoder import recording_source
from stages.decoder.segments import segment_path
from stages.records import EndReason, StreamStart
from tests.stages.decoder.recording import replay, seconds

RATE = 5
MANY = 40
LONG = 2  # seconds of video in each of so many segments


def write_segment(folder, number, epoch, began, first, length, intact=None):
    """Writes a segment of ``length`` seconds of video.

    ``began`` is when it began by its name, and ``first`` the time of its first frame by the
    camera's clock, in seconds. Packets after ``intact`` seconds cannot be decoded.
    """
    folder.mkdir(exist_ok=True)
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    path = segment_path(folder, number, epoch, noon + timedelta(seconds=began))
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", RATE, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(RATE * length):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = RATE * first + index, Fraction(1, RATE)
            for packet in stream.encode(frame):
                container.mux(packet if intact is None or index < RATE * intact else noise(packet))
        container.mux(stream.encode(None))


def noise(packet):
    """Returns a packet that cannot be decoded, with the times of ``packet``."""
    damaged = av.Packet(b"\0\0\0\1\x65" + b"\xff" * 40)
    damaged.pts = damaged.dts = packet.pts
    damaged.time_base, damaged.stream, damaged.is_keyframe = packet.time_base, packet.stream, True
    return damaged


@pytest.mark.parametrize("intact", [None, 0, 2])
def test_packets_that_cannot_be_decoded_take_their_time(tmp_path, slots, intact):
    folder = tmp_path / "cam"
    write_segment(folder, 0, 0, 0, 0, 4)
    write_segment(folder, 1, 1, 4, 0, 12, intact)
    write_segment(folder, 2, 2, 16, 0, 4)
    assert seconds(replay(folder, slots))[-4 * RATE] == 16


@pytest.mark.parametrize("leap", [100, 100_000])
def test_leaps_of_the_camera_clock_in_packets_that_cannot_be_decoded_take_no_time(
    tmp_path, slots, leap
):
    folder = tmp_path / "cam"
    write_segment(folder, 0, 0, 0, 0, 4)
    write_segment(folder, 1, 1, 4, 0, 4, intact=0)
    write_segment(folder, 2, 1, 8, leap, 4, intact=0)
    write_segment(folder, 3, 2, 12, 0, 4)
    assert seconds(replay(folder, slots))[-4 * RATE] == 12


@pytest.mark.parametrize(
    ("real", "epoch", "began", "first", "expected", "gap"),
    [
        (1.8, 1, 77, 0, 85, ""),  # 80 s in 72 s, then an outage of 5 s
        (1.5, 1, 80, 0, 100, "20.0"),  # 80 s in 60 s, then an outage of 20 s
        (2.2, 1, 93, 0, 86, ""),  # 80 s in 88 s, then an outage of 5 s
        (2.2, 0, 90, 82, 82, "2.2"),  # 80 s in 88 s, then the camera pauses for 2 s
    ],
)
def test_the_length_of_a_pause_does_not_include_the_drift_of_the_camera_clock(
    tmp_path, slots, real, epoch, began, first, expected, gap
):
    folder = tmp_path / "cam"
    for number in range(MANY):
        write_segment(folder, number, 0, int(number * real), number * LONG, LONG)
    write_segment(folder, MANY, epoch, began, first, LONG)
    records = replay(folder, slots)
    before = MANY * LONG * RATE
    assert [r.epoch for r in records if isinstance(r, StreamStart)] == list(range(epoch + 1))
    assert seconds(records)[before - 1 : before + 1] == [MANY * LONG - 1 / RATE, expected]
    assert records[-1].reason is EndReason.COMPLETE
    message = f"{folder} has no frames for {gap} s after frame {before}" if gap else ""
    assert records[-1].message == message


def test_a_segment_whose_end_cannot_be_read_is_no_pause(tmp_path, slots, monkeypatch):
    folder = tmp_path / "cam"
    for number in range(3):
        write_segment(folder, number, 0, 10 * number, 10 * number, 10)
    joined = recording_source._joined
    readable = iter([90, None])  # packets: up to the eighth second of the second segment

    def failing(*arguments):
        yield from itertools.islice(joined(*arguments), limit := next(readable))
        if limit is not None:
            raise av.error.OSError(5, "Input/output error")

    monkeypatch.setattr(recording_source, "_joined", failing)
    records = replay(folder, slots)
    assert [r.epoch for r in records if isinstance(r, StreamStart)] == [0]
    assert seconds(records)[89:91] == pytest.approx([17.8, 20])
    message = f"1 segment of {folder} cannot be read; {folder} has no frames for 2.2 s after frame"
    assert records[-1].message == f"{message} 90"
