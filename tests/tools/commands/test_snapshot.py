"""``spotstream snapshot``: a picture of a source's view."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from stages.errors import OutputError, SpotStreamError
from stages.records import UInt8Array
from tests.stages.decoder.conftest import write_video
from tests.stages.decoder.rtsp import h264, serve
from tests.tools.invoking import output_of
from tests.tools.processes import ENVIRONMENT
from tools.drawing.view import EDGE, GROUND, LINE, SEARCHED, WHITE, ZONE
from tools.harness.material import make_clip
from tools.main import app

snapshot = partial(output_of, "snapshot")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["snapshot", *map(str, arguments)])


def read(path: Path) -> UInt8Array:
    return np.asarray(cv2.imread(str(path)), np.uint8)


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """A folder with one image, grey of level 90, of 640×480."""
    folder = tmp_path / "grey"
    folder.mkdir()
    cv2.imwrite(str(folder / "000001.png"), np.full((480, 640, 3), 90, np.uint8))
    return folder


@pytest.fixture
def drawn(grey: Path, tmp_path: Path) -> Callable[..., UInt8Array]:
    """Returns a function that draws a config on the grey image."""

    def draw(config: object, name: str = "north") -> UInt8Array:
        own, output = tmp_path / "own.yaml", tmp_path / "view.png"
        own.write_text(yaml.safe_dump(config))
        printed = snapshot(f"{name}={grey}", "--config", own, "--output", output, "--overwrite")
        assert printed == f"{output}: frame 1 of {name}, 640x480 pixels\n"
        return read(output)

    return draw


def test_without_shapes_only_the_borders_are_drawn_on(grey: Path, tmp_path: Path) -> None:
    output = tmp_path / "view.png"
    snapshot(grey, "--output", output)
    view = read(output)
    assert (view[60:-60, 60:-60] == 90).all()
    for number in (50, 100, 600):
        for column in (view[0, number - 2 : number + 3], view[-1, number - 2 : number + 3]):
            assert [*column[:, 0]] == [90, 0, 255, 0, 90]
    for number in (50, 400):
        for row in (view[number - 2 : number + 3, 0], view[number - 2 : number + 3, -1]):
            assert [*row[:, 0]] == [90, 0, 255, 0, 90]
    # Between them are shorter ticks; only the longer ones have numbers beside them.
    tick = [int((view[:12, x] == 255).all(axis=1).argmin()) for x in (100, 110)]
    assert tick[0] > tick[1] > 0
    assert (view[12:30, 90:111] == WHITE).all(axis=2).any()
    assert (view[12:30, 115:136] == 90).all()


def test_shapes_are_drawn_at_their_pixels(drawn: Callable[..., UInt8Array]) -> None:
    view = drawn(
        {
            "sink": {
                "lines": {"north": {"stop": [100, 200, 300, 200]}, "south": {"no": [0, 9, 99, 9]}},
                "zones": {"*": {"queue": [[400, 100], [500, 100], [500, 300], [400, 300]]}},
            }
        }
    )
    assert (view[200, 120:180] == LINE).all()
    assert (view[199, 120:180] == 0).all()
    assert (view[[110, 290]][:, [400, 500]] == ZONE).all()
    inside = np.rint(90 * 0.85 + 0.15 * np.array(ZONE))
    assert (view[120, 410:490] == inside).all()
    assert (view[320:400, 100:600] == 90).all()
    # "left" is above a line that points to the right, "right" is below it.
    assert not (view[180:198, 190:210] == 90).all()
    assert not (view[203:221, 190:210] == 90).all()


def test_a_line_has_its_sides_and_its_arrow(drawn: Callable[..., UInt8Array]) -> None:
    view = drawn({"sink": {"lines": {"*": {"stop": [100, 200, 300, 200]}}}})
    changed = (view != 90).any(axis=2)
    above, below = (
        np.ptp(np.flatnonzero(changed[rows, 150:250].any(axis=0)))
        for rows in (np.s_[184:197], np.s_[204:217])
    )
    assert above < below  # "right" is the longer word
    yellow = (view == LINE).all(axis=2)
    assert yellow[192:198, 286:298].any()
    assert not yellow[192:198, 100:114].any()


def test_a_side_of_a_line_is_never_named_on_its_other_side(
    drawn: Callable[..., UInt8Array],
) -> None:
    """A line down the right border has no room for "left" in the frame."""
    view = drawn({"sink": {"lines": {"*": {"stop": [636, 125, 636, 325]}}}})
    named = (view[140:305, 560:632] == LINE).all(axis=2).any(axis=1)
    assert named[75:95].any()
    assert not named[:74].any()
    assert not named[96:].any()


def test_a_line_is_named_at_its_middle_not_on_its_neighbour(
    drawn: Callable[..., UInt8Array],
) -> None:
    lanes = {"first": [100, 240, 300, 240], "second": [300, 240, 500, 240]}
    yellow = (drawn({"sink": {"lines": {"*": lanes}}})[190:230] == LINE).all(axis=2).any(axis=0)
    assert yellow[160:240].any()
    assert yellow[360:440].any()
    assert not yellow[250:350].any()


def test_what_is_not_searched_is_darkened_and_what_is_ignored_is_hatched(
    drawn: Callable[..., UInt8Array],
) -> None:
    view = drawn(
        {
            "detector": {
                "regions": {"*": [100, 100, 500, 400]},
                "ignored": {"north": [[300, 200, 400, 300]]},
            }
        }
    )
    assert (view[450, 100:500] == 45).all()
    assert (view[350, 110:490] == 90).all()
    assert (view[300:390, 100] == SEARCHED).all()
    hatched = (view[205:230, 305:395] != 90).any(axis=2)
    assert 0.1 < hatched.mean() < 0.3


def test_ground_points_give_a_grid_of_metres(drawn: Callable[..., UInt8Array]) -> None:
    """Seen from above, ten pixels to a metre."""
    points = [[100, 100, 0, 0], [500, 100, 40, 0], [500, 300, 40, 20], [100, 300, 0, 20]]
    view = drawn({"sink": {"ground": {"*": points}}})
    mixed = np.rint(90 * 0.35 + 0.65 * np.array(GROUND))
    for x in (150, 350):
        assert (np.abs(view[110:140, x] - mixed) <= 20).all()
        assert (view[110:140, x + 25] == 90).all()
    for y in (150, 250):
        assert (np.abs(view[y, 260:290] - mixed) <= 20).all()
    for x, y, *_ in points:
        assert (view[y, x] == GROUND).all()


def test_the_edges_of_a_lens_and_the_grid_are_drawn_as_it_bends_them(
    drawn: Callable[..., UInt8Array],
) -> None:
    """Seen from above, ten pixels to a metre in the middle, with strength -0.2."""

    def bent(x: float, y: float) -> list[float]:
        around = np.array([x - 320, y - 240]) / 400
        factor = 2 / (1 + np.sqrt(1 + 0.8 * (around**2).sum()))
        return [float(each) for each in around * factor * 400 + (320, 240)]

    corners = [(50, 50), (590, 50), (590, 430), (50, 430)]
    points = [[*bent(x, y), x / 10, y / 10] for x, y in corners]
    edge = [bent(x, 60) for x in (40, 320, 600)]
    lens = {"size": [640, 480], "straight": [edge]}
    view = drawn({"sink": {"ground": {"*": {"points": points, "lens": lens}}}})
    mixed = 90 * 0.35 + 0.65 * np.array(EDGE)
    for x in (110, 180, 460, 530):  # where chords would be some pixels off
        column, row = np.rint(bent(x, 60)).astype(int)
        differences = np.abs(view[row - 1 : row + 2, column] - mixed).max(axis=1)
        assert differences.min() < 75
    for x, y in ((100, 225), (400, 375)):
        column, row = np.rint(bent(x, y)).astype(int)
        assert (view[row - 1 : row + 2, column - 1 : column + 2] != 90).any()


def test_the_grid_follows_the_perspective_to_where_positions_end(
    drawn: Callable[..., UInt8Array],
) -> None:
    """A camera 5 m above a road that leads away from it; the horizon is at row 100."""
    road = [
        [320 + 400 * x / z, 100 + 400 * 5 / z, x, z]
        for x, z in ((-4.0, 8.0), (4.0, 8.0), (4.0, 30.0), (-4.0, 30.0))
    ]
    view = drawn({"sink": {"ground": {"*": road}}})
    for x in (-5, 0, 5):
        for z in (9.0, 12.5):
            column, row = round(320 + 400 * x / z), round(100 + 400 * 5 / z)
            near = view[row, column - 1 : column + 2, 1].astype(int)
            assert near.min() > 90, (x, z)
            assert np.abs(view[row, column + 3 : column + 6] - 90).max() == 0
    above = 100 + 400 * 5 / 45  # a pixel covers a metre 45 m away
    assert (view[40 : int(above) - 5, 60:-60] == 90).all()


def test_shapes_that_do_not_fit_are_reported(grey: Path, tmp_path: Path) -> None:
    own, output = tmp_path / "own.yaml", tmp_path / "view.jpg"
    config = {
        "sink": {
            "lines": {"*": {"far": [1e9, 10, 1e9, 99]}},
            "zones": {"south": {"queue": [[400, 100], [500, 100], [500, 300]]}},
        },
        "detector": {"regions": {"*": [1000, 100, 1400, 400]}, "ignored": {"*": [[-9, 0, 1e9, 9]]}},
    }
    own.write_text(yaml.safe_dump(config))
    assert snapshot(f"north={grey}", "--config", own, "--output", output) == (
        "spotstream: sink.zones: nothing for north, only for south\n"
        "spotstream: line 'far' lies outside the frame of 640x480: nothing will cross it\n"
        "spotstream: detector.regions: [1000, 100, 1400, 400] has 0x300 pixels in frames of "
        "640x480; at least 16x16 are needed\n"
        f"{output}: frame 1 of north, 640x480 pixels\n"
    )
    assert read(output).shape == (480, 640, 3)


def test_a_frame_of_a_video_can_be_chosen(tmp_path: Path) -> None:
    video, output = make_clip(tmp_path, 4), tmp_path / "view.png"
    shown = cv2.VideoCapture(str(video))
    for number in (1, 2, 3):
        _, expected = shown.read()
        first = ("--set", f"decoder.first_frame={number}", "--overwrite")
        printed = snapshot(video, "--output", output, *first)
        assert printed == f"{output}: frame {number} of {video.stem}, 160x120 pixels\n"
        inside = slice(45, -45), slice(60, -60)
        np.testing.assert_allclose(read(output)[inside].astype(int), expected[inside], atol=6)
    refused = run(video, "--output", output, "--set", "decoder.first_frame=9", "--overwrite")
    assert isinstance(refused.exception, SpotStreamError)
    assert refused.exception.exit_code == 3


def test_a_camera_gives_its_first_frame(tmp_path: Path) -> None:
    output, frames = tmp_path / "view.png", h264(tmp_path / "camera.h264", 12)
    with serve(lambda camera: camera.send_all(frames), parameters=frames[0]) as url:
        later = ("--set", "decoder.first_frame=3")
        printed = snapshot(f"north={url}", "--output", output, *later)
    assert printed == f"{output}: frame 1 of north, 64x48 pixels\n"
    assert read(output).shape == (48, 64, 3)


def test_a_camera_that_is_not_there_ends_the_command(tmp_path: Path) -> None:
    output = tmp_path / "view.png"
    at_once = ("--set", "decoder.connect_seconds=0")
    refused = run("rtsp://user:secret@127.0.0.1:9/east", "--output", output, *at_once)
    assert isinstance(refused.exception, SpotStreamError)
    assert refused.exception.exit_code == 3
    assert "secret" not in f"{refused.exception}{refused.output}"
    assert not output.exists()


def test_ctrl_c_ends_the_wait_for_a_camera(tmp_path: Path) -> None:
    output = tmp_path / "view.png"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/east"
        patient = ("--set", "decoder.timeout=60", "--set", "decoder.connect_seconds=60")
        command = [sys.executable, "-m", "tools.main", "snapshot", url, "--output", str(output)]
        silent.settimeout(100)
        with subprocess.Popen([*command, *patient], env=ENVIRONMENT) as waiting:
            try:
                viewer, _ = silent.accept()
                with viewer:
                    assert viewer.recv(1)
                    waiting.send_signal(signal.SIGINT)
                    assert waiting.wait(30) == 130
            finally:
                waiting.kill()
    assert not output.exists()


def test_an_existing_file_is_replaced_only_with_overwrite(grey: Path, tmp_path: Path) -> None:
    output = tmp_path / "view.png"
    output.write_text("earlier")
    refused = run(grey, "--output", output)
    assert isinstance(refused.exception, OutputError)
    assert str(refused.exception) == (
        f"{output} exists; choose another --output, or add --overwrite"
    )
    assert output.read_text() == "earlier"
    snapshot(grey, "--output", output, "--overwrite")
    assert read(output).shape == (480, 640, 3)
    assert not [*tmp_path.glob(".*")]


def test_what_has_no_picture_is_refused(tmp_path: Path) -> None:
    for name in ("MVI_1", "MVI_2"):
        (tmp_path / "set" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name / "img00001.jpg"), np.zeros((64, 64, 3), np.uint8))
    image = tmp_path / "set" / "MVI_1" / "img00001.jpg"
    output, video = tmp_path / "view.png", tmp_path / "clip.mp4"
    write_video(video)
    cases: list[tuple[object, object, int, str]] = [
        (tmp_path / "set", output, 2, "holds 2 streams (MVI_1, MVI_2); give the path of one"),
        (tmp_path / "no.mp4", output, 3, "no such source"),
        (video, tmp_path / "view.mp4", 2, "is not an image format with colours"),
        (image.parent, image, 2, "is one of the inputs"),
        (image.parent, image.parent / "view.png", 2, "would be in the source"),
    ]
    for source, target, status, message in cases:
        refused = run(source, "--output", target, "--overwrite")
        assert isinstance(refused.exception, SpotStreamError), refused.output
        assert refused.exception.exit_code == status
        assert message in str(refused.exception)
        assert "\n" not in str(refused.exception)
        assert not output.exists()


@pytest.mark.parametrize("size", [(16, 16), (17, 3001), (2160, 3840)])
def test_any_size_of_frame_is_drawn_on(tmp_path: Path, size: tuple[int, int]) -> None:
    image, output = tmp_path / "frame.png", tmp_path / "view.png"
    cv2.imwrite(str(image), np.full((*size, 3), 90, np.uint8))
    lines = "sink.lines={'*': {far: [0, 0, 4000, 3000]}}"
    snapshot(image, "--output", output, "--set", lines)
    assert read(output).shape == (*size, 3)


def test_a_plain_picture_is_the_frame(grey: Path, tmp_path: Path) -> None:
    output, lines = tmp_path / "view.png", "sink.lines={grey: {gate: [50, 99, 400, 99]}}"
    snapshot(grey, "--plain", "--set", lines, "--output", output)
    assert (read(output) == 90).all()
