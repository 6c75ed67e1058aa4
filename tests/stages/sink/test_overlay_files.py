"""The files of an overlay: before it is complete, when discarded, and on a full disk."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from stages.errors import OutputError
from stages.sink.options import SinkOptions
from stages.sink.overlay import OverlayWriter
from tests.stages.sink.conftest import (
    gray,
    make_header,
    make_start,
    make_tracks,
    names_in,
)

OPTIONS = SinkOptions()


def test_part_files_exist_until_discard(tmp_path: Path) -> None:
    writer = OverlayWriter(tmp_path / "overlay.mp4", make_start(), OPTIONS)
    header = make_header(0)
    writer.write(make_tracks(header), gray(header), header.number)
    writer.close()
    assert names_in(tmp_path) == {".overlay.mp4.part", ".overlay.mp4.1.part"}
    writer.discard()
    assert names_in(tmp_path) == set()
    with pytest.raises(ValueError, match="closed"):
        writer.write(make_tracks(header), gray(header), header.number)


def test_discard_while_frames_are_pending_ends_the_thread(tmp_path: Path) -> None:
    before = threading.enumerate()
    writer = OverlayWriter(tmp_path / "overlay.mp4", make_start(), OPTIONS)
    for index in range(10):
        header = make_header(index)
        writer.write(make_tracks(header), gray(header), header.number)
    writer.discard()
    assert names_in(tmp_path) == set()
    assert set(threading.enumerate()) <= set(before)


@pytest.mark.parametrize("stays", [".overlay.mp4.part", ".overlay.mp4.1.part"])
def test_discard_removes_the_other_files_if_one_cannot_be_removed(
    tmp_path: Path, stays: str
) -> None:
    (tmp_path / ".overlay.mp4.2.part").touch()  # of an earlier writer, like the next file
    (tmp_path / ".overlay.mp4.1.part").touch()
    writer = OverlayWriter(tmp_path / "overlay.mp4", make_start(), OPTIONS)
    (tmp_path / ".overlay.mp4.part").touch()
    (tmp_path / stays).unlink()
    (tmp_path / stays).mkdir()  # which unlink refuses
    writer.discard()
    assert {path.name for path in tmp_path.iterdir()} == {stays}


def test_no_frames_give_no_file(tmp_path: Path) -> None:
    OverlayWriter(tmp_path / "overlay.mp4", make_start(), OPTIONS).commit()
    assert names_in(tmp_path) == set()


def test_full_disk_is_reported(full_disk: Path) -> None:
    writer = OverlayWriter(full_disk / "overlay.mp4", make_start(), SinkOptions(overlay_crf=0))
    rng = np.random.default_rng(0)

    def run() -> None:
        for index in range(60):
            header = make_header(index)
            pixels = rng.integers(16, 235, header.shape, np.uint8)
            writer.write(make_tracks(header), pixels, header.number)
        writer.commit()

    with pytest.raises(OutputError, match=r"overlay\.mp4: no space left on device; free some"):
        run()
    writer.discard()
    assert names_in(full_disk) == set()


def test_full_disk_while_completing_the_video_is_reported(full_disk: Path) -> None:
    """The index is written last, and read back to be moved to the front."""
    (full_disk / "ballast").write_bytes(bytes(60 * 1024))
    writer = OverlayWriter(full_disk / "overlay.mp4", make_start(), SinkOptions(overlay_crf=20))
    rng = np.random.default_rng(0)
    header = make_header(0)
    writer.write(make_tracks(header), rng.integers(16, 235, header.shape, np.uint8), header.number)
    with pytest.raises(OutputError, match="no space left"):
        writer.commit()
    writer.discard()
    assert names_in(full_disk) == {"ballast"}
