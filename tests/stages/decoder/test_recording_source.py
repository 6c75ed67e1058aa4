import errno
import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import av
import pytest

from stages.decoder import recording_source
from stages.decoder.locations import expand_sources, skipped_videos
from stages.decoder.recorder import Recorder
from stages.decoder.recording_source import RecordingSource
from stages.decoder.segments import segment_path
from stages.decoder.source import FrameSelection
from stages.decoder.sources import open_source
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason, Frame, StreamStart
from tests.stages.decoder.recording import (
    GOP,
    REORDERED,
    lumas,
    record,
    replay,
    seconds,
    write_camera,
)


def test_every_frame_is_replayed_with_its_time_in_one_epoch(camera, tmp_path, slots):
    folder = tmp_path / "kept" / "cam"
    record(camera, folder)
    segments = sorted(folder.glob("*.mkv"))
    assert len(segments) > 2
    records = replay(folder, slots)
    frames = [r for r in records if isinstance(r, Frame)]
    assert [f.header.sequence for f in frames] == list(range(40))
    assert lumas(records) == pytest.approx([40 + 5 * i for i in range(40)], abs=3)
    times = [f.header.pts * f.header.time_base for f in frames]
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    assert steps == {Fraction(1, 25)}
    assert sum(isinstance(r, StreamStart) for r in records) == 1
    assert isinstance(records[-1], EndOfStream)


