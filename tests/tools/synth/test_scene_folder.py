from __future__ import annotations

from pathlib import Path

from tools.synth.scene_folder import SceneFolder


def test_everything_is_synced_before_the_folder_gets_its_name(
    tmp_path: Path, synced: list[Path]
) -> None:
    folder = SceneFolder(tmp_path / "MVI_1")
    folder.write("img1/000001.jpg", b"pixels")
    folder.write("seqinfo.ini", b"[Sequence]\n")
    folder.commit()
    part = tmp_path / ".MVI_1.part"
    names = ("img1/000001.jpg", "img1", "seqinfo.ini", "")
    assert set(synced[:-1]) == {part / name for name in names}
    assert synced[-1] == tmp_path
    assert (tmp_path / "MVI_1" / "img1" / "000001.jpg").read_bytes() == b"pixels"
