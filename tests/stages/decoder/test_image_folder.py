import cv2
import numpy as np

from stages.decoder.image_folder import ImageFolderSource
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
