from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stages.errors import ConfigError
from tests.tools.annotations.detrac_file import annotation, frame, overlap, target
from tests.tools.datasets.conftest import problems, write_image
from tests.tools.datasets.detrac import ANNOTATIONS, IMAGES, write_sequence
from tools.datasets.formats import read_data_set
from tools.datasets.sample import Sample


def by_frame(samples: list[Sample]) -> dict[int | None, Sample]:
    return {sample.frame: sample for sample in samples}


def test_the_layout_of_the_benchmark(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_2", {1: target(1, 30, label="bus")}, 1)
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10), 2: target(1, 12) + target(2, 50)}, 2)
    data_set = read_data_set(tmp_path)
    assert (data_set.format, data_set.problems) == ("detrac", [])
    assert [(s.scene, s.frame) for s in data_set.samples] == [
        ("MVI_1", 1),
        ("MVI_1", 2),
        ("MVI_2", 1),
    ]
    second = data_set.samples[1]
    assert second.path == tmp_path / IMAGES / "MVI_1" / "img00002.jpg"
    assert (second.width, second.height) == (96, 54)
    assert second.boxes.tolist() == [[12, 10, 22, 30], [50, 10, 60, 30]]
    assert second.labels == ("car", "car")
    assert data_set.samples[2].labels == ("bus",)
    assert second.conditions == {"weather": "night", "camera_state": "stable", "split": "train"}


def test_ignored_regions_apply_to_every_frame_and_are_clipped(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10), 2: target(1, 12)}, 2)
    for sample in read_data_set(tmp_path).samples:
        assert sample.ignored.tolist() == [[80, 0, 96, 10]]


def test_hidden_is_the_greater_of_occlusion_and_truncation(tmp_path: Path) -> None:
    quarter = overlap(10, width=2.5)
    targets = [
        target(1, 10, overlaps=quarter),
        target(2, 10, overlaps=quarter, cut=0.4),
        target(3, 10, overlaps=quarter + overlap(15, width=5, status=-1)),
        target(4, 10),
    ]
    write_sequence(tmp_path, "MVI_1", {1: "".join(targets)}, 1)
    (sample,) = read_data_set(tmp_path).samples
    assert sample.hidden.tolist() == pytest.approx([0.25, 0.4, 0.75, 0])


def test_only_the_rear_one_of_two_overlapping_vehicles_is_hidden(tmp_path: Path) -> None:
    """Status 1 hides the other target, which may be listed earlier, with the region, or nowhere."""
    in_front = overlap(15, status=1)
    behind = overlap(15)
    pair = target(2, 10, width=20), target(1, 15, overlaps=in_front)
    twice = target(1, 15, overlaps=in_front) + target(2, 10, width=20, overlaps=behind)
    frames = {1: "".join(pair), 2: "".join(pair[::-1]), 3: twice, 4: pair[1]}
    write_sequence(tmp_path, "MVI_1", frames, 4)
    hidden = [sample.hidden.tolist() for sample in read_data_set(tmp_path).samples]
    assert hidden == [[0.5, 0], [0, 0.5], [0, 0.5], [0]]


def test_unlisted_frame_between_others_has_no_vehicles(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {2: target(1, 10), 4: target(1, 12)}, 5)
    data_set = read_data_set(tmp_path)
    frames = by_frame(data_set.samples)
    assert list(frames) == [2, 3, 4]
    assert frames[3].boxes.shape == (0, 4)
    assert frames[3].labels == ()
    assert problems(data_set) == [
        ("FRAME_NOT_ANNOTATED", f"{IMAGES}/MVI_1/img00001.jpg"),
        ("FRAME_NOT_ANNOTATED", f"{IMAGES}/MVI_1/img00005.jpg"),
    ]


def test_annotations_without_images_and_vice_versa_are_reported(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10), 2: target(1, 10), 9: target(1, 10)}, 1)
    write_sequence(tmp_path, "MVI_2", {1: target(1, 10)}, 0)
    write_image(tmp_path / IMAGES / "MVI_3" / "img00001.jpg")
    data_set = read_data_set(tmp_path)
    assert len(data_set.samples) == 1
    assert problems(data_set) == [
        ("MISSING_FRAME", "MVI_1.xml, frame 2"),
        ("MISSING_FRAME", "MVI_1.xml, frame 9"),
        ("NOT_ANNOTATED", f"{IMAGES}/MVI_3"),
        ("NO_IMAGES", f"{ANNOTATIONS}/MVI_2.xml"),
    ]


