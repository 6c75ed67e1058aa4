"""The pictures on which runs of moving cameras found their frames."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.config import DecoderConfig, RunConfig, SinkConfig
from pipeline.workers.run_record import RunRecord
from stages.errors import ConfigError
from stages.result_files import REPORT, TRACKS, VIEWS
from stages.sink.folder_contents import RUN
from tools.results.reference import (
    anchor_of_run,
    check_pictures,
    newer_pictures,
    picture_of_run,
)


def made(folder: Path, picture: str | None, *, views: bool = True) -> Path:
    """Returns the folder of a run that looked for its frames on this picture."""
    folder.mkdir(parents=True)
    (folder / TRACKS).write_text("")
    if views:
        (folder / VIEWS).write_text("")
    references = {} if picture is None else {"north": picture}
    config = {"decoder": {"reference": references}}
    report = {"stream": "north", "config": config, "working_directory": str(folder.parent)}
    (folder / REPORT).write_text(json.dumps(report))
    return folder


@pytest.mark.parametrize(
    "damage", [{"stream": {}}, {"config": {"decoder": {"reference": {"north": 5}}}}]
)
def test_a_damaged_record_has_no_picture(tmp_path: Path, damage: dict[str, object]) -> None:
    folder = made(tmp_path / "south", "view.png")
    report = json.loads((folder / REPORT).read_text())
    (folder / REPORT).write_text(json.dumps(report | damage))
    assert picture_of_run(folder) is None


def test_the_picture_is_known_as_soon_as_the_run_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = RunConfig(decoder=DecoderConfig(reference={"*": Path("view.png")}))
    RunRecord.of("north", config, lossless=True).save(tmp_path / RUN)
    monkeypatch.chdir("/")
    assert picture_of_run(tmp_path) == tmp_path.resolve() / "view.png"
    assert picture_of_run(made(tmp_path / "north", "view.png")) == tmp_path.resolve() / "view.png"
    assert picture_of_run(made(tmp_path / "fixed", None, views=False)) is None


def test_the_anchor_is_that_of_the_config(tmp_path: Path) -> None:
    assert anchor_of_run(made(tmp_path / "north", None)) == "bottom_center"
    config = RunConfig(sink=SinkConfig(anchor="center"))
    RunRecord.of("north", config, lossless=True).save(tmp_path / RUN)
    assert anchor_of_run(tmp_path) == "center"


def test_the_given_picture_is_that_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(tmp_path / "north", "view.png")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    for given in (None, Path("view.png"), Path("link/view.png")):
        check_pictures("north", [run], given)
    with pytest.raises(
        ConfigError, match=r"on other\.png, but .*north found its frames on /.*view"
    ):
        check_pictures("north", [run], Path("other.png"))
    (run / REPORT).unlink()
    check_pictures("north", [run], Path("other.png"))  # it is not recorded


def test_runs_without_views_are_refused(tmp_path: Path) -> None:
    old = made(tmp_path / "old", "view.png", views=False)
    with pytest.raises(ConfigError, match=r"old: its camera moved .*views\.txt, .*before 0\.12"):
        check_pictures("north", [old])
    fixed = made(tmp_path / "fixed", None, views=False)
    check_pictures("north", [fixed])
    with pytest.raises(ConfigError, match=r"fixed does not say where frames lie on it"):
        check_pictures("north", [fixed], Path("view.png"))


def test_runs_on_several_pictures_are_read_separately(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one", "view.png"), made(tmp_path / "other", "other.png")
    fixed = made(tmp_path / "fixed", None, views=False)
    check_pictures("north", [one, made(tmp_path / "again", "view.png")])
    for another, name in ((other, r"/.*other\.png"), (fixed, "none")):
        with pytest.raises(ConfigError, match=rf"view\.png in .*one, {name} in .*: give them sep"):
            check_pictures("north", [one, another])


def test_the_record_of_a_killed_run_of_another_release_is_read(tmp_path: Path) -> None:
    run = made(tmp_path / "old", "view.png", views=False)
    (run / REPORT).rename(run / RUN)
    with pytest.raises(ConfigError, match=r"old: its camera moved"):
        check_pictures("north", [run])


def test_a_picture_that_changed_after_the_run_is_reported(tmp_path: Path) -> None:
    run = made(tmp_path / "north", "view.png")
    assert [*newer_pictures([run])] == []  # it is gone
    (tmp_path / "view.png").touch()
    for seconds, expected in ((-9, 0), (9, 1)):
        changed = (run / REPORT).stat().st_mtime + seconds
        os.utime(tmp_path / "view.png", (changed, changed))
        assert len([*newer_pictures([run])]) == expected
