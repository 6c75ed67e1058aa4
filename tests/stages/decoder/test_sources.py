from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.decoder.image_folder import ImageFolderSource
from stages.decoder.live import LiveSource
from stages.decoder.live_options import LiveOptions
from stages.decoder.locations import SourceSpec, expand_sources
from stages.decoder.media import MediaSource
from stages.decoder.recording_source import RecordingSource
from stages.decoder.source import FrameSelection, HeapAllocator, ResumePoint, SourceRuntime
from stages.decoder.sources import open_source
from stages.errors import SourceError
from stages.records import EndReason
from tests.stages.decoder.recording import lumas, write_camera


@pytest.fixture
def images(tmp_path):
    for number in range(1, 5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((48, 64, 3), np.uint8))
    return SourceSpec("images", str(tmp_path))


def read(source):
    start, *frames, _ = source.records(HeapAllocator())
    return start.frame_rate, [frame.header.number for frame in frames]


def test_a_source_needs_only_its_location(images):
    assert read(open_source(images)) == (25, [1, 2, 3, 4])


def test_a_location_may_be_a_path(images):
    path = Path(images.location)
    assert SourceSpec("images", path) == images
    assert read(open_source(SourceSpec("images", path))) == (25, [1, 2, 3, 4])


def test_a_file_url_is_read_once_at_full_speed(tmp_path):
    write_camera(tmp_path / "camera.m2ts")
    [spec] = expand_sources([f"file://{tmp_path}/camera.m2ts"])
    waits = []
    records = open_source(spec, runtime=SourceRuntime(wait=waits.append)).records(HeapAllocator())
    *frames, end = records
    assert lumas(frames) == [40 + 5 * index for index in range(40)]
    assert (end.reason, waits) == (EndReason.COMPLETE, [])


def test_frames_and_their_rate_can_be_chosen(images):
    source = open_source(images, selection=FrameSelection(2, 3), frame_rate=Fraction(30000, 1001))
    assert read(source) == (Fraction(30000, 1001), [2, 3])


def test_every_kind_of_source_receives_its_options(images, tmp_path):
    selection, runtime = FrameSelection(2, 3), SourceRuntime()
    live, resume_point, recorder = LiveOptions(timeout=7.0), ResumePoint(1, 2, 3), object()
    recording = tmp_path / "recording"
    recording.mkdir()
    (recording / "00000000-e0-20260101T000000Z.mkv").touch()

    def opened(location, layout="", frame_rate=""):
        return open_source(
            SourceSpec("cam", location, layout, frame_rate=frame_rate),
            selection=selection,
            frame_rate=Fraction(10),
            live=live,
            hardware="cuda",
            paced=True,
            recorder=recorder,
            resume_from=resume_point,
            runtime=runtime,
        )

    given = {"name": "cam", "selection": selection, "runtime": runtime}
    assert opened("rtsp://cam") == LiveSource(
        "rtsp://cam",
        options=live,
        hardware="cuda",
        recorder=recorder,
        resume_from=resume_point,
        **given,
    )
    given_video = given | {"hardware": "cuda", "paced": True}
    assert opened("a.mp4", "mot") == MediaSource("a.mp4", layout="mot", timeout=7.0, **given_video)
    assert opened(recording) == RecordingSource(recording, **given_video)
    folder = Path(images.location)
    for stated, rate in [("", 10), ("15", 15)]:
        assert opened(folder, "mot", stated) == ImageFolderSource(
            folder, layout="mot", frame_rate=Fraction(rate), **given
        )
    assert isinstance(opened("a.JPG"), ImageFolderSource)


def test_the_options_of_open_source_are_keyword_only(images):
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        open_source(images, FrameSelection(), Fraction(25))


def test_a_range_may_hold_one_frame():
    chosen = FrameSelection(3, 3)
    assert [index for index in range(9) if chosen.takes(index)] == [2]


def test_stream_names_are_unique_and_url_schemes_lower_case():
    [spec] = expand_sources(["RTSP://cam/Live"], taken={"cam-Live"})
    assert (spec.name, spec.location) == ("cam-Live-2", "rtsp://cam/Live")


def test_a_file_in_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"^no such source: .*/none/cam\.mp4$"):
        expand_sources([f"{tmp_path}/none/cam.mp4"])
