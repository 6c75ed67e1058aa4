"""``spotstream data check`` as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, OutputError
from tests.tools.annotations.detrac_file import target
from tests.tools.conftest import change_coco, write_coco
from tests.tools.datasets.conftest import SHARED, write_image
from tests.tools.datasets.detrac import IMAGES, write_sequence
from tools.main import app


def check(*arguments: str | Path) -> str:
    result = CliRunner().invoke(
        app, ["data", "check", *map(str, arguments)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def detrac(tmp_path: Path) -> Path:
    """Two sequences with a box cut, a box without area, and a frame without an image."""
    root = tmp_path / "set"
    half_ignored = target(3, 75, width=10)
    write_sequence(
        root,
        "MVI_1",
        {
            1: target(1, 10, width=20) + target(2, 91, label="bus"),
            3: target(1, 10, width=20) + half_ignored,
        },
        3,
    )
    write_sequence(root, "MVI_2", {1: target(1, 10, width=0), 9: target(1, 10, width=20)}, 1)
    return root


def test_a_data_set_without_boxes_is_an_error_after_the_report(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_sequence(root, "MVI_1", {1: target(1, 10, width=0)}, 1)
    command = ["data", "check", str(root), "--sheet", str(tmp_path / "sheet.png")]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).endswith("set holds no boxes, and nothing can be learnt from it")
    assert "1 × box without area\n" in result.output


def test_the_report_lists_contents_and_problems(detrac: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    output = check(detrac, "--sheet", sheet, "--json", tmp_path / "found.json")
    assert output.startswith(
        "set (UA-DETRAC, stable, train, night): 4 images, 2 scenes, 4 boxes, "
        "2 images without boxes; 96x54 (4)\n"
    )
    assert "1 × annotation for a missing frame\n    MVI_2.xml, frame 9\n" in output
    assert "1 × box without area\n    MVI_2.xml, frame 1\n" in output
    assert "1 × box beyond the border of the frame, cut there\n    MVI_1.xml, frame 1\n" in output
    assert "4 of 4 images decoded; 3 problems; what cannot be used is left out\n" in output
    assert output.endswith(f"sheet: {sheet}\n")
    picture = cv2.imread(str(sheet))
    assert picture is not None
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["total"]["labels"] == {"car": 3, "bus": 1}
    first, second = found["scenes"]
    assert (first["name"], first["images"], first["boxes"], second["boxes"]) == ("MVI_1", 3, 4, 0)
    assert first["conditions"] == {
        "camera_state": "stable",
        "split": "train",
        "weather": "night",
    }
    assert first["ignored_share"] == pytest.approx(16 * 10 / (96 * 54))
    assert first["sizes"][2] == pytest.approx((200**0.5 + 400**0.5) / 2)
    assert [(each["name"], each["images"]) for each in found["classes"]] == [("car", 2), ("bus", 1)]


def test_images_are_counted_by_split(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name in ("train/a", "train/b", "valid/c"):
        write_image(root / "images" / f"{name}.jpg")
        (root / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    description = root / "data.yaml"
    description.write_text("train: images/train\nvalid: images/valid\nnames: [car]\n")
    output = check(root, "--images", "0", "--json", tmp_path / "found.json")
    assert output.startswith("set (YOLO): 3 images (train 2, val 1), 3 scenes, 3 boxes;")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["total"]["splits"] == {"train": 2, "val": 1}
    description.write_text("train: images\nnames: [car]\n")
    assert check(root, "--images", "0").startswith("set (YOLO, train): 3 images, 3 scenes")


def test_boxes_in_ignored_regions_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "set"
    inside = target(2, 85, top=0)
    write_sequence(root, "MVI_1", {1: target(1, 10) + inside}, 1)
    check(root, "--images", "0", "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["total"]["ignored_boxes"] == 1


def test_images_that_do_not_open_are_reported(detrac: Path, tmp_path: Path) -> None:
    folder = detrac / IMAGES / "MVI_1"
    (folder / "img00002.jpg").write_bytes((folder / "img00003.jpg").read_bytes()[:-100])
    write_image(folder / "img00003.jpg", 80, 50)
    output = check(detrac, "--images", "0")
    assert "1 × image that does not open" in output
    assert "img00002.jpg: the file is cut off\n" in output
    assert f"\n    {IMAGES}/MVI_1/img00003.jpg: 80x50, annotated 96x54\n" in output
    check(detrac, "--sheet", tmp_path / "sheet.jpg")


def test_only_the_leading_data_set_path_is_stripped_from_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_coco(tmp_path / "d", scenes="a")
    (root / "abcd" / "images").mkdir(parents=True)
    (root / "images" / "1.png").unlink()
    (root / "abcd" / "images" / "1.png").write_bytes(b"none")
    change_coco(root, lambda content: content["images"][0].update(file_name="../abcd/images/1.png"))
    monkeypatch.chdir(tmp_path)
    assert "abcd/images/1.png" in check("d", "--images", "0")


def test_no_sheet_is_drawn_for_zero_images(
    detrac: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "sheet:" not in check(detrac, "--images", "0")
    assert list(tmp_path.iterdir()) == [detrac]
    assert "sheet: set-sheet.jpg\n" in check(detrac, "--images", "1")
    assert (tmp_path / "set-sheet.jpg").exists()
    assert "sheet: look.png\n" in check(detrac, "--images", "1", "--sheet", "look.png")


@pytest.mark.parametrize(
    ("option", "file"), [("--json", "annotations.json"), ("--sheet", "images/1.png")]
)
def test_the_data_set_is_not_replaced(tmp_path: Path, option: str, file: str) -> None:
    path = write_coco(tmp_path / "set") / file
    before = path.read_bytes()
    command = ["data", "check", str(tmp_path / "set"), option, str(path)]
    result = CliRunner().invoke(app, command)
    assert str(result.exception) == f"output {path} is one of the inputs; choose another"
    assert path.read_bytes() == before


def test_a_sheet_in_the_data_set_is_not_counted_as_an_image(
    detrac: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(detrac)
    first = check(".", "--images", "1")
    assert "sheet: set-sheet.jpg\n" in first
    assert check(".", "--images", "1") == first
    check(".", "--sheet", "sheet.png", "--images", "1")
    assert check(".", "--images", "1") == first


def test_a_sheet_among_yolo_images_is_not_counted_as_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "set"
    write_image(root / "a.jpg")
    (root / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (root / "data.yaml").write_text("train: .\nnames: [car]\n")
    monkeypatch.chdir(root)
    first = check(".")
    assert (root / "set-sheet.jpg").exists()
    assert ": 1 image," in first
    assert check(".") == first


def test_a_folder_without_a_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check(tmp_path)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_no_sheet(detrac: Path, full_disk: Path) -> None:
    (full_disk / "filler").write_bytes(bytes(60_000))
    with pytest.raises(OutputError, match=r"cannot write .*sheet\.png: no space left on device"):
        check(detrac, "--sheet", full_disk / "sheet.png")
    assert [file.name for file in full_disk.iterdir()] == ["filler"]


@pytest.mark.skipif(not (SHARED / "uav").is_dir(), reason=f"{SHARED / 'uav'} is not there")
def test_real_data(tmp_path: Path) -> None:
    output = check(SHARED / "uav", "--sheet", tmp_path / "sheet.jpg")
    assert "407 images, 10 scenes, 4,266 boxes" in output
    assert "64 of 407 images decoded; no problems" in output


def test_the_every_option_decodes_all_images(tmp_path: Path) -> None:
    frames = {number: target(1, 10) for number in range(1, 71)}
    write_sequence(tmp_path / "set", "MVI_1", frames, 70)
    assert "64 of 70 images decoded" in check(tmp_path / "set", "--images", "0")
    assert "70 of 70 images decoded" in check(tmp_path / "set", "--images", "0", "--every")


def test_long_scene_tables_are_cut_and_all_classes_are_shown(tmp_path: Path) -> None:
    for number in range(100, 165):
        frames = {1: target(1, 10, label=f"kind{number % 7}"), 2: target(1, 10)}
        write_sequence(tmp_path / "set", f"MVI_{number}", frames, 2)
    output = check(tmp_path / "set", "--images", "0")
    assert "and 5 more scenes" in output
    assert "…" not in output  # whatever a terminal's width
    assert "MVI_159" in output
    assert "MVI_160" not in output
    assert all(f"kind{number}" in output for number in range(7))
