import shutil

import pytest

from stages.decoder import recorder as recorder_module
from stages.decoder.containers import open_media, video_stream
from stages.decoder.recorder import Recorder
from stages.errors import OutputError
from tests.stages.decoder.recording import GOP, lumas, record, replay, write_connection


def test_a_patient_recorder_starts_once_the_folder_can_be_made(camera, tmp_path, slots):
    folder, notices = tmp_path / "kept", []
    folder.write_text("")

    def notify(message):
        notices.append(message)
        if folder.is_file():
            folder.unlink()

    record(camera, folder, notify=notify, patient=True, arrives=lambda index: 5.0 * index)
    failed = f"cannot record into {folder}: File exists; trying again"
    assert notices == [failed, f"recording into {folder} again"]
    assert len(lumas(replay(folder, slots))) == 40 - GOP


@pytest.mark.parametrize("segment_seconds", [0, 60])
def test_a_removed_folder_is_recreated(camera, tmp_path, slots, segment_seconds):
    """At the next key frame, regardless of where the segment would have ended."""
    folder, notices = tmp_path / "kept", []
    recorder = Recorder(folder, "rtsp://cam/live", segment_seconds, 10**9, notices.append)
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for index, packet in enumerate(container.demux(stream)):
            if index == 2 * GOP:
                shutil.rmtree(folder)
            recorder.write(packet, stream, 0)
    recorder.close()
    assert notices == []
    assert len(lumas(replay(folder, slots))) == 40 - 2 * GOP
    assert (folder / "recording.json").is_file()


def test_segments_of_a_removed_folder_no_longer_count(camera, tmp_path):
    folder, limit = tmp_path / "kept", 20_000
    recorder = Recorder(folder, "rtsp://cam/live", 0, limit)
    for times in (4, 1, 8):
        for epoch in range(times):
            write_connection(recorder, camera, epoch)
        kept = sum(path.stat().st_size for path in folder.glob("*.mkv"))
        if times == 1:
            assert len(list(folder.glob("*.mkv"))) == 40 // GOP
        else:
            assert 0.7 * limit < kept < 1.1 * limit
        if times == 4:
            shutil.rmtree(folder)


def test_segments_that_could_not_be_created_are_not_remembered(camera, tmp_path, monkeypatch):
    nowhere = tmp_path / "nowhere" / "segment.mkv"
    monkeypatch.setattr(recorder_module, "segment_path", lambda *_: nowhere)
    notices = []
    recorder = Recorder(tmp_path / "kept", "rtsp://cam/live", 0, 10**9, notices.append)
    write_connection(recorder, camera, 0)
    assert len(notices) == 1
    assert not recorder._ended


def test_only_one_process_at_a_time_records_into_a_folder(camera, tmp_path):
    folder, notices = tmp_path / "kept", []
    first = Recorder(folder, "rtsp://cam/live", 60, 10**9)
    with pytest.raises(OutputError, match=r"kept: another process is recording there$"):
        Recorder(folder, "rtsp://cam/live", 60, 10**9)
    record(camera, folder, packets=GOP, notify=notices.append, patient=True)
    assert notices == [
        f"cannot record into {folder}: another process is recording there; trying again"
    ]
    assert not list(folder.glob("*.mkv"))
    del first
    record(camera, folder)
    assert list(folder.glob("*.mkv"))


def test_a_folder_recreated_by_another_recorder_is_not_written_to(camera, tmp_path, slots):
    folder, notices, now = tmp_path / "kept", [], 0.0
    first = Recorder(folder, "rtsp://one/", 0, 10**9, notices.append, lambda: now)
    other = None
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for index, packet in enumerate(container.demux(stream)):
            if index == 2 * GOP:
                shutil.rmtree(folder)
                other = Recorder(folder, "rtsp://other/", 60, 10**9)
            if index == 4 * GOP:
                assert not list(folder.glob("*.mkv"))
                del other
                now += 10.0
            first.write(packet, stream, 0)
    first.close()
    used = "another process is recording there"
    assert notices == [f"cannot record into {folder}: {used}; trying again"]
    assert len(lumas(replay(folder, slots))) == 40 - 4 * GOP
