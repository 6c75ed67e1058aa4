"""``spotstream maps``, from results to pictures."""

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, SpotStreamError
from stages.result_files import REPORT, TRACKS
from tests.tools.invoking import output_of
from tools.main import app

maps = partial(output_of, "maps")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results of two streams, in each of which one vehicle drives."""
    for stream in ("east", "west"):
        folder = tmp_path / "results" / stream
        folder.mkdir(parents=True)
        rows = (f"{frame},7,{20 + 4 * frame},40,8,8,0.9,-1,-1,-1\n" for frame in range(1, 11))
        (folder / TRACKS).write_text("".join(rows))
        (folder / REPORT).write_text(json.dumps({"stream": stream, "frame_size": [128, 96]}))
    return tmp_path / "results"


def test_maps_of_all_streams_are_drawn(results: Path, tmp_path: Path) -> None:
    picture = tmp_path / "at=noon.png"
    cv2.imwrite(str(picture), np.full((96, 128, 3), 250, np.uint8))
    output = tmp_path / "maps" / "may"
    printed = maps(results, "--output", output, "--picture", f"west={picture}")
    names = [f"{stream}-{kind}.jpg" for stream in ("east", "west") for kind in ("flow", "heat")]
    assert sorted(path.name for path in output.iterdir()) == names
    assert f"{output / 'east'}-flow.jpg, -heat.jpg: 10 of 10 boxes drawn\n" in printed
    flow, other = (cv2.imread(str(output / f"{stream}-flow.jpg")) for stream in ("east", "west"))
    assert flow is not None
    assert other is not None
    assert flow.shape == (96, 128, 3)
    assert flow[48, 48, 2] > flow[48, 48, 0] + 100  # red: to the right
    assert other[10, 64].min() > flow[10, 64].max() + 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--picture", "north=look.png"], "no stream north; there are east, west"),
        (["--picture", "none.png"], "none.png"),
        (["--picture", "east="], "east="),
        (["--picture", "east=look.png", "--picture", "east=look.png"], "twice for east"),
        (["--picture", "look.png", "--picture", "look.png"], "twice for all streams"),
    ],
)
def test_wrong_picture_options_are_reported(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("look.png", np.zeros((96, 128, 3), np.uint8))
    result = CliRunner().invoke(app, ["maps", str(results), "--output", "maps", *arguments])
    assert isinstance(result.exception, SpotStreamError)
    assert message in str(result.exception)
    assert not Path("maps").exists()


def test_maps_do_not_replace_the_picture(results: Path, tmp_path: Path) -> None:
    picture = tmp_path / "east-flow.jpg"
    cv2.imwrite(str(picture), np.zeros((96, 128, 3), np.uint8))
    before = picture.read_bytes()
    given = [str(results), "--output", str(tmp_path), "--picture", f"east={picture}"]
    result = CliRunner().invoke(app, ["maps", *given])
    assert str(result.exception) == f"output {picture} is one of the inputs; choose another"
    assert picture.read_bytes() == before


def test_runs_of_one_stream_are_drawn_together(results: Path, tmp_path: Path) -> None:
    report = results / "west" / REPORT
    report.write_text(report.read_text().replace("west", "east"))
    printed = maps(results, "--output", tmp_path)
    assert "20 of 20 boxes drawn, of 2 runs" in printed
    assert {path.name for path in tmp_path.glob("*.jpg")} == {"east-flow.jpg", "east-heat.jpg"}


def test_stream_names_cannot_place_maps_outside_their_folder(results: Path, tmp_path: Path) -> None:
    report = results / "west" / REPORT
    report.write_text(report.read_text().replace("west", "../../west"))
    maps(results, "--output", tmp_path / "a" / "b")
    assert len([*(tmp_path / "a" / "b").glob("*west-*.jpg")]) == 2


def test_streams_without_a_map_do_not_stop_the_others(results: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (results / name).mkdir()
        (results / name / TRACKS).touch()
    result = CliRunner().invoke(app, ["maps", str(results), "--output", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "the run of b has not ended" in str(result.exception)
    assert "spotstream: the run of a has not ended" in result.stderr
    assert len([*tmp_path.glob("*.jpg")]) == 4


def test_a_folder_without_tracks_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no tracks \(mot\.txt\) in "):
        maps(tmp_path, "--output", tmp_path / "maps")
