from fractions import Fraction

import cv2
import numpy as np
import pytest

from stages.decoder.image_folder import ImageFolderSource, image_files
from stages.decoder.source import FrameSelection, SourceRuntime
from stages.errors import SourceError
from stages.records import Dropped, EndReason, Frame, StreamStart


def fill(folder, names, size=(48, 64)):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((*size, 3), 10 * number, np.uint8))


def read(folder, slots, **options):
    return list(ImageFolderSource(folder, name="cam", **options).records(slots))


def numbered(folder, names, slots, **options):
    """Returns the frame numbers of images with these names, and the notices about them."""
    fill(folder, names)
    notices = []
    _, *frames, _ = read(folder, slots, runtime=SourceRuntime(notify=notices.append), **options)
    return [frame.header.number for frame in frames], notices


def test_images_are_read_in_natural_order(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png", "f2.png", "f10.png"])
    _, *frames, end = read(tmp_path / "a", slots)
    assert [int(f.pixels[0, 0, 0]) for f in frames] == [0, 10, 20]
    assert end.reason is EndReason.COMPLETE


def test_names_that_differ_only_in_zeros_or_case_have_a_fixed_order(tmp_path):
    names = [
        f"{prefix}{'0' * zeros}1.png" for prefix in ("IMG", "img") for zeros in (4, 3, 2, 1, 0)
    ]
    for name in names[::2] + names[1::2]:
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == names


def test_hidden_files_are_ignored_and_change_no_frame_number(tmp_path, slots):
    fill(tmp_path / "a", ["img00004.png", "img00005.png"])
    for name in ("._img00004.png", "._img00005.png"):
        (tmp_path / "a" / name).write_bytes(b"\0\5\x16\7")
    _, *frames, end = read(tmp_path / "a", slots)
    assert [frame.header.number for frame in frames] == [4, 5]
    assert (end.frames, end.message) == (2, "")


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_only_the_first_image_of_a_multi_image_file_is_read(tmp_path, slots, name):
    path, notices = tmp_path / name, []
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in (10, 200)]
    if name == "a.tif":
        cv2.imwritemulti(str(path), pictures)
    else:
        animation = cv2.Animation()
        animation.frames, animation.durations = pictures, np.array([40, 40])
        cv2.imwriteanimation(str(path), animation)
    _, frame, end = read(path, slots, runtime=SourceRuntime(notify=notices.append))
    assert (int(frame.pixels[0, 0, 0]), end.frames) == (10, 1)
    assert notices == [f"{path} holds 2 images; only the first is read"]


def test_benchmark_names_give_the_frame_numbers(tmp_path, slots):
    fill(tmp_path / "a", ["img00001.png", "img00002.PNG", "img00005.png"])
    _, *frames, _ = read(tmp_path / "a", slots)
    assert [f.header.number for f in frames] == [1, 2, 5]


