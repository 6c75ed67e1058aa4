import random

import pytest

from tests.tools.conftest import write_coco
from tools.training.copies import copy_notes, find_copies
from tools.training.data import read_training_data
from tools.training.trainer import train


def test_files_are_copies_only_if_all_bytes_match(tmp_path):
    content = random.Random(0).randbytes(5000)

    def write(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    trained = [
        write("other", content[::-1]),
        write("first", content),
        write("second", content),
        write("longer", content + b"\0"),
        tmp_path / "missing",
    ]
    held = [
        write("begins otherwise", b"\0" + content[1:]),
        write("differs inside", content[:2500] + b"\0" + content[2501:]),
        write("copy", content),
        write("of another size", content[:-1]),
        write("another copy", content),
        tmp_path / "missing",
    ]
    assert find_copies(trained, held) == [(held[2], trained[1]), (held[4], trained[1])]


@pytest.mark.parametrize(
    ("scenes", "message"),
    [
        ("x", "1 held-out image is a copy of a training image"),
        ("xyz", "3 held-out images are copies of training images"),
    ],
)
def test_held_out_copies_are_logged_before_training(
    tiny_config, data_set, tmp_path, caplog, scenes, message
):
    other = write_coco(tmp_path / "other", scenes)  # draws the same images
    train(tiny_config(data=[{"path": data_set}, {"path": other, "held_out": "all"}], steps=1))
    copy, copied = (root / "images" / "1.png" for root in (other, data_set))
    assert caplog.messages[0] == f"{message}, as {copy} is of {copied}"


def test_images_without_copies_are_not_reported(tiny_config):
    assert copy_notes(read_training_data(tiny_config())) == []
