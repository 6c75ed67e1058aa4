import json
import shutil
from dataclasses import replace
from importlib.metadata import version

import cv2
import numpy as np
import pytest

from stages.atomic import replacing
from stages.decoder.image_folder import image_files
from stages.errors import OutputError
from tests.tools.processes import run_python
from tests.tools.segmentation.drawn import draw, write_detrac
from tools.datasets.formats import read_data_set
from tools.main import app
from tools.segmentation.mask_record import RECORD, refuse_other_masks, remove_outdated
from tools.segmentation.options import Method, SegmentOptions, Subtractor
from tools.segmentation.plan import make_plan
from tools.segmentation.sequence import segment_sequence
from tools.workers import StoppedError

NAMES = "MVI_00001", "MVI_00002"
BY_BACKGROUND = SegmentOptions(Method.BACKGROUND)
BY_FLOW = SegmentOptions(Method.FLOW)
BY_BOXES = SegmentOptions(Method.BOXES)
KILLED_AT_THE_FIFTEENTH = """
import os, signal
from tools.main import main
from tools.segmentation import sequence

write, written = sequence._write, []

def write_or_die(path, mask):
    written.append(path)
    if len(written) == 15:
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, mask)

sequence._write = write_or_die
main()
"""


@pytest.fixture
def root(tmp_path):
    write_detrac(tmp_path / "set", NAMES[0], draw(10))
    return tmp_path / "set"


def sequences(root):
    return make_plan(root, root).sequences


def segment(root, options):
    for frames in sequences(root):
        segment_sequence(frames, options)


def interrupt(root, options):
    asked = iter([False] * 4 + [True])
    with pytest.raises(StoppedError):
        segment_sequence(sequences(root)[0], options, stopped=lambda: next(asked))


def masks_of(root, name):
    return {path.name: path.read_bytes() for path in (root / "masks" / name).glob("*.png")}


@pytest.mark.parametrize(
    ("made", "asked", "difference"),
    [
        (BY_BACKGROUND, BY_BOXES, "method: background there, boxes now"),
        (BY_BOXES, BY_FLOW, "method: boxes there, flow now"),
        (BY_BOXES, SegmentOptions(), "method: boxes there, auto now"),
        (
            BY_BACKGROUND,
            replace(BY_BACKGROUND, subtractor=Subtractor.KNN),
            "subtractor: median there, knn now",
        ),
        (BY_FLOW, replace(BY_FLOW, blur=False), "blur: true there, false now"),
        (BY_FLOW, replace(BY_FLOW, fill_empty=False), "fill-empty: true there, false now"),
    ],
)
def test_masks_made_with_other_options_are_refused_with_the_difference(
    root, made, asked, difference
):
    interrupt(root, made)
    with pytest.raises(OutputError, match=rf"MVI_00001 holds .*\({difference}\).*--overwrite"):
        refuse_other_masks(sequences(root), asked)
    segment(root, made)
    with pytest.raises(OutputError, match=difference):
        refuse_other_masks(sequences(root), asked)


def test_masks_of_another_release_are_accepted(root):
    interrupt(root, BY_FLOW)
    file = root / "masks" / NAMES[0] / RECORD
    record = json.loads(file.read_text())
    assert record["release"] == version("spotstream")
    file.write_text(json.dumps(record | {"release": "0.1.0"}))
    refuse_other_masks(sequences(root), BY_FLOW)


def test_options_without_effect_on_the_masks_are_no_difference(root):
    interrupt(root, BY_BOXES)
    refuse_other_masks(sequences(root), replace(BY_BOXES, blur=False, subtractor=Subtractor.KNN))


def test_auto_continues_with_the_method_of_existing_masks(root):
    interrupt(root, BY_FLOW)
    refuse_other_masks(sequences(root), SegmentOptions())
    summary = segment_sequence(sequences(root)[0], SegmentOptions())
    assert (summary.method, summary.written, summary.kept) == ("flow", 6, 4)


