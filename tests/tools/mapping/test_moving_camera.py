"""The traffic and the scene of a camera whose frames were found on a picture."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.errors import ConfigError
from stages.result_files import REPORT, TIMES, TRACKS, VIEWS
from tools.mapping.stream import traffic_of

PICTURE = np.full((100, 200, 3), 9, np.uint8)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run whose frames 2 and 4 were found 60 pixels from the left edge."""
    folder = tmp_path / "north"
    folder.mkdir()
    cv2.imwrite(str(tmp_path / "view.png"), PICTURE)
    rows = [f"{frame},7,{40 + frame}.0,20.0,8.0,8.0,0.9,-1,-1,-1\n" for frame in (1, 2, 3, 4)]
    (folder / TRACKS).write_text("".join(rows))
    (folder / TIMES).write_text("1,0.000\n2,1.000\n3,2.000\n4,3.000\n")
    (folder / VIEWS).write_text("2,1,0,60,0,1,0,0,0,1\n4,1,0,62,0,1,0,0,0,1\n")
    write_report(folder, [[100, 50]])
    return folder


def write_report(
    folder: Path, sizes: list[list[int]], anchor: str = "bottom_center", *, moving: bool = True
) -> None:
    reference = {"*": "view.png"} if moving else {}
    config = {"decoder": {"reference": reference}, "sink": {"anchor": anchor}}
    report = {"config": config, "working_directory": str(folder.parent)}
    (folder / REPORT).write_text(
        json.dumps({**report, "frame_size": sizes[-1], "frame_sizes": sizes})
    )


def test_vehicles_in_frames_that_were_found_are_drawn_on_the_picture(run: Path) -> None:
    traffic, scene = traffic_of("north", [run], None)
    assert (scene == PICTURE).all()
    assert traffic.boxes == 4
    assert traffic.stay.shape == (100, 200)
    assert np.argwhere(traffic.stay).tolist() == [[28, 106], [28, 110]]


def test_the_position_is_the_anchor_of_the_run(run: Path) -> None:
    rows = (run / TRACKS).read_text()
    (run / TRACKS).write_text(f"{rows}4,8,20.0,0.0,8.0,8.0,0.9,-1,-1,-1\n")  # the top is cut
    write_report(run, [[100, 50]], "center")
    traffic, _ = traffic_of("north", [run], None)
    assert np.argwhere(traffic.stay).tolist() == [[24, 106], [24, 110]]
    write_report(run, [[100, 50]], "center", moving=False)
    (run / VIEWS).unlink()
    traffic, _ = traffic_of("north", [run], None)
    assert np.argwhere(traffic.stay).tolist() == [[24, 44 + frame] for frame in (1, 2, 3, 4)]


def test_another_picture_gets_the_size_of_that_of_the_run(run: Path) -> None:
    traffic, scene = traffic_of("north", [run], np.full((50, 100, 3), 7, np.uint8))
    assert traffic.stay.shape == (100, 200)
    assert scene.shape == (100, 200, 3)
    assert (scene == 7).all()
    with pytest.raises(ConfigError, match=r"is 9x9, the picture of its run is 200x100$"):
        traffic_of("north", [run], np.zeros((9, 9, 3), np.uint8))


def test_the_picture_need_not_be_there(run: Path) -> None:
    (run.parent / "view.png").unlink()
    traffic, scene = traffic_of("north", [run], None)
    assert traffic.stay.shape == (50, 100)  # its frames have this size
    assert (scene == 128).all()
    traffic, scene = traffic_of("north", [run], PICTURE)
    assert traffic.stay.shape == (100, 200)
    assert (scene == PICTURE).all()


def test_frames_may_change_in_size_if_the_picture_is_there(run: Path) -> None:
    write_report(run, [[100, 50], [40, 20]])
    traffic, _ = traffic_of("north", [run], None)
    assert traffic.stay.sum() == 2
    (run.parent / "view.png").unlink()
    with pytest.raises(ConfigError, match=r"^north has no frames of a known size.*view\.png\)"):
        traffic_of("north", [run], None)


def test_runs_on_several_pictures_are_refused(run: Path) -> None:
    fixed = run.parent / "fixed"
    fixed.mkdir()
    (fixed / TRACKS).write_text("")
    with pytest.raises(ConfigError, match=r"^the runs of north are not on the same picture"):
        traffic_of("north", [run, fixed], None)
