from __future__ import annotations

from pathlib import Path

import pytest

from tools.datasets.folder_tree import FolderTree, split_of


def test_folders_are_walked_once_and_links_followed(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name in ("b/inner", "a", "masks/a", "b/masks/a", ".hidden"):
        (root / name).mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (root / "c").symlink_to(tmp_path / "other")
    (root / "b" / "loop").symlink_to(root)
    walked = [path.relative_to(root).as_posix() for path in FolderTree(root).walk()]
    assert walked == [".", "a", "b", "b/inner", "c"]


def test_files_are_found_and_only_images_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "2.JPG").touch()
    (tmp_path / "a" / "1.png").touch()
    (tmp_path / "a" / "notes.txt").touch()
    (tmp_path / "a" / "a-sheet.jpg").touch()  # contact sheet of a check of this folder
    (tmp_path / "a" / "._1.png").touch()  # as macOS adds beside a copied file
    tree = FolderTree(tmp_path)
    assert tree.has(tmp_path / "b" / ".." / "a" / "1.png")
    assert not tree.has(tmp_path / "a")
    assert not tree.has(tmp_path / "gone" / "1.png")
    assert [path.name for path in tree.images(tmp_path / "a")] == ["1.png", "2.JPG"]


def test_broken_links_do_not_hide_other_files(tmp_path: Path) -> None:
    names = {f"{number}.png" for number in range(30)}
    for name in names:
        (tmp_path / name).touch()
    for name in ("loop.png", "other.png"):
        (tmp_path / name).symlink_to(name)
    tree = FolderTree(tmp_path)
    assert tree.files(tmp_path) == names | {"loop.png", "other.png"}
    assert tree.folders(tmp_path) == []


def test_unreadable_folder_is_logged_once(
    closed_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = FolderTree(closed_folder)
    assert not tree.files(closed_folder)
    assert not tree.has(closed_folder / "1.png")
    assert [record.getMessage() for record in caplog.records] == [
        f"left out, since this user may not read it: {closed_folder}"
    ]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017", "train"),
        ("Insight-MVT_Annotation_Test", "test"),
        ("valid", "val"),
        ("validation", "val"),
        ("training", "train"),
        ("trains", ""),
        ("contest", ""),
        ("images", ""),
    ],
)
def test_split_is_recognised_in_a_name(name: str, split: str) -> None:
    assert split_of("", name) == split
