from __future__ import annotations

import errno
import filecmp
import json
import multiprocessing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, OutputError
from stages.folder_lock import FolderLock
from tools.main import app
from tools.synth.options import SynthOptions, claim_folder, scene_name
from tools.synth.render import is_complete, render_scene
from tools.workers import StoppedError, Workers

from .conftest import OPTIONS, SEEDS

TINY = SynthOptions(frames=2, every=5, width=64, height=64, varied=False)


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def same(one: Path, other: Path) -> bool:
    names = files(one)
    return names == files(other) and not any(filecmp.cmpfiles(one, other, names, shallow=False)[1:])


def synth(folder: Path, *more: object) -> str:
    arguments = [
        "synth", "--output", folder, "--scenes", 2, "--seed", 1, "--frames", 3, "--every", 20,
        "--size", "320x192", "--view", "intersection", "--light", "day", "--format", "both", *more,
    ]  # fmt: skip
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_same_options_give_the_same_bytes_in_two_processes(
    rendered: Path, tmp_path: Path
) -> None:
    output = synth(tmp_path / "two", "--workers", 2, "--sheet", tmp_path / "sheet.jpg")
    assert "2 scenes rendered, 0 were there; 6 images" in output
    assert same(tmp_path / "two", rendered)
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet is not None
    assert sheet.shape[1] > 960
    assert sheet.std() > 20


def test_weather_and_plain_options_are_recorded(tmp_path: Path) -> None:
    synth(tmp_path, "--scenes", 1, "--frames", 1, "--weather", "rain", "--plain")
    options = json.loads((tmp_path / "synth.json").read_text())
    assert (options["weather"], options["varied"]) == ("rain", False)


def test_complete_scenes_are_skipped(rendered: Path) -> None:
    assert all(is_complete(rendered, OPTIONS, seed) for seed in SEEDS)
    times = [file.stat().st_mtime_ns for file in rendered.rglob("*")]
    assert "0 scenes rendered, 2 were there" in synth(rendered)
    assert [file.stat().st_mtime_ns for file in rendered.rglob("*")] == times


def test_scene_without_annotation_is_rendered_again(tmp_path: Path) -> None:
    render_scene(tmp_path, TINY, 0)
    before = files(tmp_path)
    (tmp_path / "annotations" / "MVI_900000.xml").unlink()
    (tmp_path / "images" / "MVI_900000" / "left_over.jpg").touch()
    assert not is_complete(tmp_path, TINY, 0)
    render_scene(tmp_path, TINY, 0)
    assert files(tmp_path) == before


def test_stopped_scene_leaves_nothing(tmp_path: Path) -> None:
    answers = iter([False, True])
    with pytest.raises(StoppedError):
        render_scene(tmp_path, replace(TINY, format="both"), 0, stopped=lambda: next(answers))
    assert files(tmp_path) == []


def test_closing_the_workers_stops_the_remaining_scenes(tmp_path: Path) -> None:
    with Workers(2) as workers:
        next(workers.do_all(partial(render_scene, tmp_path, TINY), range(50)))
    assert (tmp_path / "annotations" / f"{scene_name(0)}.xml").exists()
    complete = {file.stem for file in (tmp_path / "annotations").iterdir()}
    assert len(complete) < 10
    for kind in ("images", "masks"):
        assert {folder.name for folder in (tmp_path / kind).iterdir()} == complete
    assert not multiprocessing.active_children()


def test_full_disk_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "img00002.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"cannot write .*img00002\.png: no space left") as caught:
        render_scene(tmp_path, TINY, 0)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


def test_folder_with_other_options_is_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path, TINY)
    claim_folder(tmp_path, TINY)
    with pytest.raises(ConfigError, match="holds scenes with every 5 instead of 7"):
        claim_folder(tmp_path, replace(TINY, every=7))
    (tmp_path / "synth.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds scenes with frames None instead of"):
        claim_folder(tmp_path, TINY)
    (tmp_path / "synth.json").write_text("{")
    with pytest.raises(ConfigError, match="not valid JSON"):
        claim_folder(tmp_path, TINY)


def test_folder_accepts_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def render_and_try_a_second_run(*arguments: Any, **others: Any) -> int:
        with pytest.raises(OutputError, match=r"is writing there; choose another --output$"):
            synth(tmp_path)
        return render_scene(*arguments, **others)

    monkeypatch.setattr("tools.synth.render.render_scene", render_and_try_a_second_run)
    assert "1 scene rendered" in synth(tmp_path, "--workers", 1, "--scenes", 1, "--frames", 1)
    FolderLock(tmp_path).release()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--size", "960"], "--size needs WIDTHxHEIGHT, got '960'"),
        (["--size", "0x544"], "--size needs WIDTHxHEIGHT, got '0x544'"),
        (["--size", "961x544"], "width must be even"),
        (["--format", "mot", "--sheet", "x.jpg"], "--sheet needs"),
    ],
)
def test_invalid_options_are_reported(tmp_path: Path, more: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(
            app, ["synth", "--output", str(tmp_path / "out"), *more], catch_exceptions=False
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--view", "satellite"), ("--light", "noon"), ("--format", "coco")]
)
def test_invalid_choice_is_reported_with_the_alternatives(
    tmp_path: Path, option: str, value: str
) -> None:
    done = CliRunner().invoke(app, ["synth", "--output", str(tmp_path / "out"), option, value])
    assert done.exit_code == 2
    assert "is not one of" in done.stderr
    assert not (tmp_path / "out").exists()


def test_scene_has_the_requested_view_light_and_weather() -> None:
    scene = replace(TINY, view="drone", light="night", weather="rain").scene(3)
    assert (scene.view, scene.light, scene.weather) == ("drone", "night", "rain")


def test_scene_without_masks_is_not_complete(tmp_path: Path) -> None:
    name = scene_name(3)
    for folder in ("images", "masks"):
        (tmp_path / folder / name).mkdir(parents=True)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / f"{name}.xml").touch()
    assert is_complete(tmp_path, TINY, 3)
    (tmp_path / "masks" / name).rmdir()
    assert not is_complete(tmp_path, TINY, 3)
