"""The traffic and the scene that the maps of a stream are drawn from."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import RunConfig, SinkConfig
from pipeline.workers import run_record
from pipeline.workers.run_record import RunRecord
from stages.errors import ConfigError, SourceError
from stages.result_files import OVERLAY, REPORT, TRACKS, numbered
from stages.sink.folder_contents import RUN
from tests.tools.mapping.test_scene import write_video
from tools.mapping.stream import traffic_of

ROW = "1,7,40.0,20.0,8.0,8.0,0.9,-1,-1,-1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a stream whose run has not ended."""
    (tmp_path / f".{TRACKS}.part").write_text(ROW + "2,7,40.0,")
    return tmp_path


def report(folder: Path, width: int, height: int) -> None:
    (folder / REPORT).write_text(json.dumps({"frame_size": [width, height]}))


def record(folder: Path, overlay_height: int | None) -> None:
    config = RunConfig(sink=SinkConfig(overlay_height=overlay_height))
    RunRecord.of("north", config, lossless=False).save(folder / RUN)


def test_boxes_and_scene_have_the_size_of_the_frames(folder: Path) -> None:
    write_video(folder / OVERLAY, (64, 48), 4)
    report(folder, 128, 96)
    traffic, scene = traffic_of("north", [folder], None)
    assert traffic.boxes == 1
    assert traffic.stay.shape == (96, 128)
    assert traffic.stay[28, 44] == 1
    assert scene.shape == (96, 128, 3)
    assert abs(int(scene[80, 100, 0]) - 100) < 12


def test_a_given_picture_is_the_scene(folder: Path) -> None:
    picture = np.full((48, 64, 3), 7, np.uint8)
    traffic, scene = traffic_of("north", [folder], picture)
    assert traffic.stay.shape == (48, 64)
    report(folder, 128, 96)
    write_video(folder / OVERLAY, (64, 48), 4)
    traffic, scene = traffic_of("north", [folder], picture)
    assert scene.shape == (96, 128, 3)
    assert (scene == 7).all()
    with pytest.raises(ConfigError, match="--picture of north is 60x48, its frames are 128x96"):
        traffic_of("north", [folder], picture[:, :60])


def test_without_an_overlay_the_scene_is_grey(folder: Path) -> None:
    report(folder, 128, 96)
    _, scene = traffic_of("north", [folder], None)
    assert scene.shape == (96, 128, 3)
    assert len(np.unique(scene)) == 1


@pytest.mark.parametrize("overlay_height", [None, 64])
def test_the_overlay_gives_the_frame_size_of_an_unfinished_run(
    folder: Path, overlay_height: int | None
) -> None:
    write_video(folder / OVERLAY, (64, 48), 4)
    record(folder, overlay_height)
    traffic, _ = traffic_of("north", [folder], None)
    assert traffic.stay.shape == (48, 64)


@pytest.mark.parametrize("rows", [None, 64, 66])
def test_a_missing_or_scaled_overlay_gives_no_frame_size(folder: Path, rows: int | None) -> None:
    if rows is not None:
        write_video(folder / OVERLAY, (128, rows), 4)
        record(folder, rows + rows % 4 // 2)
    with pytest.raises(ConfigError, match=r"of north has not ended.*\(--picture north=FILE\)"):
        traffic_of("north", [folder], None)


def test_an_overlay_of_another_release_gives_no_frame_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(folder / OVERLAY, (128, 96), 4)
    with monkeypatch.context() as before:
        before.setattr(run_record, "installed_versions", lambda: {"spotstream": "0.0.9"})
        record(folder, None)
    with pytest.raises(ConfigError, match="of north has not ended"):
        traffic_of("north", [folder], None)
    traffic, _ = traffic_of("north", [folder], np.zeros((96, 128, 3), np.uint8))
    assert traffic.stay.shape == (96, 128)


def test_an_unreadable_overlay_fails_only_if_the_scene_needs_it(folder: Path) -> None:
    (folder / OVERLAY).write_bytes(bytes(99))
    report(folder, 128, 96)
    with pytest.raises(SourceError, match=r"overlay\.mp4"):
        traffic_of("north", [folder], None)
    traffic, _ = traffic_of("north", [folder], np.zeros((96, 128, 3), np.uint8))
    assert traffic.boxes == 1


def test_frames_that_change_in_size_are_refused(folder: Path) -> None:
    write_video(folder / OVERLAY, (64, 48), 4)
    write_video(folder / numbered(OVERLAY, 2), (128, 96), 4)
    report(folder, 128, 96)
    with pytest.raises(ConfigError) as refused:
        traffic_of("north", [folder], None)
    assert str(refused.value) == (
        f"no map of north: its overlays in {folder} change in size (64x48, 128x96), and so do the "
        f"pixels of its tracks"
    )


def test_frames_that_change_in_size_without_an_overlay_are_refused(folder: Path) -> None:
    sizes = {"frame_size": [64, 48], "frame_sizes": [[128, 96], [64, 48]]}
    (folder / REPORT).write_text(json.dumps(sizes))
    for picture in (None, np.zeros((48, 64, 3), np.uint8)):
        with pytest.raises(ConfigError) as refused:
            traffic_of("north", [folder], picture)
        assert str(refused.value) == (
            f"no map of north: its frames in {folder} change in size (128x96, 64x48), and so do "
            f"the pixels of its tracks"
        )


def test_runs_of_different_sizes_are_not_mixed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / TRACKS).write_text(ROW)
    report(folder, 128, 96)
    report(other, 64, 48)
    with pytest.raises(ConfigError, match="north has frames of 64x48 and 128x96"):
        traffic_of("north", [folder, other], None)
    report(other, 128, 96)
    traffic, _ = traffic_of("north", [folder, other], None)
    assert traffic.boxes == 2
