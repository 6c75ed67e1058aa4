"""Pictures of the scene, made from overlays."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stages.errors import SourceError
from stages.records import UInt8Array
from tools.mapping.scene import scene_of, video_size


def write_video(path: Path, size: tuple[int, int], frames: int, level: int = 100) -> Path:
    """Writes a video of a bright square that crosses a uniform background."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(frames):
            image = np.full((size[1], size[0], 3), level, np.uint8)
            left = (size[0] - 16) * index // frames
            image[16:32, left : left + 16] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def as_it_is(frame: UInt8Array, overlay: Path) -> None:
    """Covers nothing."""


def test_moving_objects_are_removed_from_the_scene(tmp_path: Path) -> None:
    overlay = write_video(tmp_path / "overlay.mp4", (128, 48), 60)
    scene = scene_of([overlay], as_it_is)
    assert scene is not None
    assert scene.shape == (48, 128, 3)
    assert np.abs(scene.astype(int) - 100).max() < 12
    assert video_size(overlay) == (128, 48)


def test_the_scene_is_made_from_all_parts_of_the_latest_size(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"overlay-{number}.mp4", size, 4, level)
        for number, (size, level) in enumerate(
            [((64, 48), 250), ((128, 48), 60), ((128, 48), 60), ((128, 48), 200)]
        )
    ]
    scene = scene_of(parts, as_it_is)
    assert scene is not None
    assert scene.shape == (48, 128, 3)
    assert abs(int(scene[40, 64, 0]) - 60) < 12
    many = scene_of([parts[1]] * 60 + [parts[3]] * 90, as_it_is)
    assert many is not None
    assert abs(int(many[40, 64, 0]) - 200) < 12


def test_readable_frames_of_a_damaged_overlay_are_used(tmp_path: Path) -> None:
    overlay = write_video(tmp_path / "overlay.mp4", (128, 48), 60)
    content = bytearray(overlay.read_bytes())
    pictures = content.index(b"mdat")
    middle = (pictures + content.index(b"moov")) // 2
    content[middle : middle + 200] = bytes(200)
    overlay.write_bytes(content)
    with pytest.raises(av.error.FFmpegError), av.open(str(overlay)) as container:
        [*container.decode(video=0)]
    scene = scene_of([overlay], as_it_is)
    assert scene is not None
    assert np.median(np.abs(scene.astype(int) - 100)) < 12  # some are damaged


def test_no_overlay_gives_no_scene() -> None:
    assert scene_of([], as_it_is) is None


def test_an_unreadable_overlay_is_reported(tmp_path: Path) -> None:
    (tmp_path / "overlay.mp4").write_bytes(bytes(1000))
    with pytest.raises(SourceError, match=r"overlay\.mp4"):
        scene_of([tmp_path / "overlay.mp4"], as_it_is)