def test_flat_outside_and_cut_boxes_are_reported(tmp_path: Path) -> None:
    targets = [
        target(1, 10, width=0),
        target(2, 200),
        target(3, 91),
        target(4, 95.4),
        target(5, 86.5),
    ]
    write_sequence(tmp_path, "MVI_1", {1: "".join(targets)}, 1)
    data_set = read_data_set(tmp_path)
    (sample,) = data_set.samples
    assert sample.boxes.tolist() == [[91, 10, 96, 30], [86.5, 10, 96, 30]]
    assert sample.hidden.tolist() == [0.5, 0]  # half a pixel beyond the border does not count
    location = "MVI_1.xml, frame 1"
    assert problems(data_set) == [
        ("BOX_CUT", location),
        ("BOX_OUTSIDE", location),
        ("BOX_OUTSIDE", location),
        ("FLAT_BOX", location),
    ]


def test_broken_annotation_drops_only_its_sequence(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10)}, 1)
    write_sequence(tmp_path, "MVI_2", {1: target(1, 10)}, 1)
    broken = tmp_path / ANNOTATIONS / "MVI_2.xml"
    broken.write_text(broken.read_text().replace("</target>", ""))
    data_set = read_data_set(tmp_path)
    assert [sample.scene for sample in data_set.samples] == ["MVI_1"]
    ((kind, location),) = problems(data_set)
    assert kind == "UNREADABLE_FILE"
    assert location.startswith(f"{ANNOTATIONS}/MVI_2.xml:6: not well-formed XML")


@pytest.mark.parametrize("folder", [ANNOTATIONS, f"{ANNOTATIONS}-v3", "DETRAC-A"])
def test_version_3_annotation_is_used_only_if_there_is_no_other(
    tmp_path: Path, folder: str
) -> None:
    """The benchmark's archives have a folder for each version."""
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10)}, 1)
    later = tmp_path / folder / "MVI_1_v3.xml"
    later.parent.mkdir(exist_ok=True)
    later.write_text(annotation(frame(1, target(1, 40, label="Sedan"))))
    data_set = read_data_set(tmp_path)
    assert data_set.samples[0].labels == ("car",)
    first = tmp_path / ANNOTATIONS / "MVI_1.xml"
    location = f"MVI_1: {folder}/MVI_1_v3.xml; the one used is {ANNOTATIONS}/MVI_1.xml"
    assert problems(data_set) == [("STATED_TWICE", location)]
    first.unlink()
    assert read_data_set(tmp_path).samples[0].labels == ("Sedan",)


def test_masks_are_found_in_the_masks_folder(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10), 2: target(1, 10)}, 2)
    mask = write_image(tmp_path / "masks" / "MVI_1" / "img00002.png")
    data_set = read_data_set(tmp_path)
    assert [sample.mask for sample in data_set.samples] == [None, mask]
    assert data_set.problems == []


def test_data_set_without_images_is_an_error_of_one_line(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10)}, 0)
    write_sequence(tmp_path, "MVI_2", {1: target(1, 10)}, 0)
    with pytest.raises(ConfigError, match="annotated sequence without images: ") as e:
        read_data_set(tmp_path)
    assert "and 1 more problem" in str(e.value)
    assert "\n" not in str(e.value)


def test_image_size_is_taken_from_an_image_that_opens(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10), 2: target(1, 10)}, 2)
    (tmp_path / IMAGES / "MVI_1" / "img00001.jpg").write_bytes(b"\xff\xd8\xff")
    data_set = read_data_set(tmp_path)
    assert [(s.width, s.height) for s in data_set.samples] == [(96, 54)] * 2
    assert [kind for kind, _ in problems(data_set)] == ["UNREADABLE_IMAGE"]


def test_real_frames(shared: Callable[[str], Path]) -> None:
    data_set = read_data_set(shared("detrac"))
    frames = by_frame(data_set.samples)
    assert list(frames) == [1, 2]
    first = frames[1]
    assert first.boxes[0].tolist() == pytest.approx([592.75, 378.8, 752.8, 540])
    assert first.hidden.tolist() == pytest.approx([0.1, 0])
    assert frames[2].hidden[2] == 0  # in front of another vehicle
    assert len(first.ignored) == 7
    assert first.conditions == {"weather": "sunny", "camera_state": "unstable"}
    assert first.read().shape == (540, 960, 3)
    assert len(data_set.problems) == 7


