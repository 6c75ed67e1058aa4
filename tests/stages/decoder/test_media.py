import itertools
import re
from fractions import Fraction
from pathlib import Path

import av
import cv2
import pytest

from stages.decoder.containers import open_media, video_stream
from stages.decoder.frame_reader import FrameReader
from stages.decoder.media import MediaSource
from stages.decoder.source import FrameSelection, ResumePoint, SourceRuntime
from stages.errors import SourceError
from stages.records import (
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    Frame,
    PixelFormat,
    StreamStart,
)
from tests.stages.decoder.conftest import write_video
from tests.stages.decoder.streams import read_media

VIDEOS = Path(__file__).parents[4] / "shared" / "data" / "video"


def test_every_frame_has_its_image_and_time(make_video, slots):
    start, *frames, end = read_media(make_video(), slots)
    assert isinstance(start, StreamStart)
    assert (start.width, start.height, start.frame_count) == (96, 64, 12)
    assert [f.header.sequence for f in frames] == list(range(12))
    assert [f.header.seconds for f in frames] == pytest.approx([i * 0.04 for i in range(12)])
    for index, frame in enumerate(frames):
        bgr = cv2.cvtColor(frame.pixels, cv2.COLOR_YUV2BGR_I420)
        assert abs(bgr.mean() - (20 + 15 * index)) < 4
    assert end == EndOfStream("cam", 0, 12, EndReason.COMPLETE)


def test_a_reader_resumes_where_another_one_stopped(make_video, slots):
    selection, stopped = FrameSelection(every=2), ResumePoint(epochs=2, sequence=30, seen=41)
    reader = FrameReader("cam", "cam", selection, SourceRuntime(), resume_from=stopped)
    with open_media(str(make_video())) as container:
        start, *frames = reader.read(container, video_stream(container, "cam"), slots)
    assert start.epoch == 2
    assert [(f.header.sequence, f.header.index) for f in frames[:2]] == [(30, 42), (31, 44)]


def test_a_paced_video_has_the_same_frames(make_video, slots):
    video = make_video(noise=True)
    runs = [read_media(video, slots, paced=paced) for paced in (False, True)]
    fast, paced = ([r.pixels.tobytes() for r in each if isinstance(r, Frame)] for each in runs)
    assert len(set(fast)) == 12
    assert paced == fast


def test_variable_frame_rate_keeps_its_times(make_video, slots):
    pts = [0, 40, 50, 400, 401, 900]
    _, *frames, _ = read_media(make_video(frames=6, pts=pts), slots)
    times = [f.header.pts * f.header.time_base * 1000 for f in frames]
    assert [round(t - times[0]) for t in times] == pts


