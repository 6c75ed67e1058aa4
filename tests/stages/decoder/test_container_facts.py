from fractions import Fraction

import av
import numpy as np
import pytest

from stages.decoder.container_facts import frame_rate, stated_length
from stages.decoder.media import MediaSource
from stages.records import EndOfStream, EndReason


@pytest.fixture(params=["mkv", "webm"])
def with_sound(request, tmp_path):
    """A video of 4 s, 100 frames, whose sound lasts 6 s."""
    path = tmp_path / f"sound.{request.param}"
    webm = request.param == "webm"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx" if webm else "libx264", 25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("libopus" if webm else "aac", 48_000)
        for second in range(6):
            for _ in range(25 if second < 4 else 0):
                noise = rng.integers(0, 255, (64, 96, 3), np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(noise, format="bgr24")))
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts = 48_000, second * 48_000
            sound.time_base = Fraction(1, 48_000)
            container.mux(audio.encode(sound))
        container.mux([*video.encode(), *audio.encode()])
    return path


@pytest.mark.parametrize("rate", [10, 25, Fraction(30_000, 1001)])
def test_a_briefly_probed_stream_has_its_frame_rate_not_field_rate(tmp_path, rate):
    path = tmp_path / "camera.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        video = container.add_stream("libx264", rate)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        for _ in range(30):
            container.mux(video.encode(av.VideoFrame(96, 64, "yuv420p")))
        container.mux(video.encode())
    with av.open(str(path), options={"fpsprobesize": "0"}) as container:  # as for a camera
        assert frame_rate(container.streams.video[0]) == rate


def test_a_format_without_times_has_the_frame_rate_of_its_codec(tmp_path, slots):
    path = tmp_path / "raw.h264"
    with av.open(str(path), "w", format="h264") as container:
        video = container.add_stream("libx264", 30)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 96, 3), np.uint8), format="bgr24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
    start, *frames, _ = MediaSource(str(path), name="cam").records(slots)
    assert start.frame_rate == 30
    assert [round(each.header.seconds, 3) for each in frames[::3]] == [0, 0.1, 0.2, 0.3]


def test_matroska_durations_with_hours_are_parsed_beside_sound(tmp_path):
    with av.open(str(tmp_path / "long.mkv"), "w") as container:
        video = container.add_stream("libx264", 25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("aac", 48_000)
        for seconds in (0, 3723):
            frame = av.VideoFrame(96, 64, "yuv420p")
            frame.pts, frame.time_base = 25 * seconds, Fraction(1, 25)
            container.mux(video.encode(frame))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
        sound.sample_rate, sound.pts, sound.time_base = 48_000, 0, Fraction(1, 48_000)
        container.mux([*audio.encode(sound), *video.encode(), *audio.encode()])
    with av.open(str(tmp_path / "long.mkv")) as container:
        length = stated_length(container, container.streams.video[0])
    assert length == pytest.approx(3723.04, abs=0.05)


def read_end(path, slots):
    *_, end = MediaSource(str(path), name="cam").records(slots)
    return end


def test_sound_may_last_longer_than_the_video(with_sound, slots):
    assert read_end(with_sound, slots) == EndOfStream("cam", 0, 100, EndReason.COMPLETE)


def test_a_truncated_video_with_sound_is_reported(with_sound, slots):
    content = with_sound.read_bytes()
    with_sound.write_bytes(content[: len(content) // 2])
    end = read_end(with_sound, slots)
    assert 30 < end.frames < 70
    assert end.reason is EndReason.TRUNCATED
    assert end.message.endswith(" of 4.0 s")
