import cv2
import numpy as np
import pytest

from stages.decoder.image_folder import ImageFolderSource
from stages.decoder.sources import expand_sources
from stages.errors import SourceError
from stages.records import Dropped, EndReason, Frame


def fill(folder, names, size=(48, 64)):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((*size, 3), 10 * number, np.uint8))


def read(folder, slots):
    return list(ImageFolderSource(folder, name="cam").records(slots))


def test_images_come_in_natural_order(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png", "f2.png", "f10.png"])
    _, *frames, end = read(tmp_path / "a", slots)
    assert [int(f.pixels[0, 0, 0]) for f in frames] == [0, 10, 20]
    assert end.reason is EndReason.COMPLETE


def test_benchmark_names_give_the_frame_numbers(tmp_path, slots):
    fill(tmp_path / "a", ["img00001.png", "img00002.png", "img00005.png"])
    _, *frames, _ = read(tmp_path / "a", slots)
    assert [f.header.number for f in frames] == [1, 2, 5]


def test_an_unreadable_image_is_dropped_and_named(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png", "f2.png", "f3.png"])
    (tmp_path / "a" / "f2.png").write_bytes(b"nothing")
    records = read(tmp_path / "a", slots)
    assert [type(r) for r in records[1:4]] == [Frame, Dropped, Frame]
    assert "f2.png" in records[2].reason


def test_another_size_ends_the_stream(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png"])
    fill(tmp_path / "a", ["f2.png"], size=(40, 64))
    end = read(tmp_path / "a", slots)[-1]
    assert end.reason is EndReason.TRUNCATED
    assert "f2.png" in end.message


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty holds neither images nor sequences"):
        expand_sources([str(tmp_path / "empty")])


def test_a_data_set_is_a_list_of_sequences(tmp_path):
    fill(tmp_path / "MVI_20011", ["img00001.png"])
    fill(tmp_path / "MVI_20012", ["img00001.png"])
    specs = expand_sources([str(tmp_path)])
    assert [(s.name, s.layout) for s in specs] == [("MVI_20011", "detrac"), ("MVI_20012", "detrac")]


def test_equal_names_are_made_unique(tmp_path):
    fill(tmp_path / "a", ["f.png"])
    (tmp_path / "b").mkdir()
    fill(tmp_path / "b" / "a", ["f.png"])
    specs = expand_sources([str(tmp_path / "a"), str(tmp_path / "b" / "a")])
    assert [s.name for s in specs] == ["a", "a-2"]