@pytest.mark.parametrize(("width", "start"), [(96, 0), (128, 0), (96, 100_000)])
def test_times_continue_across_joined_files(make_video, tmp_path, slots, width, start):
    first = make_video("a.ts", frames=20, pts=range(start, start + 800, 40))
    parts = [first, make_video("b.ts", frames=20, width=width)]
    (tmp_path / "joined.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    records = read_media(tmp_path / "joined.ts", slots)
    times = [r.header.pts * r.header.time_base for r in records if isinstance(r, Frame)]
    assert {after - before for before, after in itertools.pairwise(times)} == {Fraction(1, 25)}
    assert len(times) == 40


@pytest.mark.parametrize("name", ["late.ts", "late.mkv", "late.mp4"])
def test_times_are_counted_from_the_beginning_of_the_video(make_video, slots, name):
    late = make_video(name, frames=60, pts=range(3_600_000, 3_602_400, 40))
    _, *frames, _ = read_media(late, slots, selection=FrameSelection(first=51))
    times = [f.header.pts * f.header.time_base for f in frames]
    assert times == [Fraction(number, 25) for number in range(50, 60)]


def test_odd_sizes_are_delivered_as_bgr(make_video, slots):
    _, *frames, _ = read_media(make_video(width=97, height=63, pix_fmt="yuv444p"), slots)
    assert frames[3].header.pixel_format is PixelFormat.BGR24
    assert frames[3].pixels.shape == (63, 97, 3)
    assert abs(frames[3].pixels.mean() - 65) < 4


def test_selection_keeps_frame_numbers(make_video, slots):
    start, *frames, end = read_media(make_video(), slots, selection=FrameSelection(3, 10, 3))
    assert [f.header.number for f in frames] == [3, 6, 9]
    assert [f.header.sequence for f in frames] == [0, 1, 2]
    assert (start.frame_count, end.frames) == (3, 3)


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_a_truncated_file_keeps_its_frames_and_is_reported(
    make_video, tmp_path, slots, monkeypatch, cores
):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(cores)))
    content = make_video("whole.mp4", frames=40, noise=True).read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content[: len(content) // 2])
    _, *frames, dropped, end = read_media(broken, slots)
    assert [frame.header.index for frame in frames] == list(range(19))  # 19 packets are whole
    assert dropped == Dropped("cam", 0, 19, 19, DropReason.BROKEN)
    assert end.frames == 20
    assert end.reason is EndReason.TRUNCATED
    assert "broken.mp4 breaks off after 20 of 40 frames" in end.message


def test_a_corrupt_stretch_is_dropped_and_the_rest_keeps_its_numbers(make_video, slots):
    path = make_video(frames=60, noise=True)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    _, *records, end = read_media(path, slots)
    frames = [r for r in records if isinstance(r, Frame)]
    dropped = [r for r in records if isinstance(r, Dropped)]
    assert dropped
    assert {r.reason for r in dropped} == {"broken frame"}
    assert len(frames) + len(dropped) == end.frames
    for frame in frames:  # a frame's number still says when it is shown
        assert frame.header.seconds == pytest.approx(0.04 * frame.header.number, abs=0.09)


@pytest.mark.parametrize("paced", [False, True])
@pytest.mark.parametrize("broken", [20_000, 80_000, 180_000])
def test_frames_silently_lost_by_the_decoder_count_as_dropped(make_video, slots, broken, paced):
    path = make_video(frames=120, noise=True)
    content = bytearray(path.read_bytes())
    start = (len(content) - broken) // 2
    content[start : start + broken] = bytes(broken)
    path.write_bytes(content)
    _, *records, end = read_media(path, slots, paced=paced)
    frames = [r for r in records if isinstance(r, Frame)]
    assert 50 < len(frames) < 120
    assert end == EndOfStream("cam", 0, 120, EndReason.COMPLETE)
    for frame in frames:
        assert frame.header.seconds == pytest.approx(0.04 * frame.header.index)


def damage(source, target, packets):
    """Copies a video; some of its packets, by number, keep only the header of their NAL unit."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as damaged:
        stream = damaged.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if not packet.size:
                continue
            content = bytearray(bytes(packet))
            if number in packets:
                content[6:] = b"\xaa" * (len(content) - 6)
            copy = av.Packet(bytes(content))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.duration, copy.is_keyframe, copy.stream = (
                packet.duration,
                packet.is_keyframe,
                stream,
            )
            damaged.mux(copy)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "m3u8"])
@pytest.mark.parametrize("broken", [{4}, {47}, {4, 47}])
def test_damaged_h265_loses_no_frame_silently(tmp_path, slots, suffix, broken):
    """Its decoder then gives nothing until the next key frame: at the start, and to the end."""
    options = {"preset": "ultrafast", "x265-params": "keyint=20:bframes=0:log-level=none"}
    whole, path = tmp_path / "whole.mkv", tmp_path / f"damaged.{suffix}"
    write_video(whole, frames=60, noise=True, codec="libx265", codec_options=options)
    damage(whole, path, broken)
    _, *records, end = read_media(path, slots)
    frames = [record for record in records if isinstance(record, Frame)]
    assert 20 < len(frames) < 50
    assert end == EndOfStream("cam", 0, 60, EndReason.COMPLETE)
    for frame in frames:
        assert frame.header.seconds == pytest.approx(0.04 * frame.header.index)


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_video_of_few_long_frames_is_complete(tmp_path, slots, suffix):
    path = tmp_path / f"slow.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(1, 2))
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame(96, 64, "yuv420p")))
        container.mux(stream.encode(None))
    end = read_media(path, slots)[-1]
    assert (end.frames, end.reason) == (4, EndReason.COMPLETE)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "mov"])
def test_a_pause_loses_no_frame(make_video, slots, suffix):
    pts = [40 * i + (400 if i > 30 else 0) for i in range(60)]
    _, *frames, end = read_media(
        make_video(f"paused.{suffix}", frames=60, noise=True, pts=pts), slots
    )
    assert all(isinstance(record, Frame) for record in frames)
    assert (len(frames), end.frames) == (60, 60)


@pytest.mark.parametrize("cut", ["a third", "two pieces"])
def test_a_gap_in_a_transport_stream_is_reported(make_video, slots, cut):
    path = make_video("gap.ts", frames=150, noise=True)
    content = path.read_bytes()
    parts = [content[188 * (len(content) // 188 * i // 6) :][: len(content) // 6] for i in range(6)]
    kept = {"a third": (0, 1, 4, 5), "two pieces": (0, 1, 3, 5)}[cut]
    path.write_bytes(b"".join(parts[number] for number in kept))
    end = read_media(path, slots)[-1]
    assert end.reason is EndReason.COMPLETE
    assert re.search(r"gap\.ts has no frames for \d\.\d s after frame \d+", end.message)
    assert end.message.endswith("the first of 2 such gaps") == (cut == "two pieces")


def test_truncation_is_reported_without_a_stated_frame_count(make_video, tmp_path, slots):
    content = make_video("whole.mkv", frames=60, noise=True).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    *_, end = read_media(tmp_path / "cut.mkv", slots)
    assert 20 < end.frames < 40
    assert end.reason is EndReason.TRUNCATED
    assert "of 2.4 s" in end.message


@pytest.mark.parametrize("cut", [False, True])
def test_a_part_with_the_times_of_the_whole_may_be_complete(make_video, slots, cut):
    path = make_video("part.mkv", frames=60, noise=True, pts=range(4000, 6400, 40))
    if cut:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    end = read_media(path, slots)[-1]
    assert end.reason is (EndReason.TRUNCATED if cut else EndReason.COMPLETE)


MJPEG = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}
FRAGMENTS = {"name": "cut.mp4", "movflags": "frag_every_frame+empty_moov"}


@pytest.mark.parametrize("options", [{}, MJPEG, FRAGMENTS])
def test_a_truncated_last_packet_is_reported(make_video, slots, options):
    path = make_video(**{"name": "cut.avi", "frames": 60, "noise": True, **options})
    assert read_media(path, slots)[-1] == EndOfStream("cam", 0, 60, EndReason.COMPLETE)
    # Well before the next packet: encoded sizes vary a little.
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 - 1000])
    *_, end = read_media(path, slots)
    assert end.reason is EndReason.TRUNCATED
    assert re.search(r"cut\.\w+ breaks off after [23]\d frames$", end.message)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "mov", "webm"])
def test_a_whole_file_of_any_container_is_complete(make_video, slots, suffix):
    codec = "libvpx" if suffix == "webm" else "libx264"
    whole = make_video(f"whole.{suffix}", frames=50, noise=True, codec=codec)
    _, *frames, end = read_media(whole, slots)
    assert all(isinstance(record, Frame) for record in frames)
    assert end == EndOfStream("cam", 0, len(frames), EndReason.COMPLETE)
    assert len(frames) == 50


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_growth_of_a_file_while_reading_is_reported(make_video, slots, suffix):
    path = make_video(f"recording.{suffix}")
    records = MediaSource(str(path), name="cam").records(slots)
    first = next(records)
    with path.open("ab") as file:
        file.write(bytes(188))
    *frames, end = records
    assert isinstance(first, StreamStart)
    assert all(isinstance(record, Frame) for record in frames)
    assert end.reason is EndReason.TRUNCATED
    assert end.message == f"{path} grew while it was read; the frames added may be missing"


def test_growth_after_the_last_selected_frame_is_not_reported(make_video, slots):
    path = make_video()
    chosen = FrameSelection(last=3)
    records = MediaSource(str(path), name="cam", selection=chosen).records(slots)
    next(records)
    with path.open("ab") as file:
        file.write(bytes(188))
    *_, end = records
    assert (end.frames, end.reason) == (3, EndReason.COMPLETE)


def test_a_file_replaced_while_reading_is_complete(make_video, tmp_path, slots):
    path, other = make_video("a.mp4"), tmp_path / "other"
    records = MediaSource(str(path), name="cam").records(slots)
    next(records)
    other.write_bytes(path.read_bytes() + bytes(188))
    other.replace(path)
    *_, end = records
    assert end.reason is EndReason.COMPLETE


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_frames_hidden_by_an_edit_list_are_not_missing(make_video, slots, suffix):
    video = make_video(f"trimmed.{suffix}", frames=40, pts=range(-400, 1200, 40))
    end = read_media(video, slots)[-1]
    assert end == EndOfStream("cam", 0, 30, EndReason.COMPLETE)


def test_a_range_past_the_end_is_refused(make_video, slots):
    with pytest.raises(SourceError, match=r"none of 12 frames of .*crossing\.mp4 is in"):
        read_media(make_video(), slots, selection=FrameSelection(100))


@pytest.mark.skipif(not VIDEOS.is_dir(), reason="the real videos are not here")
def test_a_real_video_gives_all_its_frames(slots):
    _, *frames, end = read_media(VIDEOS / "intersection_detrac.mp4", slots)
    assert len(frames) == end.frames == 252
