import itertools
import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import av
import pytest

from stages.decoder.locations import expand_sources
from stages.decoder.media import open_media, video_stream
from stages.decoder.recorder import Recorder
from stages.decoder.recording_source import RecordingSource
from stages.decoder.segments import segment_path
from stages.errors import OutputError, SourceError
from stages.records import EndOfStream, Frame, StreamStart

GOP = 5


@pytest.fixture
def camera(tmp_path):
    """A video whose every fifth frame is a key frame; each frame has a luma of its own."""
    path = tmp_path / "camera.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = GOP
        for index in range(40):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, (40 + 5 * index, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def record(
    camera,
    folder,
    epoch=0,
    packets=None,
    notify=lambda message: None,
    second=1,
    jitter=(0,),
    **options,
):
    clock = itertools.count(step=second)  # a second passes with each look, or more
    options = {"segment_seconds": 2, "most_bytes": 10**9} | options
    recorder = Recorder(
        folder,
        "rtsp://me:s3cret@cam/live",
        **options,
        notify=notify,
        monotonic=lambda: float(next(clock)),
    )
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        offsets = itertools.cycle(jitter)
        for packet in itertools.islice(container.demux(stream), packets):
            if packet.size:
                packet.pts = packet.dts = packet.pts + next(offsets)
            recorder.write(packet, stream, epoch)
            packet.decode()  # it is left as it was
    recorder.close()


RECORD_AND_DIE = """
import os, signal, sys
from pathlib import Path
from stages.decoder.media import open_media, video_stream
from stages.decoder.recorder import Recorder

camera, folder, packets = sys.argv[1:]
recorder = Recorder(Path(folder), "rtsp://cam/live", 60, 10**9)
with open_media(camera) as container:
    stream = video_stream(container, "camera")
    for _, packet in zip(range(int(packets)), container.demux(stream)):
        recorder.write(packet, stream, 0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def record_and_die(camera, folder, packets):
    command = [sys.executable, "-c", RECORD_AND_DIE, str(camera), str(folder), str(packets)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (segment,) = folder.glob("*.mkv")
    return segment


def replay(folder, slots):
    return list(RecordingSource(folder, name="cam").records(slots))


def lumas(records):
    return [round(float(r.pixels[:40].mean())) for r in records if isinstance(r, Frame)]


def test_every_frame_comes_back_with_its_time_and_in_one_epoch(camera, tmp_path, slots):
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


def test_a_later_recording_goes_on_in_an_epoch_of_its_own(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    record(camera, folder)
    starts = [r.epoch for r in replay(folder, slots) if isinstance(r, StreamStart)]
    assert starts == [0, 1]


@pytest.mark.parametrize(
    ("seconds", "begins"), [(754, 754), (1, Fraction(8, 5)), (-60, Fraction(8, 5))]
)
def test_times_are_counted_from_the_beginning_outages_included(
    camera, tmp_path, slots, seconds, begins
):
    folder = tmp_path / "cam"
    folder.mkdir()
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    for epoch, began in enumerate((noon, noon + timedelta(seconds=seconds))):
        shutil.copy(camera, segment_path(folder, epoch, epoch, began))
    frames = [r.header for r in replay(folder, slots) if isinstance(r, Frame)]
    for epoch, first in ((0, 0), (1, begins)):
        times = [f.pts * f.time_base for f in frames if f.epoch == epoch]
        assert times == [first + Fraction(number, 25) for number in range(40)]


def test_a_camera_whose_clock_starts_anew_is_recorded_on(camera, tmp_path, slots):
    camera.write_bytes(2 * camera.read_bytes())
    said = []
    record(camera, tmp_path / "cam", notify=said.append, segment_seconds=1000)
    records = replay(tmp_path / "cam", slots)
    assert said == []
    frames = [r for r in records if isinstance(r, Frame)]
    assert [f.header.sequence for f in frames] == list(range(80))
    times = [f.header.pts * f.header.time_base for f in frames]
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    assert steps == {Fraction(1, 25)}
    assert sum(isinstance(r, StreamStart) for r in records) == 1


def test_times_that_step_back_slightly_cost_no_frame(camera, tmp_path, slots):
    record(camera, tmp_path / "cam", segment_seconds=1000, jitter=(0, -5400, 5400, -80_000))
    assert len(list((tmp_path / "cam").glob("*.mkv"))) == 1
    records = replay(tmp_path / "cam", slots)
    frames = [r for r in records if isinstance(r, Frame)]
    assert lumas(records) == pytest.approx([40 + 5 * i for i in range(40)], abs=3)
    assert frames[-1].header.seconds - frames[0].header.seconds == pytest.approx(1.56, abs=0.2)


def test_the_oldest_segments_make_room(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    before = sorted(folder.glob("*.mkv"))
    limit = sum(path.stat().st_size for path in before[-2:])
    record(camera, folder, most_bytes=limit, packets=6)
    assert before[0] not in folder.glob("*.mkv")
    assert before[-1] in folder.glob("*.mkv")


@pytest.mark.parametrize("segment_seconds", [20, 10**6])
def test_the_limit_holds_while_a_segment_grows(camera, tmp_path, segment_seconds):
    camera.write_bytes(20 * camera.read_bytes())
    folder, largest = tmp_path / "cam", []
    limit = 20_000
    recorder = Recorder(folder, "rtsp://cam/live", segment_seconds, limit)
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for index, packet in enumerate(container.demux(stream)):
            packet.pts = packet.dts = 3600 * index
            recorder.write(packet, stream, 0)
            largest.append(sum(path.stat().st_size for path in folder.glob("*.mkv")))
    recorder.close()
    assert 0.5 * limit < max(largest) < 1.3 * limit


def test_a_segment_that_was_cut_off_is_read_as_far_as_it_goes(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    record(camera, folder)
    latest = sorted(folder.glob("*.mkv"))[-1]
    latest.write_bytes(latest.read_bytes()[:-600])
    (folder / "00000099-e1-20260101T000000Z.mkv").write_bytes(b"nothing")
    records = replay(folder, slots)
    assert 30 < len(lumas(records)) < 40
    assert "1 segment of" in records[-1].message


def test_a_recorder_that_is_killed_leaves_all_but_the_last_second(camera, tmp_path, slots):
    record_and_die(camera, tmp_path / "cam", packets=40)
    assert len(lumas(replay(tmp_path / "cam", slots))) >= 40 - 25 - 1


def test_segments_without_a_packet_are_removed_by_the_next_recorder(camera, tmp_path, slots):
    folder = tmp_path / "cam"
    header = record_and_die(camera, folder, packets=10).rename(
        folder / "00000000-e0-20260101T000000Z.mkv"
    )
    assert header.stat().st_size > 0
    empty = folder / "00000001-e1-20260101T000001Z.mkv"
    empty.touch()
    record(camera, folder)
    assert not header.exists()
    assert not empty.exists()
    segments = set(folder.glob("*.mkv"))
    record(camera, folder, packets=0)
    assert set(folder.glob("*.mkv")) == segments
    assert len(lumas(replay(folder, slots))) == 40


def test_a_full_disk_is_told_every_ten_minutes_and_when_there_is_room(camera, full_disk):
    folder, said, stuck, seconds = full_disk / "cam", [], [], 0
    camera.write_bytes(5 * camera.read_bytes())
    with pytest.raises(OSError, match="No space"):
        (full_disk / "fill").write_bytes(bytes(100_000))

    def notify(message):
        said.append((seconds, message))
        if len(said) == 2:
            (full_disk / "fill").unlink()

    options = {"notify": notify, "monotonic": lambda: seconds, "patient": True}
    options["stuck"] = stuck.append
    recorder = Recorder(folder, "rtsp://cam/live", 60, 10**9, **options)
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for packet in container.demux(stream):
            packet.pts = packet.dts = 90_000 * seconds
            recorder.write(packet, stream, 0)
            seconds += 4
    recorder.close()
    full = f"cannot record into {folder}: No space left on device; trying again"
    assert [message for _, message in said] == [full, full, f"recording into {folder} again"]
    assert (stuck[0], stuck.index(False)) == (True, len(stuck) - 1)
    assert 600 <= said[1][0] < said[2][0] < 660
    assert any(folder.glob("*.mkv"))


def test_a_segment_that_fails_at_its_start_leaves_no_file(camera, full_disk):
    folder, said = full_disk / "cam", []
    seconds = itertools.count(step=5)
    options = {"notify": said.append, "monotonic": lambda: next(seconds)}
    recorder = Recorder(folder, "rtsp://cam/live", 60, 10**9, **options)
    with pytest.raises(OSError, match="No space"):
        (full_disk / "fill").write_bytes(bytes(100_000))
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for packet in container.demux(stream):
            recorder.write(packet, stream, 0)
    recorder.close()
    assert said == [f"cannot record into {folder}: No space left on device; trying again"]
    assert [file.name for file in folder.iterdir()] == ["recording.json"]


def test_recordings_are_sources(camera, tmp_path):
    for name in ("north", "south"):
        record(camera, tmp_path / "kept" / name)
    specs = expand_sources([str(tmp_path / "kept")])
    assert [spec.name for spec in specs] == ["north", "south"]
    (spec,) = expand_sources([str(tmp_path / "kept" / "north")])
    assert spec.name == "north"
    index = json.loads((tmp_path / "kept" / "north" / "recording.json").read_text())
    assert index["source"] == "rtsp://cam/live"


def test_a_camera_that_gave_no_frame_is_not_among_the_recordings(camera, tmp_path):
    Recorder(tmp_path / "kept" / "off", "rtsp://off", 60, 10**9).close()
    with pytest.raises(SourceError, match=r"kept are empty: their cameras gave no frame$"):
        expand_sources([str(tmp_path / "kept")])
    record(camera, tmp_path / "kept" / "north")
    (spec,) = expand_sources([str(tmp_path / "kept")])
    assert spec.name == "north"


def test_what_cannot_be_recorded_or_read_is_named(tmp_path, slots):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot record into"):
        Recorder(tmp_path / "file", "rtsp://cam", 60, 10**9)
    Recorder(tmp_path / "empty", "rtsp://cam", 60, 10**9)
    with pytest.raises(SourceError, match="no segment that can be read"):
        replay(tmp_path / "empty", slots)


def test_who_is_patient_records_as_soon_as_the_folder_can_be_made(camera, tmp_path, slots):
    folder, said = tmp_path / "kept", []
    folder.write_text("")

    def notify(message):
        said.append(message)
        if folder.is_file():
            folder.unlink()

    record(camera, folder, notify=notify, patient=True, second=5)
    failed = f"cannot record into {folder}: File exists; trying again"
    assert said == [failed, f"recording into {folder} again"]
    assert len(lumas(replay(folder, slots))) == 40 - GOP


def test_a_folder_that_was_removed_is_made_again(camera, tmp_path, slots):
    folder, said = tmp_path / "kept", []
    recorder = Recorder(folder, "rtsp://cam/live", 0, 10**9, said.append)
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for index, packet in enumerate(container.demux(stream)):
            if index == 2 * GOP:
                shutil.rmtree(folder)
            recorder.write(packet, stream, 0)
    recorder.close()
    assert said == []
    assert len(lumas(replay(folder, slots))) == 40 - 2 * GOP
    assert (folder / "recording.json").is_file()


def test_a_folder_is_recorded_into_by_one_process_at_a_time(camera, tmp_path):
    folder, said = tmp_path / "kept", []
    first = Recorder(folder, "rtsp://cam/live", 60, 10**9)
    with pytest.raises(OutputError, match=r"kept: another process is recording there$"):
        Recorder(folder, "rtsp://cam/live", 60, 10**9)
    record(camera, folder, packets=GOP, notify=said.append, patient=True)
    assert said == [
        f"cannot record into {folder}: another process is recording there; trying again"
    ]
    assert not list(folder.glob("*.mkv"))
    del first
    record(camera, folder)
    assert list(folder.glob("*.mkv"))
