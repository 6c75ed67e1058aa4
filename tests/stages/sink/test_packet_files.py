from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import OutputError
from stages.sink.packet_files import PacketFiles
from tests.stages.sink.conftest import names_in

FIRST, SECOND, FOURTH = (f".overlay.mp4.{number}.part" for number in (1, 2, 4))
OTHER = ".overlay-2.mp4.3.part"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for name in (FIRST, SECOND, FOURTH, OTHER):
        (tmp_path / name).write_bytes(b"packets")
    return tmp_path / "overlay.mp4"


def test_files_are_found_up_to_the_first_missing_one(path: Path) -> None:
    files = PacketFiles(path)
    assert [each.name for each in files.paths] == [FIRST, SECOND]
    files.begin_next()
    assert files.paths[-1] == path.with_name(".overlay.mp4.3.part")
    assert not files.paths[-1].read_bytes()
    assert PacketFiles(path.with_name("overlay-2.mp4")).paths == []


def test_empty_file_is_reused(tmp_path: Path) -> None:
    """Otherwise it could remain alone during removal, as if the video had been given up."""
    path = tmp_path / "overlay.mp4"
    for _ in range(2):
        files = PacketFiles(path)
        files.begin_next()
        assert names_in(tmp_path) == {FIRST}
    files.paths[0].write_bytes(b"packets")
    files.begin_next()
    assert names_in(tmp_path) == {FIRST, SECOND}


def test_numbering_restarts_after_removal(path: Path) -> None:
    files = PacketFiles(path)
    files.paths[1].unlink()  # by somebody else
    files.remove()
    assert names_in(path.parent) == {FOURTH, OTHER}
    assert files.paths == []
    files.begin_next()
    assert [each.name for each in files.paths] == [FIRST]


def test_files_before_one_that_cannot_be_removed_stay(path: Path) -> None:
    path.with_name(SECOND).unlink()
    path.with_name(SECOND).mkdir()
    files = PacketFiles(path)
    with pytest.raises(OutputError, match=r"cannot write .*/overlay\.mp4: is a directory"):
        files.remove()
    assert [each.name for each in files.paths] == [FIRST, SECOND]
    files.discard(given_up=False)
    assert names_in(path.parent) == {FOURTH, OTHER}


@pytest.mark.parametrize("given_up", [False, True])
def test_given_up_video_leaves_an_empty_file(path: Path, *, given_up: bool) -> None:
    PacketFiles(path).discard(given_up=given_up)
    assert names_in(path.parent) == {FOURTH, OTHER, *[FIRST] * given_up}
    assert not given_up or path.with_name(FIRST).read_bytes() == b""


def test_missing_folder_is_an_error_to_begin_but_not_to_discard(tmp_path: Path) -> None:
    files = PacketFiles(tmp_path / "gone/overlay.mp4")
    with pytest.raises(OutputError, match=r"^cannot write .*gone/overlay\.mp4: no such file"):
        files.begin_next()
    files.discard(given_up=True)
