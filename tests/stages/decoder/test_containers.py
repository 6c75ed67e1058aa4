"""How a video file or URL is opened, and what is reported if it cannot be."""

import os
import threading

import av
import pytest
from av.codec.context import ThreadType
from av.stream import Disposition

from stages.decoder.containers import set_threads
from stages.decoder.source import SourceRuntime
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason
from tests.stages.decoder.streams import read_media


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (3, 3), (64, 16)])
def test_a_video_is_decoded_by_one_thread_per_core(make_video, monkeypatch, cores, threads):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(cores)))
    with av.open(str(make_video())) as container:
        stream = container.streams.video[0]
        set_threads(stream, paced=False)
        assert (stream.thread_count, stream.thread_type) == (threads, ThreadType.AUTO)
        set_threads(stream, paced=True)
        assert stream.thread_type == ThreadType.SLICE


def write_streams(path, *streams, disposition=Disposition.default):
    """Writes several video streams, each given by codec, width and number of frames."""
    with av.open(str(path), "w") as container:
        outputs = []
        for codec, width, _ in streams:
            outputs.append(container.add_stream(codec, rate=25))
            outputs[-1].width, outputs[-1].height = width, 64
            outputs[-1].disposition = disposition
            outputs[-1].pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for output, (_, width, frames) in zip(outputs, streams, strict=True):
            for _ in range(frames):
                container.mux(output.encode(av.VideoFrame(width, 64, output.pix_fmt)))
            container.mux(output.encode())


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mp4"])
@pytest.mark.parametrize(
    "first", [("mjpeg", 128, 1), ("libx264", 48, 12)], ids=["a cover", "a smaller stream"]
)
def test_the_largest_of_several_video_streams_is_read(tmp_path, slots, suffix, first):
    path = tmp_path / f"two.{suffix}"
    write_streams(path, first, ("libx264", 96, 12), ("libx264", 96, 3))
    notices = []
    start, *frames, end = read_media(path, slots, runtime=SourceRuntime(notify=notices.append))
    assert (start.width, len(frames), end.reason) == (96, 12, EndReason.COMPLETE)
    assert notices == [f"{path} has 3 video streams; the one that is read has 96×64 pixels"]


def test_cover_art_alone_is_not_a_video(tmp_path, slots):
    path = tmp_path / "song.mp4"
    write_streams(path, ("mjpeg", 96, 1), disposition=Disposition.attached_pic)
    with pytest.raises(SourceError, match="holds no video stream"):
        read_media(path, slots)


def test_an_unfinished_mp4_is_reported(make_video, slots):
    video = make_video("cut.mp4", frames=60, noise=True, movflags="disable_chpl")
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(SourceError, match=r"cut\.mp4 as a video: its index \(moov\) is missing: "):
        read_media(video, slots)


def test_an_empty_file_is_reported(tmp_path, slots):
    (tmp_path / "none.mp4").touch()
    with pytest.raises(SourceError, match=r"none\.mp4 as a video: it is empty$"):
        read_media(tmp_path / "none.mp4", slots)


def test_a_file_that_is_not_a_video_is_refused(tmp_path, slots):
    path = tmp_path / "notes.mp4"
    for content in (b"\0\1\2\3" * 50, b"#EXTM3U\nnotes.ts\n"):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"notes\.mp4 as a video: Invalid data found"):
            read_media(path, slots)


@pytest.mark.parametrize(
    ("name", "line", "lines"),
    [
        ("base.txt", "1,-1,100,100,50,40,0.9,-1,-1,-1", 200),
        ("base.mp4", "1,-1,100,100,50,40,0.9,-1,-1,-1", 1),
        ("cameras.txt", "Straße=rtsp://10.0.0.1/live", 1),
    ],
)
def test_a_text_file_is_refused_with_the_options_that_take_it(tmp_path, slots, name, line, lines):
    (tmp_path / name).write_text(f"{line}\n" * lines, encoding="utf-8")
    message = rf"{name} as a video: it is a text file; .* track --detections, .* run --sources$"
    with pytest.raises(SourceError, match=message):
        read_media(tmp_path / name, slots)


@pytest.mark.parametrize("entry", ["{}/video.mp4", "'a video.mp4'", "../cam/video.mp4"])
def test_an_unsafe_ffconcat_list_is_refused_with_the_rules(tmp_path, make_video, slots, entry):
    path = tmp_path / "day.ffconcat"
    path.write_text(f"ffconcat version 1.0\nfile {entry.format(make_video().parent)}\n")
    message = r"day\.ffconcat as a video: its file lines must be relative paths of ASCII letters, "
    with pytest.raises(SourceError, match=message):
        read_media(path, slots)


def test_an_ffconcat_list_is_read_to_the_end(make_video, slots):
    path = make_video("video.mp4").with_name("day.ffconcat")
    path.write_text("ffconcat version 1.0\nfile video.mp4\nfile video.mp4\n")
    assert read_media(path, slots)[-1] == EndOfStream("cam", 0, 24, EndReason.COMPLETE)
    path.write_text("ffconcat version 1.0\nfile nowhere.mp4\n")
    with pytest.raises(SourceError, match=r"day\.ffconcat as a video: a file that it lists is not"):
        read_media(path, slots)


def test_a_colon_in_a_file_name_is_not_a_protocol(make_video, slots, monkeypatch):
    video = make_video("2026-11-26T12:30:00.mp4")
    monkeypatch.chdir(video.parent)
    assert read_media(video.name, slots)[-1] == EndOfStream("cam", 0, 12, EndReason.COMPLETE)


def test_a_missing_file_is_reported(slots):
    with pytest.raises(SourceError, match=r"no such file: nowhere\.mp4"):
        read_media("nowhere.mp4", slots)


def test_credentials_are_never_shown(slots):
    with pytest.raises(SourceError) as error:
        read_media("rtsp://user:secret@127.0.0.1:9/live", slots)
    assert "secret" not in str(error.value)


def test_only_urls_and_pipes_are_waited_for(make_video, slots):
    class Waited:
        count = 0

        def __enter__(self):
            self.count += 1

        def __exit__(self, *_):
            pass

    path = make_video("crossing.mkv")
    pipe = path.with_name("pipe.mkv")
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(path.read_bytes(),)).start()
    for location, waits in ((f"file://{path}", True), (pipe, True), (path, False)):
        waited = Waited()
        _, *frames, _ = read_media(location, slots, runtime=SourceRuntime(waited=waited))
        assert len(frames) == 12
        assert waited.count > len(frames) if waits else waited.count == 0