def test_faulty_targets_and_frames_are_skipped_individually(tmp_path: Path) -> None:
    targets = target(1, 10, width=-5) + target(2, 20) + target(2, 30) + target(3, 40, cut=1.2)
    write_sequence(tmp_path, "MVI_1", {1: targets, 2: target(1, 50)}, 2)
    file = tmp_path / ANNOTATIONS / "MVI_1.xml"
    again = frame(1, target(4, 60))
    file.write_text(file.read_text().replace("</sequence>", f"{again}</sequence>"))
    data_set = read_data_set(tmp_path)
    assert [sample.boxes[:, 0].tolist() for sample in data_set.samples] == [[20], [50]]
    reasons = [location.rpartition(": ")[2] for _, location in problems(data_set)]
    assert sorted(reasons) == [
        "frame 1 occurs twice",
        "id 2 occurs twice",
        "truncation_ratio must lie between 0 and 1, got 1.2",
        "width must not be negative, got -5",
    ]


def test_sequences_may_have_any_name(tmp_path: Path) -> None:
    write_sequence(tmp_path, "My Cam 1", {1: target(1, 10)}, 1)
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10)}, 1)
    (tmp_path / "notes.xml").write_text("<annotation><sequence_of/></annotation>")
    data_set = read_data_set(tmp_path)
    assert [sample.scene for sample in data_set.samples] == ["MVI_1", "My Cam 1"]
    assert data_set.problems == []


def test_images_in_a_folder_of_the_sequence(tmp_path: Path) -> None:
    for name in ("MVI_1", "MVI_2"):
        write_sequence(tmp_path, name, {1: target(1, 10)}, 1)
        images = tmp_path / IMAGES / name
        images.rename(tmp_path / "moved")
        images.mkdir()
        (tmp_path / "moved").rename(images / "img1")
    data_set = read_data_set(tmp_path)
    assert [sample.scene for sample in data_set.samples] == ["MVI_1", "MVI_2"]
    assert data_set.problems == []


@pytest.mark.parametrize("inner", ["", "img1"])
def test_current_directory_may_be_a_sequence_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    root = tmp_path / "MVI_1"
    write_image(root / inner / "img00001.jpg")
    write_image(root / "MVI_1-sheet.jpg")
    if inner:
        write_image(root / "look.png")
    (root / "MVI_1.xml").write_text(annotation(frame(1, target(1, 10))))
    monkeypatch.chdir(root)
    data_set = read_data_set(Path())
    assert [(s.scene, s.path.name) for s in data_set.samples] == [("MVI_1", "img00001.jpg")]
    assert data_set.problems == []


def test_sequence_folder_may_be_a_symbolic_link(tmp_path: Path) -> None:
    write_image(tmp_path / "store" / "img00001.jpg")
    (tmp_path / "store" / "MVI_1.xml").write_text(annotation(frame(1, target(1, 10))))
    (tmp_path / "MVI_1").symlink_to("store")
    data_set = read_data_set(tmp_path / "MVI_1")
    assert [sample.scene for sample in data_set.samples] == ["MVI_1"]


def test_duplicate_and_unnumbered_images_are_reported(tmp_path: Path) -> None:
    write_sequence(tmp_path, "MVI_1", {1: target(1, 10)}, 1)
    first = tmp_path / IMAGES / "MVI_1" / "img00001.jpg"
    write_image(first.with_suffix(".png"))
    write_image(first.with_name("img00001 (copy).jpg"))
    data_set = read_data_set(tmp_path)
    assert [sample.path for sample in data_set.samples] == [first]
    assert [kind for kind, _ in problems(data_set)] == ["NO_NUMBER", "STATED_TWICE"]


def test_split_may_come_from_the_image_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "MVI_1.xml").write_text('<sequence><frame num="1"/></sequence>')
    write_image(tmp_path / "val" / "MVI_1" / "img00001.jpg")
    (sample,) = read_data_set(tmp_path).samples
    assert sample.conditions == {"split": "val"}  # without weather and camera state
