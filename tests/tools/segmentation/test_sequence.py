from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.errors import OutputError
from tests.tools.annotations.detrac_file import target
from tests.tools.datasets.conftest import make_sample
from tests.tools.datasets.detrac import write_sequence
from tests.tools.segmentation.drawn import draw, iou, write_detrac
from tools.segmentation import plan, sequence
from tools.segmentation.frames import SequenceFrame
from tools.segmentation.mask_record import RECORD
from tools.segmentation.options import Method, SegmentOptions
from tools.segmentation.plan import make_plan
from tools.segmentation.sequence import is_complete, segment_sequence
from tools.workers import StoppedError, Workers

SHARP = SegmentOptions(blur=False)


@pytest.fixture
def fixed_camera(tmp_path):
    drawn = draw(16, standing=True)
    write_detrac(tmp_path / "set", "MVI_00001", drawn)
    return tmp_path / "set", drawn


def only_sequence(root, output=None):
    [frames] = make_plan(root, output or root).sequences
    return frames


def masks_of(root, name="MVI_00001"):
    return [
        cv2.imread(str(p), cv2.IMREAD_GRAYSCALE)
        for p in sorted((root / "masks" / name).glob("*.png"))
    ]


def test_fixed_camera_uses_background_and_fills_standing_cars(fixed_camera):
    root, drawn = fixed_camera
    summary = segment_sequence(only_sequence(root), SHARP)
    assert (summary.method, summary.written, summary.kept) == ("background", 16, 0)
    masks = masks_of(root)
    for mask, truth in zip(masks, drawn.masks, strict=True):
        assert mask.shape == truth.shape
        assert set(np.unique(mask)) == {0, 255}
        assert iou(mask[:64], truth[:64]) > 0.85
        assert iou(mask[64:], truth[64:]) > 0.6
    other = root.parent / "other"
    segment_sequence(only_sequence(root, other), SegmentOptions(blur=False, fill_empty=False))
    assert not any(mask[64:].any() for mask in masks_of(other))


def test_moving_camera_uses_flow_inside_the_boxes(tmp_path):
    drawn = draw(12, pan=3.0, speed=5.0)
    write_detrac(tmp_path, "MVI_00001", drawn)
    summary = segment_sequence(only_sequence(tmp_path), SHARP)
    assert (summary.method, summary.written) == ("flow", 12)
    for mask, truth, boxes in zip(masks_of(tmp_path), drawn.masks, drawn.boxes, strict=True):
        assert iou(mask, truth) > 0.5
        left, top, right, bottom = boxes[0].astype(int)
        mask[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = 0
        assert not mask.any()


def test_second_run_keeps_whole_masks_and_rewrites_damaged_ones(fixed_camera):
    root, _ = fixed_camera
    segment_sequence(only_sequence(root), SHARP)
    before = masks_of(root)
    again = segment_sequence(only_sequence(root), SHARP)
    assert (again.method, again.written, again.kept) == ("", 0, 16)
    folder = root / "masks" / "MVI_00001"
    (folder / "img00003.png").unlink()
    torn = folder / "img00009.png"
    torn.write_bytes(torn.read_bytes()[:-20])
    assert not is_complete(torn)
    mended = segment_sequence(only_sequence(root), SHARP)
    assert (mended.method, mended.written, mended.kept) == ("background", 2, 14)
    assert all(np.array_equal(a, b) for a, b in zip(before, masks_of(root), strict=True))


def test_flow_writes_only_missing_masks(tmp_path):
    write_detrac(tmp_path, "MVI_00001", draw(12, pan=3.0, speed=5.0))
    segment_sequence(only_sequence(tmp_path), SHARP)
    before = masks_of(tmp_path)
    for name in ("img00001.png", "img00007.png", "img00012.png"):
        (tmp_path / "masks" / "MVI_00001" / name).unlink()
    done = []
    summary = segment_sequence(only_sequence(tmp_path), SHARP, done.append)
    assert (summary.written, summary.kept, sum(done)) == (3, 9, 12)
    assert all(np.array_equal(a, b) for a, b in zip(before, masks_of(tmp_path), strict=True))


def test_unreadable_image_is_reported_once_and_left_out(fixed_camera):
    root, _ = fixed_camera
    bad = root / "images" / "MVI_00001" / "img00005.jpg"
    bad.write_bytes(bad.read_bytes()[:900])
    done = []
    summary = segment_sequence(only_sequence(root), SHARP, done.append)
    assert (summary.written, sum(done)) == (15, 16)
    [problem] = summary.problems
    assert "img00005.jpg" in problem
    again = segment_sequence(only_sequence(root), SHARP)
    assert (again.method, again.written, again.kept) == ("", 0, 15)
    assert len(again.problems) == 1


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (9, [(0, 4), (1, 5), (2, 6), (3, 7), (4, 0, 8), (5, 1), (6, 2), (7, 3), (8, 4)]),
        (3, [(0, 2), (1, 0), (2, 0)]),
    ],
)
def test_flow_compares_with_the_fourth_frame_before_and_after(
    tmp_path, monkeypatch, frames, expected
):
    compared = []

    def record(gray, beside, boxes, flow):
        compared.append(tuple(int(each[0, 0]) for each in (gray, *beside)))
        return np.zeros_like(gray)

    monkeypatch.setattr(sequence, "moving_foreground", record)
    for number in range(frames):
        shade = np.full((40, 60, 3), number, np.uint8)
        cv2.imwrite(str(tmp_path / f"img{number:05d}.png"), shade)
    segment_sequence(only_sequence(tmp_path, tmp_path / "out"), SegmentOptions(Method.FLOW))
    assert compared == expected


