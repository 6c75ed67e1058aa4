import cv2
import numpy as np
import pytest

from stages.errors import SourceError
from tools.detection.images import image_paths, read_images


def test_a_path_may_be_an_image_or_a_folder_of_images(tmp_path):
    for name in ("b.png", "a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    assert image_paths(tmp_path) == [tmp_path / "a.jpg", tmp_path / "b.png"]
    assert image_paths(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


def test_paths_without_images_are_reported(tmp_path):
    video = tmp_path / "north crossing.MP4"
    video.touch()
    for path, message in (
        (tmp_path, "holds no images"),
        (tmp_path / "c.png", "no such image or folder: .*c.png"),
        (video, f"^{video} is a video; `spotstream run '{video}'` detects in it and tracks$"),
    ):
        with pytest.raises(SourceError, match=message):
            image_paths(path)


def test_unreadable_images_are_left_out_and_reported(tmp_path):
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path in paths[::2]:
        cv2.imwrite(str(path), np.full((8, 9, 3), 70, np.uint8))
    messages = []
    read = list(read_images(paths, messages.append))
    assert [path for path, _ in read] == paths[::2]
    assert [image.shape for _, image in read] == [(8, 9, 3)] * 2
    assert len(messages) == 1
    assert f"cannot read image {paths[1]}" in messages[0]
