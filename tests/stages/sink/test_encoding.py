from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from stages.atomic import part_path
from stages.errors import OutputError
from stages.sink import encoding
from stages.sink.encoders import X264, Encoder
from stages.sink.encoding import PacketWriter, VideoSettings, encoder_of, errors_of, write_mp4

NV12 = Encoder("libx264", "nv12")
"""Stands in for a device that works."""

REFUSES = Encoder("h264_nvenc")
"""Fails to open without a device."""

SETTINGS = VideoSettings(
    128,
    96,
    Fraction(1, 25),
    Fraction(25),
    color_space=1,
    pixel_aspect=Fraction(4, 3),
    crf=4,
    preset="ultrafast",
)

pytestmark = pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="the encoder may work here")


def write_journal(path: Path, number: int, encoder: Encoder, *, continues: bool = False) -> Path:
    """Writes a journal of five frames."""
    journal = path.with_name(f"{path.name}.{number}")
    settings = replace(SETTINGS, encoder=encoder)
    writer = PacketWriter(journal, path, settings, continues=continues)
    kept = 0
    for index in range(5):
        frame = VideoFrame.from_ndarray(np.full((96, 128, 3), 20 * index, np.uint8))
        frame.pts, frame.time_base = 5 * number + index, SETTINGS.time_base
        kept += writer.encode(frame)
    assert kept + writer.finish() == 5
    writer.close()
    return journal


def muxed(path: Path, journals: list[Path], encoder: Encoder) -> list[np.ndarray]:
    written = write_mp4(path, journals, 5 * len(journals), replace(SETTINGS, encoder=encoder), 1)
    assert written == 5 * len(journals)
    with av.open(str(part_path(path))) as video:
        stream = video.streams.video[0]
        context = stream.codec_context
        assert (context.colorspace, context.color_range) == (1, 1)
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        assert stream.average_rate == 25
        return [frame.to_ndarray(format="yuv420p") for frame in video.decode(stream)]


def test_x264_encodes_a_new_video_that_the_device_refuses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "overlay.mp4"
    with caplog.at_level(logging.INFO):
        ours = write_journal(path, 0, REFUSES)
    assert caplog.messages == [
        f"overlay: {path} is encoded by the CPU: h264_nvenc: Operation not permitted"
    ]
    assert ours.read_bytes() == write_journal(tmp_path / "other.mp4", 0, X264).read_bytes()
    assert encoder_of([ours]) == X264


def test_started_video_keeps_its_encoder(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    empty = tmp_path / "empty"
    empty.touch()
    assert encoder_of([]) is encoder_of([empty]) is None
    assert encoder_of([empty, write_journal(path, 0, NV12), write_journal(path, 1, X264)]) == NV12
    with pytest.raises(OutputError, match=f"{path}: operation not permitted"):
        write_journal(path, 2, REFUSES, continues=True)


def test_no_encoder_is_needed_to_complete_a_video(tmp_path: Path) -> None:
    path, other = tmp_path / "overlay.mp4", tmp_path / "other.mp4"
    journals = [write_journal(path, 0, NV12), write_journal(path, 1, NV12)]
    found = muxed(path, journals, REFUSES)
    assert len(found) == 10
    np.testing.assert_array_equal(found, muxed(other, journals, X264))


def test_missing_and_damaged_files_are_reported(tmp_path: Path) -> None:
    path, damaged = tmp_path / "overlay.mp4", tmp_path / "damaged.mp4"
    with pytest.raises(OutputError, match=f"{path}: somebody has removed its .part files"):
        write_mp4(path, [tmp_path / "gone"], 5, SETTINGS, 1)
    damaged.write_bytes(b"no video")
    with pytest.raises(OutputError, match=f"cannot write {path}: Invalid data"), errors_of(path):
        av.open(str(damaged))


def test_index_space_is_limited_to_what_ffmpeg_can_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "overlay.mp4"
    journals = [write_journal(path, 1, X264)]
    too_many = 10**8  # as in a video from before MAX_FRAMES
    assert 4096 + 36 * encoding.MAX_FRAMES <= 2**31 - 1 < 4096 + 36 * (encoding.MAX_FRAMES + 1)
    monkeypatch.setattr(encoding, "_MAX_INDEX_BYTES", 8192)  # keeps the file small
    assert write_mp4(path, journals, too_many, SETTINGS, 1) == 5
    with av.open(str(part_path(path))) as video:
        assert video.streams.video[0].frames == 5
    assert part_path(path).stat().st_size < 3 * 8192


def test_key_frames_keep_their_interval_at_low_frame_rates(tmp_path: Path) -> None:
    found = []
    settings = replace(SETTINGS, keyframe_seconds=2.0)
    path = tmp_path / "overlay.mp4"
    writer = PacketWriter(tmp_path / "packets", path, settings, on_picture=found.append)
    for seconds in (0, 0.5, 1, 1.5, 2, 2.5, 5, 6, 6.6, 7.6):
        frame = VideoFrame(128, 96, "yuv420p")
        frame.pts, frame.time_base = round(25 * seconds), SETTINGS.time_base
        writer.encode(frame)
    writer.close()
    assert [picture.pts / 25 for picture in found if picture.is_key] == [0, 2, 5, 7.6]


@pytest.mark.parametrize(("rate", "ticks"), [(25, 1), (100, 1), (10, 2), (0, 1)])
def test_frame_lasts_at_least_a_tick_and_without_a_rate_a_25th_of_a_second(
    rate: int, ticks: int
) -> None:
    assert replace(SETTINGS, frame_rate=Fraction(rate)).frame_duration == ticks