def test_large_frames_are_sampled_across_the_whole_sequence(fixed_camera, monkeypatch):
    root, drawn = fixed_camera
    monkeypatch.setattr(sequence, "_LEARNED_BYTES", 8 * drawn.images[0].nbytes)
    learned = sequence._learned(only_sequence(root), 16)
    assert [int(frame.mask.stem[3:]) for frame in learned] == list(range(1, 17, 2))


@pytest.mark.parametrize("method", [Method.AUTO, Method.BACKGROUND, Method.FLOW])
def test_frame_of_another_size_is_left_out(tmp_path, method):
    for number, image in enumerate(draw(16).images, start=1):
        shown = image[:100, :150] if number == 7 else image
        cv2.imwrite(str(tmp_path / f"img{number:05d}.png"), shown)
    for written, kept in ((15, 0), (0, 15)):
        frames = only_sequence(tmp_path, tmp_path / "out")
        summary = segment_sequence(frames, SegmentOptions(method))
        assert (summary.written, summary.kept) == (written, kept)
        assert bool(summary.method) == bool(written)  # empty if nothing was computed
        assert summary.problems == [
            f"img00007 of {summary.name} has another size than the first frame"
        ]


def test_image_with_the_mask_of_another_is_reported_and_left_out(tmp_path):
    for name in ("img1.jpg", "img1.png", "img2.jpg"):
        cv2.imwrite(str(tmp_path / name), draw(1).images[0])
    plan = make_plan(tmp_path, tmp_path / "out")
    [frames] = plan.sequences
    assert [mask.name for mask in frames.masks()] == ["img1.png", "img2.png"]
    assert [sample.path.name for sample in plan.samples] == ["img1.jpg", "img2.jpg"]
    [problem] = plan.problems
    assert "the same mask as" in problem
    assert "img1.png: " in problem


def test_stopped_run_leaves_whole_files_and_resumes_to_the_same_masks(fixed_camera, tmp_path):
    root, _ = fixed_camera
    asked = iter([False] * 5 + [True])
    with pytest.raises(StoppedError):
        segment_sequence(only_sequence(root), SHARP, stopped=lambda: next(asked))
    left = sorted(path.name for path in (root / "masks" / "MVI_00001").iterdir())
    assert left == [RECORD, *(f"img0000{number}.png" for number in range(1, 6))]
    segment_sequence(only_sequence(root), SHARP)
    other = tmp_path / "other"
    segment_sequence(only_sequence(root, other), SHARP)
    assert all(np.array_equal(a, b) for a, b in zip(masks_of(root), masks_of(other), strict=True))


def test_full_disk_is_reported_and_leaves_no_partial_file(fixed_camera, full_disk):
    root, _ = fixed_camera
    (full_disk / "ballast").write_bytes(bytes(62_000))
    with pytest.raises(OutputError, match="no space left"):
        segment_sequence(only_sequence(root, full_disk), SHARP)
    assert all(is_complete(p) for p in (full_disk / "masks").rglob("*.png*"))


def test_several_processes_write_the_same_masks_as_one(fixed_camera, tmp_path):
    root, _ = fixed_camera
    write_detrac(root, "MVI_00002", draw(10, pan=3.0))
    done = []
    for count in (1, 2):
        output = tmp_path / str(count)
        plan = make_plan(root, output)
        frames = []
        work = partial(segment_sequence, options=SegmentOptions())
        with Workers(count) as workers:
            summaries = list(workers.do_all(work, plan.sequences, frames.append))
        done.append(sorted((each.name, each.method, each.written) for each in summaries))
        assert sum(frames) == 26
    assert done[0] == done[1]
    for name in ("MVI_00001", "MVI_00002"):
        one, two = masks_of(tmp_path / "1", name), masks_of(tmp_path / "2", name)
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_boxes_method_fills_the_boxes(fixed_camera):
    root, drawn = fixed_camera
    segment_sequence(only_sequence(root), SegmentOptions(Method.BOXES))
    left, top, right, bottom = drawn.boxes[0][1].astype(int)
    assert masks_of(root)[0][top + 1 : bottom - 1, left + 1 : right - 1].all()


def test_specks_are_removed_only_without_boxes():
    image, found = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), np.uint8)
    found[10, 10] = found[50:60, 50:60] = 255
    frame = SequenceFrame(Path("a.png"), image, None)
    assert not sequence._refined(frame, found, None, SHARP)[:40].any()
    boxed = replace(frame, boxes=np.array([[8, 8, 14, 14]], np.float32))
    options = SegmentOptions(blur=False, fill_empty=False)
    assert sequence._refined(boxed, found, None, options)[10, 10]


def test_too_few_frames_for_a_background_fall_back_to_flow(tmp_path):
    write_detrac(tmp_path, "MVI_00001", draw(7))
    assert segment_sequence(only_sequence(tmp_path), SHARP).method == "flow"


def test_every_single_image_is_in_one_part_of_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "TOGETHER", 2)
    samples = [make_sample(Path(f"{name}.png")) for name in "abcde"]
    made = plan.Plan()
    plan._add(made, samples, tmp_path)
    parts = [[mask.stem for mask in frames.masks()] for frames in made.singles]
    assert parts == [["a", "b"], ["c", "d"], ["e"]]


def test_boxes_still_used_are_not_reported_as_left_out(tmp_path):
    write_sequence(tmp_path, "MVI_1", {1: target(1, 91), 2: target(1, 10, width=0)}, 2)  # cut, flat
    problems = make_plan(tmp_path, tmp_path).problems
    assert problems == ["box without area: MVI_1.xml, frame 2"]
