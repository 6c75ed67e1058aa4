from dataclasses import replace
from fractions import Fraction
from typing import get_args

import msgspec
import numpy as np
import pytest

from pipeline.transport.envelope import MAX_POSITION, Envelope, Heartbeat
from pipeline.transport.messages import (
    MAX_SIDE,
    PROTOCOL_VERSION,
    MessageError,
    VersionError,
    decode,
    encode,
)
from stages.measurements import (
    Counts,
    Crossing,
    Crossings,
    GroundPlace,
    GroundPlaces,
    ZoneCounts,
    ZoneEvent,
    ZoneEventKind,
    ZoneEvents,
)
from stages.records import (
    Detections,
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    Frame,
    FrameHeader,
    PixelFormat,
    StreamStart,
    Tracks,
)

HEADER = FrameHeader("cam", 1, 7, 9, 360, Fraction(1, 1000), 5, 4, 6, PixelFormat.YUV420P)


def tracks():
    rng = np.random.default_rng(0)
    detections = Detections(
        HEADER,
        rng.random((3, 4), np.float32),
        rng.random(3, np.float32),
        np.zeros(3, np.int16),
        np.eye(2, 3, dtype=np.float32),
    )
    return Tracks(
        detections,
        rng.random((2, 4), np.float32),
        rng.random(2, np.float32),
        np.ones(2, np.int16),
        np.array([4, 2**40]),
    )


@pytest.mark.parametrize(
    "record",
    [
        StreamStart("cam", 0, "a.mp4", 4, 6, Fraction(30000, 1001), Fraction(1, 90000), 3),
        Dropped("cam", 0, 3, 5, DropReason.BEHIND),
        EndOfStream("cam", 0, 9, EndReason.TRUNCATED, "breaks off"),
        Crossings("cam", (Crossing(7, "0.240", 3, 0, "gate", "left"),), {"gate": Counts(1, 0)}),
        ZoneEvents(
            *("cam", 9, "0.320"),
            tuple(
                ZoneEvent(7, "0.240", 3, 0, "stop", kind, 0.2) for kind in get_args(ZoneEventKind)
            ),
            {"stop": ZoneCounts(entered=1, inside=0)},
        ),
        GroundPlaces(
            "cam", 7, "0.240", (GroundPlace(3, 1.5, -2.5, None), GroundPlace(9, 0.25, 8.0, 48.5))
        ),
        Heartbeat(),
    ],
)
def test_control_records_round_trip(record):
    sent = Envelope(record, channel=MAX_POSITION, position=MAX_POSITION - 1, run="run-1")
    envelope = decode(encode(sent))
    assert envelope.record == record
    assert (envelope.channel, envelope.position) == (2**62, 2**62 - 1)
    assert (envelope.run, envelope.stream) == ("run-1", record.stream)


def test_the_bytes_of_a_header_follow_the_protocol():
    dropped = Dropped("cam", 0, 3, 5, DropReason.BEHIND)
    _, header = encode(Envelope(dropped, channel=4, position=9, run="a"))
    sender = {"version": PROTOCOL_VERSION, "channel": 4, "position": 9, "run": "a"}
    fields = {"kind": "dropped", **sender, "record": msgspec.to_builtins(dropped)}
    assert header == msgspec.msgpack.encode(fields)


def test_an_unknown_drop_reason_is_refused():
    stream, header = encode(Envelope(Dropped("cam", 0, 3, 5, DropReason.BEHIND)))
    assert b"stages behind" in header
    assert decode([stream, header]).record.reason is DropReason.BEHIND
    with pytest.raises(MessageError, match="Invalid enum value 'stages absent'"):
        decode([stream, header.replace(b"stages behind", b"stages absent")])


def test_tracks_round_trip_with_slot_and_times():
    sent = tracks()
    envelope = decode(encode(Envelope(sent, 0, {"decoder": 12}, channel=4, position=9, run="a")))
    assert (envelope.slot, envelope.work_ns, envelope.pixels) == (0, {"decoder": 12}, None)
    assert (envelope.channel, envelope.position, envelope.run) == (4, 9, "a")
    received = envelope.record
    assert received.frame == HEADER
    for name in ("boxes", "scores", "classes", "ids"):
        np.testing.assert_array_equal(getattr(received, name), getattr(sent, name))
    np.testing.assert_array_equal(received.detections.boxes, sent.detections.boxes)
    np.testing.assert_array_equal(received.detections.motion, sent.detections.motion)


def test_inline_pixels_round_trip():
    pixels = np.arange(36, dtype=np.uint8).reshape(6, 6).T  # not contiguous
    envelope = decode(encode(Envelope(Frame(HEADER, None), None, {}, pixels)))
    np.testing.assert_array_equal(envelope.pixels, pixels)