@pytest.mark.parametrize("content", [None, b"", b"[]"])
def test_masks_without_a_readable_record_are_always_accepted(root, content):
    segment(root, BY_FLOW)
    record = root / "masks" / NAMES[0] / RECORD
    record.unlink() if content is None else record.write_bytes(content)
    refuse_other_masks(sequences(root), BY_BOXES)
    remove_outdated(sequences(root), overwrite=False)
    assert segment_sequence(sequences(root)[0], BY_BOXES).kept == 10


def test_record_without_masks_allows_any_options(root):
    segment(root, BY_FLOW)
    for mask in (root / "masks" / NAMES[0]).glob("*.png"):
        mask.unlink()
    refuse_other_masks(sequences(root), BY_BOXES)


def test_mask_readers_do_not_see_the_record(root):
    segment(root, BY_FLOW)
    assert len(image_files(root / "masks" / NAMES[0])) == 10
    data_set = read_data_set(root)
    assert not data_set.problems
    assert [sample.mask.suffix for sample in data_set.samples] == [".png"] * 10


def test_killed_overwrite_is_continued_without_the_option(root):
    write_detrac(root, NAMES[1], draw(10, pan=3.0))
    fresh = root.parent / "fresh"
    shutil.copytree(root, fresh)
    segment(fresh, BY_FLOW)
    segment(root, BY_BOXES)
    arguments = ["segment", str(root), "--method", "flow", "--workers", "1"]
    assert run_python("-c", KILLED_AT_THE_FIFTEENTH, *arguments, "--overwrite").returncode == -9
    app(arguments, standalone_mode=False)
    for name in NAMES:
        assert masks_of(root, name) == masks_of(fresh, name)


def test_overwrite_killed_while_removing_masks_is_continued(root, monkeypatch):
    write_detrac(root, NAMES[1], draw(10, pan=3.0))
    segment(root, BY_BOXES)
    removed = []

    def remove(path):
        if len(removed) == 15:
            raise KeyboardInterrupt
        removed.append(path)
        path.unlink()

    monkeypatch.setattr("tools.segmentation.mask_record.remove_file", remove)
    with pytest.raises(KeyboardInterrupt):
        remove_outdated(sequences(root), overwrite=True)
    monkeypatch.undo()
    remove_outdated(sequences(root), overwrite=False)
    assert not any(masks_of(root, name) for name in NAMES)


def test_overwrite_killed_before_marking_all_folders_is_continued(root, monkeypatch):
    write_detrac(root, NAMES[1], draw(10, pan=3.0))
    segment(root, BY_BOXES)
    first = root / "masks" / NAMES[0] / RECORD

    def write_only_the_first(path, **others):
        if path != first:
            raise KeyboardInterrupt
        return replacing(path, **others)

    monkeypatch.setattr("tools.segmentation.mask_record.replacing", write_only_the_first)
    with pytest.raises(KeyboardInterrupt):
        remove_outdated(sequences(root), overwrite=True)
    assert all(len(masks_of(root, name)) == 10 for name in NAMES)
    remove_outdated(sequences(root), overwrite=False)
    assert not any(masks_of(root, name) for name in NAMES)


def test_masks_of_single_images_are_overwritten(tmp_path):
    cv2.imwrite(str(tmp_path / "street.jpg"), np.full((60, 80, 3), 90, np.uint8))
    image = {"id": 1, "file_name": "street.jpg", "width": 80, "height": 60, "scene": "s"}
    for box in ([10, 20, 30, 15], [40, 5, 20, 30]):
        annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": box}
        categories = [{"id": 1, "name": "car"}]
        content = {"images": [image], "annotations": [annotation], "categories": categories}
        (tmp_path / "annotations.json").write_text(json.dumps(content))
        app(["segment", str(tmp_path), "--overwrite", "--workers", "1"], standalone_mode=False)
    mask = cv2.imread(str(tmp_path / "masks" / "s" / "street.png"), cv2.IMREAD_GRAYSCALE)
    assert cv2.boundingRect(mask) == (40, 5, 20, 30)
    assert [path.name for path in (tmp_path / "masks" / "s").iterdir()] == ["street.png"]