def test_a_later_recording_starts_its_own_epoch(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    record(camera, folder)
    starts = [r.epoch for r in replay(folder, slots) if isinstance(r, StreamStart)]
    assert starts == [0, 1]


def two_segments(camera, folder, seconds, epoch=0):
    """Writes a recording of a camera's video twice, the second ``seconds`` after the first."""
    folder.mkdir()
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    for number, began in enumerate((noon, noon + timedelta(seconds=seconds))):
        shutil.copy(camera, segment_path(folder, number, number * epoch, began))


@pytest.mark.parametrize(
    ("seconds", "begins"), [(754, 754), (1, Fraction(8, 5)), (-60, Fraction(8, 5))]
)
def test_times_count_from_the_beginning_including_outages(camera, tmp_path, slots, seconds, begins):
    folder = tmp_path / "cam"
    two_segments(camera, folder, seconds, epoch=1)
    frames = [r.header for r in replay(folder, slots) if isinstance(r, Frame)]
    for epoch, first in ((0, 0), (1, begins)):
        times = [f.pts * f.time_base for f in frames if f.epoch == epoch]
        assert times == [first + Fraction(number, 25) for number in range(40)]


def test_recording_continues_when_the_camera_clock_restarts(camera, tmp_path, slots):
    camera.write_bytes(2 * camera.read_bytes())
    notices = []
    record(camera, tmp_path / "cam", notify=notices.append, segment_seconds=1000)
    records = replay(tmp_path / "cam", slots)
    assert notices == []
    frames = [r for r in records if isinstance(r, Frame)]
    assert [f.header.sequence for f in frames] == list(range(80))
    times = [f.header.pts * f.header.time_base for f in frames]
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    assert steps == {Fraction(1, 25)}
    assert sum(isinstance(r, StreamStart) for r in records) == 1


def test_connections_of_a_few_frames_start_at_the_right_time(camera, tmp_path, slots):
    for epoch in range(3):
        record(camera, tmp_path / "cam", epoch, packets=4)  # too few for FFmpeg to know the start
    records = replay(tmp_path / "cam", slots)
    assert sum(isinstance(r, StreamStart) for r in records) == 3
    times = seconds(records)
    assert len(times) == 12
    assert times[:4] == pytest.approx([index / 25 for index in range(4)], abs=0.002)


def with_clock_jump(leap, *, pause=0.0):
    """Options of `record` for a clock that jumps ``leap`` seconds, and a pause, after frame 12."""
    return {
        "arrives": lambda index: index / 25 + (pause if index >= 12 else 0),
        "shifted": lambda frame: round(90_000 * leap) if frame >= 12 else 0,
    }


@pytest.mark.parametrize("leap", [-50, -1.1, 100])
def test_a_clock_jump_between_key_frames_loses_no_frame_and_shifts_no_time(
    camera, tmp_path, slots, leap
):
    record(camera, tmp_path / "cam", **with_clock_jump(leap))
    records = replay(tmp_path / "cam", slots)
    assert lumas(records) == pytest.approx([40 + 5 * i for i in range(40)], abs=3)
    assert seconds(records) == pytest.approx([index / 25 for index in range(40)], abs=0.002)
    assert sum(isinstance(r, StreamStart) for r in records) == 1


@pytest.mark.parametrize("leap", [-50, 8, 100])
def test_a_pause_keeps_its_length_despite_a_clock_jump(camera, tmp_path, slots, leap):
    record(camera, tmp_path / "cam", **with_clock_jump(leap, pause=8.0))
    times = seconds(replay(tmp_path / "cam", slots))
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps[11] == pytest.approx(8, abs=0.1)
    assert steps[:11] + steps[12:] == pytest.approx([0.04] * 38, abs=0.002)


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("codec", REORDERED)
def test_reordered_frames_keep_their_times(tmp_path, slots, codec, dated):
    write_camera(tmp_path / "camera.ts", codec, REORDERED[codec])
    record(tmp_path / "camera.ts", tmp_path / "cam", segment_seconds=1000, dated=dated)
    times = seconds(replay(tmp_path / "cam", slots))
    assert times == pytest.approx([index / 25 for index in range(40)], abs=0.002)


@pytest.mark.parametrize("leap", [-50, 100])
def test_reordered_frames_at_a_clock_jump_shift_only_slightly(tmp_path, slots, leap):
    write_camera(tmp_path / "camera.ts", "libx265", REORDERED["libx265"])
    options = {"segment_seconds": 1000, "dated": False}
    record(tmp_path / "camera.ts", tmp_path / "cam", **options, **with_clock_jump(leap))
    times = seconds(replay(tmp_path / "cam", slots))
    assert times == pytest.approx([index / 25 for index in range(40)], abs=0.13)


@pytest.mark.parametrize("codec", REORDERED)
def test_frames_shown_before_the_first_key_frame_of_a_segment_are_kept(tmp_path, slots, codec):
    write_camera(tmp_path / "camera.ts", codec, REORDERED[codec])
    record(tmp_path / "camera.ts", tmp_path / "cam")
    assert len(list((tmp_path / "cam").glob("*.mkv"))) > 3
    records = replay(tmp_path / "cam", slots)
    assert lumas(records) == pytest.approx([40 + 5 * i for i in range(40)], abs=6)
    assert seconds(records) == pytest.approx([index / 25 for index in range(40)], abs=0.002)


@pytest.mark.parametrize("codec", REORDERED)
def test_frames_that_depend_on_a_missing_segment_are_left_out(tmp_path, slots, codec):
    write_camera(tmp_path / "camera.ts", codec, REORDERED[codec])
    slow = {"shifted": lambda frame: 3600 * 4 * frame, "arrives": lambda index: index / 5}
    record(tmp_path / "camera.ts", tmp_path / "cam", segment_seconds=1.5, **slow)
    (tmp_path / "cam" / sorted(tmp_path.glob("cam/*.mkv"))[1]).unlink()
    records = replay(tmp_path / "cam", slots)
    times = seconds(records)
    assert any(later - earlier > 1.5 for earlier, later in itertools.pairwise(times))
    assert lumas(records) == pytest.approx([40 + 25 * time for time in times], abs=6)


def test_times_that_step_back_slightly_lose_no_frame(camera, tmp_path, slots):
    jitter = (0, -5400, 5400, -80_000)
    record(camera, tmp_path / "cam", segment_seconds=1000, shifted=lambda frame: jitter[frame % 4])
    assert len(list((tmp_path / "cam").glob("*.mkv"))) == 1
    records = replay(tmp_path / "cam", slots)
    frames = [r for r in records if isinstance(r, Frame)]
    assert lumas(records) == pytest.approx([40 + 5 * i for i in range(40)], abs=3)
    assert frames[-1].header.seconds - frames[0].header.seconds == pytest.approx(1.56, abs=0.2)


def test_a_truncated_segment_is_read_as_far_as_it_goes(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    latest = sorted(folder.glob("*.mkv"))[-1]
    latest.write_bytes(latest.read_bytes()[:-600])
    (folder / "00000099-e0-21000101T000000Z.mkv").write_bytes(b"nothing")
    records = replay(folder, slots)
    assert 30 < len(lumas(records)) < 40
    assert records[-1].message == f"1 segment of {folder} cannot be read"
    assert records[-1].reason is EndReason.TRUNCATED


def test_segments_that_are_cut_off_are_reported(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    for number in range(1, 3):
        record(camera, folder, segment_seconds=1000)
        latest = sorted(folder.glob("*.mkv"))[-1]
        latest.write_bytes(latest.read_bytes()[: latest.stat().st_size // 2])
        *_, end = replay(folder, slots)
        verb = "segment of {} is" if number == 1 else "segments of {} are"
        assert end.message.partition(";")[0] == f"{number} {verb.format(folder)} cut off"
        assert end.reason is EndReason.TRUNCATED


def test_a_segment_that_is_cut_off_late_in_a_connection_is_reported(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(
        camera,
        folder,
        segment_seconds=50,
        arrives=lambda index: index / 25 + 100 * (index >= GOP),
        shifted=lambda frame: 100 * 90_000 * (frame >= GOP),
    )
    _, latest = sorted(folder.glob("*.mkv"))
    latest.write_bytes(latest.read_bytes()[: latest.stat().st_size // 3])
    end = replay(folder, slots)[-1]
    assert end.message.partition(";")[0] == f"1 segment of {folder} is cut off"
    assert end.reason is EndReason.TRUNCATED


@pytest.mark.parametrize("rate", [1, Fraction(1, 5)])
def test_intact_segments_of_few_long_frames_are_complete(tmp_path, slots, rate):
    camera, folder = tmp_path / "camera.mp4", tmp_path / "cam"
    write_camera(camera, container_format="mp4", rate=rate)
    record(camera, folder, arrives=lambda index: index / rate)
    assert len(list(folder.glob("*.mkv"))) == 40 // GOP
    end = replay(folder, slots)[-1]
    assert end.reason is EndReason.COMPLETE


def test_the_segment_of_a_killed_recorder_is_complete(camera, tmp_path, slots, monkeypatch):
    folder, killed = tmp_path / "cam", tmp_path / "killed"
    monkeypatch.setattr(Recorder, "close", lambda self: shutil.copytree(folder, killed))
    record(camera, folder, segment_seconds=1000)
    [segment] = killed.glob("*.mkv")
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    *frames, end = replay(killed, slots)
    assert 5 < len(frames) < 40
    assert (end.reason, end.message) == (EndReason.COMPLETE, "")


def test_segments_added_while_reading_are_reported(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    records = RecordingSource(folder, name="cam").records(slots)
    next(records)
    record(camera, folder)
    *_, end = records
    assert end.frames == 40
    assert end.message == f"{folder} grew while it was read; the frames added may be missing"
    assert end.reason is EndReason.TRUNCATED


def test_growth_of_the_latest_segment_while_reading_is_reported(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    records = RecordingSource(folder, name="cam").records(slots)
    next(records)
    with sorted(folder.glob("*.mkv"))[-1].open("ab") as segment:
        segment.write(b"more")
    *_, end = records
    assert end.message == f"{folder} grew while it was read; the frames added may be missing"
    assert end.reason is EndReason.TRUNCATED


def test_a_selection_of_a_growing_recording_is_complete(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    source = RecordingSource(folder, name="cam", selection=FrameSelection(last=10))
    records = source.records(slots)
    next(records)
    record(camera, folder)
    *_, end = records
    assert (end.reason, end.message) == (EndReason.COMPLETE, "")


def test_a_disk_error_within_a_segment_is_reported(camera, tmp_path, slots, monkeypatch):
    folder = tmp_path / "cam"
    record(camera, folder, segment_seconds=1000)
    joined = recording_source._joined

    def failing(*arguments):
        yield from itertools.islice(joined(*arguments), 10)
        raise av.error.OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(recording_source, "_joined", failing)
    records = replay(folder, slots)
    assert len(lumas(records)) == 10
    assert records[-1].message == f"1 segment of {folder} cannot be read"
    assert records[-1].reason is EndReason.TRUNCATED


@pytest.mark.parametrize(
    ("seconds", "epochs", "gap_seconds"),
    [(4, [0], "2.4"), (7, [0], "5.4"), (8, [0, 1], "6.4"), (600, [0, 1], "598.4")],
)
def test_a_long_gap_starts_a_new_epoch(camera, tmp_path, slots, seconds, epochs, gap_seconds):
    folder = tmp_path / "cam"
    two_segments(camera, folder, seconds)
    records = replay(folder, slots)
    assert [r.epoch for r in records if isinstance(r, StreamStart)] == epochs
    assert records[-1].frames == 80
    assert records[-1].reason is EndReason.COMPLETE
    gap = f"{folder} has no frames for {gap_seconds} s after frame 40" if len(epochs) == 2 else ""
    assert records[-1].message == gap


def test_a_gap_is_reported_by_the_recording_frame_before_it(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    two_segments(camera, folder, seconds=8)
    source = RecordingSource(folder, name="cam", selection=FrameSelection(every=2))
    *_, end = source.records(slots)
    assert end.frames == 40
    assert end.message == f"{folder} has no frames for 6.4 s after frame 40"


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (7, ""),
        (600, "{} has no frames for 598.4 s after frame 40"),
        (
            -60,
            "the clock was set back before 00000001-e1-20260504T115900Z.mkv of {} began; the "
            "length of the gap there is unknown",
        ),
    ],
)
def test_long_outages_and_clock_changes_that_hide_one_are_reported(
    camera, tmp_path, slots, seconds, message
):
    folder = tmp_path / "cam"
    two_segments(camera, folder, seconds, epoch=1)
    end = replay(folder, slots)[-1]
    assert (end.reason, end.message) == (EndReason.COMPLETE, message.format(folder))


def test_recordings_are_found_as_sources(camera, tmp_path):
    for name in ("north", "south"):
        record(camera, tmp_path / "kept" / name)
    specs = expand_sources([str(tmp_path / "kept")])
    assert [spec.name for spec in specs] == ["north", "south"]
    (spec,) = expand_sources([str(tmp_path / "kept" / "north")])
    assert spec.name == "north"
    index = json.loads((tmp_path / "kept" / "north" / "recording.json").read_text())
    assert index["source"] == "rtsp://cam/live"


def test_recordings_are_found_in_subfolders_and_without_an_index(camera, tmp_path):
    for place in ("2026-10/north", "2026-11/north", "south"):
        record(camera, tmp_path / "kept" / place)
        (tmp_path / "kept" / place / "recording.json").unlink()
    video = tmp_path / "kept" / "clips" / "a.mp4"
    video.parent.mkdir()
    video.touch()
    specs = expand_sources([str(tmp_path / "kept")])
    assert [spec.name for spec in specs] == ["2026-10-north", "2026-11-north", "south"]
    assert isinstance(open_source(specs[0]), RecordingSource)
    assert skipped_videos([str(tmp_path / "kept")], specs) == [video]


def test_a_recording_without_a_frame_is_not_listed(camera, tmp_path):
    Recorder(tmp_path / "kept" / "off", "rtsp://off", 60, 10**9).close()
    with pytest.raises(SourceError, match=r"kept are empty: their cameras gave no frame$"):
        expand_sources([str(tmp_path / "kept")])
    record(camera, tmp_path / "kept" / "north")
    (spec,) = expand_sources([str(tmp_path / "kept")])
    assert spec.name == "north"


def test_a_recording_without_a_segment_is_refused(tmp_path, slots):
    Recorder(tmp_path / "empty", "rtsp://cam", 60, 10**9)
    with pytest.raises(SourceError, match="no segment that can be read"):
        replay(tmp_path / "empty", slots)