def test_arrays_share_one_part_and_are_aligned():
    parts = encode(Envelope(tracks()))
    assert len(parts) == 3
    record = decode(parts).record
    detections = record.detections
    arrays = [record.ids, record.boxes, record.scores, record.classes]
    arrays += [detections.motion, detections.boxes, detections.scores, detections.classes]
    assert all(array.flags.aligned and array.dtype.isnative for array in arrays)


@pytest.mark.parametrize(
    ("field", "array", "problem"),
    [
        ("boxes", np.ones((2, 4)), r"float64 \(2, 4\) instead of float32 \(2, 4\)"),
        ("ids", np.ones(2), r"float64 \(2,\) instead of int64 \(2,\)"),
        ("scores", np.ones(3, np.float32), r"float32 \(3,\) instead of float32 \(2,\)"),
    ],
)
def test_arrays_that_the_receiver_would_not_take_are_refused(field, array, problem):
    wrong = replace(tracks(), **{field: array})
    with pytest.raises(ValueError, match=f"^stream cam, frame 10: tracks with .* {problem}$"):
        encode(Envelope(wrong))


def test_empty_detections_have_no_payload():
    empty = Detections(HEADER, np.empty((0, 4), np.float32), np.empty(0, np.float32),
                       np.empty(0, np.int16))  # fmt: skip
    parts = encode(Envelope(empty))
    assert len(parts) == 2
    assert decode(parts).record.boxes.shape == (0, 4)


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_part_of_the_wrong_length_is_refused(part):
    pixels = np.zeros((6, 6), np.uint8)
    parts = [bytes(p) for p in encode(Envelope(tracks(), None, {}, pixels))]
    for changed in (parts[part][:-1], parts[part] + b"x"):
        with pytest.raises(MessageError):
            decode([*parts[:part], changed, *parts[part + 1 :]])


@pytest.mark.parametrize("parts", [[], [b"cam"], [b"cam", b""], [b"cam", b"\x80"], [b"", b"\xc1"]])
def test_noise_is_refused(parts):
    with pytest.raises(MessageError):
        decode(parts)


NESTED = b"\x91" * 100_000  # lists in lists


@pytest.mark.parametrize(
    "time_base", [b"\x92\x01\x00", b"\x91\x01", b"\x01", b"\x92\xc0\xc0", NESTED]
)
def test_a_header_with_an_invalid_time_base_is_refused(time_base):
    stream, header, *rest = encode(Envelope(tracks()))
    sent = b"time_base" + msgspec.msgpack.encode((1, 1000))
    assert header.count(sent) == 1
    with pytest.raises(MessageError):
        decode([stream, header.replace(sent, b"time_base" + time_base), *rest])


def test_channels_and_positions_out_of_range_are_refused():
    for field in ("channel", "position"):
        for number in (MAX_POSITION + 1, -1):
            with pytest.raises(MessageError, match=field):
                decode(encode(Envelope(tracks(), **{field: number})))


def test_a_missing_part_is_refused():
    with pytest.raises(MessageError, match="a payload part is missing"):
        decode(encode(Envelope(tracks()))[:2])


def test_surplus_parts_are_refused():
    with pytest.raises(MessageError, match="too many"):
        decode([*encode(Envelope(tracks())), b"x"])


@pytest.mark.parametrize("unknown", [{}, {"kind": "new"}])
def test_another_version_is_refused(unknown):
    stream, header, *rest = encode(Envelope(tracks()))
    changed = {"version": PROTOCOL_VERSION + 1} | unknown
    header = msgspec.msgpack.encode(msgspec.msgpack.decode(header) | changed)
    with pytest.raises(VersionError, match=f"version {PROTOCOL_VERSION + 1}, expected"):
        decode([stream, header, *rest])


def test_a_frame_may_have_the_largest_size_of_a_message():
    header = replace(HEADER, width=65_535, height=65_535)
    assert decode(encode(Envelope(Frame(header, None), 3))).record.header == header


@pytest.mark.parametrize(
    "size", [{"width": 0}, {"width": MAX_SIDE + 1}, {"height": 0}, {"height": -4}]
)
def test_a_frame_of_an_impossible_size_is_refused(size):
    with pytest.raises(MessageError, match="a frame of"):
        decode(encode(Envelope(Frame(replace(HEADER, **size), None), 3)))


@pytest.mark.parametrize("view", [(), (1.0, 0.0, 0.5) * 3])
def test_the_view_of_a_frame_is_passed_on(view):
    header = replace(HEADER, view=view)
    assert decode(encode(Envelope(Frame(header, None), 3))).record.header == header


def test_a_view_that_is_no_homography_is_refused():
    with pytest.raises(MessageError, match="a view of 8 numbers"):
        decode(encode(Envelope(Frame(replace(HEADER, view=(1.0,) * 8), None), 3)))
