from __future__ import annotations

from pathlib import Path

from stages.sink.packet_files import packet_files, packets_path


def test_files_are_found_up_to_the_first_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    for number in (1, 2, 4):
        packets_path(path, number).touch()
    packets_path(tmp_path / "overlay-2.mp4", 3).touch()
    assert list(packet_files(path)) == [packets_path(path, 1), packets_path(path, 2)]
