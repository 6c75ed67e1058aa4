import itertools
import os
import signal
import subprocess
import sys
from fractions import Fraction

import av
import pytest

from stages.decoder.containers import open_media, video_stream
from stages.decoder.recorder import Recorder
from stages.decoder.segments import segments_of
from stages.errors import OutputError
from tests.stages.decoder.recording import (
    lumas,
    record,
    replay,
    write_camera,
    write_connection,
)

RECORD_AND_DIE = """
import os, signal, sys
from pathlib import Path
from stages.decoder.containers import open_media, video_stream
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


def test_the_oldest_segments_are_removed_to_make_room(camera, tmp_path):
    folder = tmp_path / "cam"
    record(camera, folder)
    before = sorted(folder.glob("*.mkv"))
    limit = sum(path.stat().st_size for path in before[-2:])
    record(camera, folder, max_bytes=limit, packets=6)
    assert before[0] not in folder.glob("*.mkv")
    assert before[-1] in folder.glob("*.mkv")


@pytest.mark.parametrize("segment_seconds", [20, 10**6])
def test_the_size_limit_holds_while_a_segment_grows(camera, tmp_path, segment_seconds):
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


def test_the_folder_is_listed_only_at_the_start(camera, tmp_path, monkeypatch):
    folder, listed = tmp_path / "cam", []
    record(camera, folder)
    before = sorted(folder.glob("*.mkv"))
    monkeypatch.setattr(
        "stages.decoder.recorder.segments_of",
        lambda folder: listed.append(folder) or segments_of(folder),
    )
    recorder = Recorder(folder, "rtsp://cam/live", 60, before[-1].stat().st_size)
    at_start = len(listed)
    for epoch in range(5):  # connections
        write_connection(recorder, camera, epoch)
    assert len(listed) == at_start
    assert not set(before) & set(folder.glob("*.mkv"))


def test_a_killed_recorder_loses_only_the_last_second(camera, tmp_path, slots):
    rare_key_frames = {"preset": "ultrafast", "x264-params": "keyint=99:scenecut=0"}
    write_camera(camera, codec_options=rare_key_frames)
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


def test_segments_removed_by_others_are_not_an_error(camera, tmp_path):
    folder = tmp_path / "cam"
    record(camera, folder)
    # Removed between listing the folder and checking the file.
    (folder / "00000000-e0-20260101T000000Z.mkv").symlink_to("gone")
    recorder = Recorder(folder, "rtsp://cam/live", 60, 1)
    sorted(folder.glob("*.mkv"))[-1].unlink()
    recorder._make_room()
    assert not list(folder.glob("*.mkv"))


def test_a_full_disk_is_reported_every_ten_minutes_until_there_is_room(camera, full_disk):
    folder, notices, stuck, seconds = full_disk / "cam", [], [], 0
    camera.write_bytes(5 * camera.read_bytes())
    with pytest.raises(OSError, match="No space"):
        (full_disk / "fill").write_bytes(bytes(100_000))

    def notify(message):
        notices.append((seconds, message))
        if len(notices) == 2:
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
    assert [message for _, message in notices] == [full, full, f"recording into {folder} again"]
    assert (stuck[0], stuck.index(False)) == (True, len(stuck) - 1)
    assert 600 <= notices[1][0] < notices[2][0] < 660
    assert any(folder.glob("*.mkv"))


def packets(size):
    """Yields numbers and packets for a minute, five a second; each fifth is a key frame."""
    for number in range(300):
        packet = av.Packet(bytes(size))
        packet.time_base, packet.pts = Fraction(1, 5), number
        packet.is_keyframe = number % 5 == 0
        yield number, packet


def test_a_segment_cut_off_by_a_full_disk_counts_towards_the_limit(tmp_path, full_disk):
    folder, filler, notices, seconds = full_disk / "cam", full_disk / "fill", [], 0.0
    write_camera(tmp_path / "camera.mp4", "mpeg4", {}, "mp4")
    options = {"notify": notices.append, "monotonic": lambda: seconds}
    recorder = Recorder(folder, "rtsp://cam/live", 1, 30_000, **options)
    with open_media(str(tmp_path / "camera.mp4")) as container:
        stream = video_stream(container, "camera")
        for number, packet in packets(2000):
            if number == 52:  # in the middle of a segment
                with pytest.raises(OSError, match="No space"):
                    filler.write_bytes(bytes(100_000))
            if number == 120:
                filler.unlink()
            recorder.write(packet, stream, 0)
            seconds += 0.2
    recorder.close()
    full = f"cannot record into {folder}: No space left on device; trying again"
    assert notices == [full, f"recording into {folder} again"]
    assert len(list(folder.glob("*.mkv"))) == 3  # of 10 kB each


def test_a_disk_that_soon_fills_again_is_reported_once(tmp_path, full_disk):
    folder, filler, notices, seconds = full_disk / "cam", full_disk / "fill", [], 0.0
    write_camera(tmp_path / "camera.mp4", "mpeg4", {}, "mp4")
    options = {"notify": notices.append, "monotonic": lambda: seconds}
    recorder = Recorder(folder, "rtsp://cam/live", 60, 10**9, **options)
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(100_000))
    with open_media(str(tmp_path / "camera.mp4")) as container:
        stream = video_stream(container, "camera")
        for number, packet in packets(600):
            if number % 100 == 0:  # there is room for the packets of a few seconds
                os.truncate(filler, filler.stat().st_size - 12_288)
            recorder.write(packet, stream, 0)
            seconds += 0.2
    recorder.close()
    assert notices == [f"cannot record into {folder}: No space left on device; trying again"]
    assert len(list(folder.glob("*.mkv"))) == 3


def test_a_segment_that_fails_at_its_start_leaves_no_file(camera, full_disk):
    folder, notices = full_disk / "cam", []
    seconds = itertools.count(step=5)
    options = {"notify": notices.append, "monotonic": lambda: next(seconds)}
    recorder = Recorder(folder, "rtsp://cam/live", 60, 10**9, **options)
    with pytest.raises(OSError, match="No space"):
        (full_disk / "fill").write_bytes(bytes(100_000))
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for packet in container.demux(stream):
            recorder.write(packet, stream, 0)
    recorder.close()
    assert notices == [f"cannot record into {folder}: No space left on device; trying again"]
    assert [file.name for file in folder.iterdir()] == ["recording.json"]


def test_an_unusable_recording_folder_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot record into"):
        Recorder(tmp_path / "file", "rtsp://cam", 60, 10**9)


def test_a_recorder_can_close_without_access_to_its_folder(camera, tmp_path, slots):
    folder, user, nobody = tmp_path / "cam", os.geteuid(), 65534
    recorder = Recorder(folder, "rtsp://cam/live", 60, 10**9)
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for packet in container.demux(stream):
            recorder.write(packet, stream, 0)
    folder.chmod(0)
    if user == 0:
        os.seteuid(nobody)
    try:
        recorder.close()
    finally:
        os.seteuid(user)
        folder.chmod(0o700)
    assert len(lumas(replay(folder, slots))) == 40


def test_packets_without_a_time_are_left_out(camera, tmp_path):
    recorder = Recorder(tmp_path / "kept", "rtsp://cam/live", 60, 10**9)
    with open_media(str(camera)) as container:
        recorder.write(av.Packet(b"data"), video_stream(container, "camera"), 0)
    recorder.close()
    assert segments_of(tmp_path / "kept") == []


def test_each_connection_has_its_own_clock(camera, tmp_path):
    recorder = Recorder(tmp_path / "kept", "rtsp://cam/live", 60, 10**9)
    for epoch in range(2):
        write_connection(recorder, camera, epoch)
    times = []
    for segment in segments_of(tmp_path / "kept"):
        with open_media(str(segment.path)) as container:
            packets = container.demux(video_stream(container, "segment"))
            times.append([packet.pts for packet in packets if packet.size])
    assert len(times[0]) == 40
    assert times[1] == times[0]


def test_a_codec_that_matroska_lacks_is_reported_and_leaves_no_file(tmp_path):
    camera, folder = tmp_path / "camera.flv", tmp_path / "recording"
    write_camera(camera, "flv", container_format="flv")
    notices = []
    record(camera, folder, notify=notices.append)
    [line] = notices
    assert line.startswith(f"cannot record into {folder}: 'matroska' format does not support")
    assert segments_of(folder) == []