def test_an_unreadable_image_is_dropped_and_named(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png", "f2.png", "f3.png"])
    (tmp_path / "a" / "f2.png").write_bytes(b"nothing")
    records = read(tmp_path / "a", slots)
    assert [type(r) for r in records[1:4]] == [Frame, Dropped, Frame]
    assert records[2].reason == "unreadable image"
    assert records[-1].message == "cannot read f2.png"


def test_the_first_of_many_unreadable_images_are_named(tmp_path, slots):
    names = [f"f{number}.png" for number in range(1, 8)]
    fill(tmp_path / "a", names)
    for name in names[1:]:
        (tmp_path / "a" / name).write_bytes(b"nothing")
    *_, end = read(tmp_path / "a", slots)
    assert end.message == "cannot read f2.png, f3.png, f4.png and 3 other images"


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_truncated_image_is_dropped(tmp_path, slots, suffix):
    names = [f"f{number}.{suffix}" for number in (1, 2, 3)]
    fill(tmp_path / "a", names)
    broken = tmp_path / "a" / names[1]
    broken.write_bytes(broken.read_bytes()[:-20])
    _, *records, end = read(tmp_path / "a", slots)
    assert [type(r) for r in records] == [Frame, Dropped, Frame]
    assert (end.frames, end.reason) == (3, EndReason.COMPLETE)


def test_a_deleted_image_ends_the_stream(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png", "f2.png", "f3.png"])
    records = ImageFolderSource(tmp_path / "a", name="cam").records(slots)
    assert [type(next(records)) for _ in range(2)] == [StreamStart, Frame]
    (tmp_path / "a" / "f2.png").unlink()
    [end] = records
    assert (end.frames, end.reason) == (1, EndReason.TRUNCATED)
    assert end.message == f"{tmp_path / 'a' / 'f2.png'} is gone"


def test_a_deleted_first_image_is_dropped(tmp_path, slots, monkeypatch):
    fill(tmp_path / "a", ["f1.png", "f2.png"])
    source, files = ImageFolderSource(tmp_path / "a", name="cam"), image_files(tmp_path / "a")
    monkeypatch.setattr("stages.decoder.image_folder.image_files", lambda _: files)
    files[0].unlink()
    start, dropped, frame, end = source.records(slots)
    assert [type(record) for record in (start, dropped, frame)] == [StreamStart, Dropped, Frame]
    assert end.reason is EndReason.COMPLETE


def test_a_stream_has_the_layout_of_its_data_set(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png"])
    start, *_ = read(tmp_path / "a", slots, layout="mot")
    assert (start.layout, start.frame_count) == ("mot", 1)


def test_images_are_shown_at_the_rate_of_the_folder(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png", "f2.png", "f3.png"])
    options = {"frame_rate": Fraction(10), "selection": FrameSelection(every=2)}
    start, *frames, _ = read(tmp_path / "a", slots, **options)
    assert start.frame_rate == 10
    assert [frame.header.seconds for frame in frames] == pytest.approx([0, 0.2])


@pytest.mark.parametrize("size", [(40, 64), (48, 60)])
def test_a_change_of_image_size_ends_the_stream(tmp_path, slots, size):
    fill(tmp_path / "a", ["f1.png", "f2.png"])
    fill(tmp_path / "a", ["f3.png"], size=size)
    (tmp_path / "a" / "f1.png").write_bytes(b"nothing")
    end = read(tmp_path / "a", slots)[-1]
    assert end.reason is EndReason.TRUNCATED
    assert f"f3.png is {size[1]}×{size[0]}, but f2.png is 64×48;" in end.message


@pytest.mark.parametrize(
    "names",
    [
        ["img0.png", "img1.png", "img2.png"],
        ["img00001.jpg", "img00001.png", "img00002.png"],
        ["img1.png", "img01.png", "img7.png"],
        ["img00003.png", "img00004.png", "other.png"],
        ["000003.png", "000004.png", "000005.png"],  # as in the layout of MOTChallenge
    ],
)
def test_names_without_frame_numbers_give_positions(tmp_path, slots, names):
    fill(tmp_path / "a", names)
    _, *frames, end = read(tmp_path / "a", slots)
    assert [f.header.number for f in frames] == [1, 2, 3]
    assert (end.frames, end.reason) == (3, EndReason.COMPLETE)


@pytest.mark.parametrize(
    ("names", "largest"),
    [
        (["img1.png", "img3000000000.png"], "3000000000"),
        (["img1732625821.png", "img1732625822.png", "img1732625823.png"], "1732625823"),
        (["img1.png", "img2.png", "img100001.png"], "100001"),
    ],
)
def test_implausibly_large_numbers_give_positions_and_a_warning(tmp_path, slots, names, largest):
    numbers, notices = numbered(tmp_path / "a", names, slots)
    assert numbers == list(range(1, len(names) + 1))
    (line,) = notices
    assert line.startswith(str(tmp_path / "a"))
    assert largest in line


def test_names_with_gaps_give_frame_numbers(tmp_path, slots):
    names = ["img00030.png", "img00060.png", "img02500.png"]
    assert numbered(tmp_path / "a", names, slots) == ([30, 60, 2500], [])


def test_motchallenge_names_give_frame_numbers_in_its_layout(tmp_path, slots):
    names = ["000001.png", "000002.png", "000004.png"]
    assert numbered(tmp_path / "img1", names, slots, layout="mot") == ([1, 2, 4], [])


def test_names_whose_numbers_do_not_rise_give_positions(tmp_path, slots):
    names = ["000002.png", "000003.png", "img000001.png"]
    assert numbered(tmp_path / "img1", names, slots, layout="mot") == ([1, 2, 3], [])


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["0000.png", "0001.png", "0004.png"], "2 and 1 other are"),
        (["frame_07.png", "frame_08.png", "frame_10.png"], "9 is"),
        (["img0.png", "img2.png"], "1 is"),
        (["f10.png", "f20.png", "f30.png"], ""),
        (["f1.png", "f2.png", "f3.png"], ""),
        (["a.png", "b.png", "c.png"], ""),
    ],
)
def test_names_that_skip_a_few_numbers_are_reported(tmp_path, slots, names, missing):
    numbers, notices = numbered(tmp_path / "a", names, slots)
    assert numbers == list(range(1, len(names) + 1))
    lack = f"number {missing} missing in the names"
    line = f"{tmp_path / 'a'}: {lack}; the frames are numbered 1, 2, 3, … in order"
    assert notices == ([line] if missing else [])


def test_unreadable_first_images_are_dropped_after_the_stream_start(tmp_path, slots):
    fill(tmp_path / "a", ["f1.png", "f2.png", "f3.png"])
    for name in ("f1.png", "f2.png"):
        (tmp_path / "a" / name).write_bytes(b"nothing")
    start, *dropped, frame, end = read(tmp_path / "a", slots)
    assert isinstance(start, StreamStart)
    assert [(r.first, r.last, r.reason) for r in dropped] == [
        (0, 0, "unreadable image"),
        (1, 1, "unreadable image"),
    ]
    assert (frame.header.sequence, frame.header.number) == (2, 3)
    assert (end.frames, end.reason) == (3, EndReason.COMPLETE)


@pytest.mark.parametrize(
    ("names", "more"), [(["f1.png"], ""), (["f1.png", "f2.png"], "; 1 more image cannot be read")]
)
def test_a_folder_without_a_readable_image_is_refused(tmp_path, slots, names, more):
    fill(tmp_path / "a", [])
    for name in names:
        (tmp_path / "a" / name).write_bytes(b"nothing")
    first = r"cannot read image .*f1\.png: not an image, or damaged"
    with pytest.raises(SourceError, match=rf"{first}{more}$"):
        read(tmp_path / "a", slots)
