from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.config_file import load_config
from stages.errors import ConfigError, OutputError
from tests.tools.invoking import output_of
from tests.tools.tuning.conftest import FEW
from tools.commands.tune import _show
from tools.main import app
from tools.tuning.grid import GRIDS
from tools.tuning.tune import TuningResult
from trackers import TRACKERS, build_tracker, default_settings
from trackers.settings import setting_text

tune = partial(output_of, "tune")


@pytest.fixture
def few_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that ends in a second."""
    monkeypatch.setitem(GRIDS, "sort", FEW)


@pytest.mark.usefixtures("few_settings")
def test_tuned_settings_also_improve_left_out_sequences(benchmark: Path) -> None:
    config = benchmark / "start.yaml"
    config.write_text(
        "# Mine.\ndetector:\n  scale: 1.0\ntracker:\n  name: sort\n"
        "  settings: {max_age: 1, min_hits: 4}  # too short\nsink:\n  toolkit_files: true\n"
    )
    output = tune(
        "--gt", benchmark / "gt", "--detections", benchmark / "det", "--config", config,
        "--output", benchmark / "tuned.yaml", "--workers", "2",
    )  # fmt: skip
    assert f"the search began with the settings of {config}, not sort's defaults" in output
    tuned = yaml.safe_load((benchmark / "tuned.yaml").read_text())
    assert tuned["tracker"]["name"] == "sort"
    assert 0.2 < tuned["tracker"]["settings"]["min_score"] <= 0.5
    assert tuned["tracker"]["settings"]["max_age"] > 1
    assert tuned["sink"] == {"toolkit_files": True}
    assert (benchmark / "tuned.yaml").read_text().startswith("# Mine.")
    rows = {line.split("│")[1].strip(): line.split("│")[2:5] for line in output.splitlines()
            if line.count("│") > 4}  # fmt: skip
    before, after = (float(rows[label][1]) for label in ("initial settings", "tuned on all"))
    left_out = float(rows["each tuned without it"][1])
    assert before < 20 < 70 < after
    assert left_out > 50


@pytest.mark.usefixtures("few_settings")
def test_scores_of_left_out_sequences_match_evaluate(benchmark: Path) -> None:
    """Clutter with higher scores in C needs a setting that is not found without C."""
    file = benchmark / "det" / "C.txt"
    file.write_text(file.read_text().replace(",0.2,", ",0.4,"))
    gt, det, found = benchmark / "gt", benchmark / "det", benchmark / "found.json"
    tuned = benchmark / "tuned.yaml"
    output = tune(
        *("--gt", gt, "--detections", det, "--tracker", "sort", "--workers", "1"),
        *("--json", found, "--output", tuned),
    )
    assert load_config(tuned).decoder == load_config(Path("uavdt")).decoder  # the benchmark's
    assert "the search began with" not in output  # it began with the tracker's defaults
    result = json.loads(found.read_text())
    assert set(result["folds"]) == set(result["sequences"]) == {"A", "B", "C"}
    for name, settings in result["folds"].items():
        scores = benchmark / "scores.json"
        arguments = ["evaluate", "uavdt", "--gt", gt, "--detections", det, "--sequence", name]
        arguments += [f"--set={key}={value}" for key, value in settings.items()]
        arguments += ["--json", scores]
        CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        tracking = json.loads(scores.read_text())["overall"]["tracking"]
        assert result["sequences"][name]["left_out"] == tracking
    assert result["sequences"]["C"]["left_out"] != result["sequences"]["C"]["after"]


@pytest.mark.usefixtures("few_settings")
@pytest.mark.parametrize("option", ["--output", "--json"])
def test_settings_that_cannot_be_written_are_shown(benchmark: Path, option: str) -> None:
    folders = ["--gt", str(benchmark / "gt"), "--detections", str(benchmark / "det")]
    arguments = [*folders, "--tracker", "sort", "--workers", "1", option, "/dev/full"]
    done = CliRunner().invoke(app, ["tune", *arguments])
    assert isinstance(done.exception, OutputError)
    assert "/dev/full: no space left on device" in str(done.exception)
    assert done.output.count("tuned on all") == 1


@pytest.mark.usefixtures("few_settings")
def test_leave_one_out_can_be_switched_off(benchmark: Path) -> None:
    config, found = benchmark / "start.yaml", benchmark / "found.json"
    config.write_text("tracker: {name: sort, settings: {max_age: 1, min_hits: 4}}\n")
    folders = ("--gt", benchmark / "gt", "--detections", benchmark / "det")
    output = tune(
        *folders, "--config", config, "--json", found, "--no-leave-one-out", "--workers", "1"
    )
    result = json.loads(found.read_text())
    assert result["folds"] == result["left_out"] == {}
    assert "without it" not in output
    assert "the search began with" not in output


@pytest.mark.parametrize(
    ("options", "iou_threshold"),
    [
        (["--benchmark", "detrac", "--gt", "gt", "--detections", "det"], 0.7),
        (["--benchmark", "mot", "--gt", "gt", "--detections", "det"], 0.5),
        (["--benchmark", "detrac", "--view", "drone", "--count", "3", "--config", "demo"], 0.5),
    ],
)
def test_the_iou_threshold_follows_the_benchmark_or_view(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], iou_threshold: float
) -> None:
    scores = dict.fromkeys(("HOTA", "MOTA", "IDF1", "IDS"), 0.5)
    asked: list[float] = []

    def search(*_: object, iou_threshold: float, **others: object) -> TuningResult:
        asked.append(iou_threshold)
        return TuningResult("sort", {}, {}, scores, scores)

    def render(view: str, config: object, count: int, **others: object) -> list[object]:
        assert (view, config, count) == ("drone", load_config(Path("demo")), 3)
        return []

    monkeypatch.setattr("tools.tuning.tune.tune", search)
    monkeypatch.setattr("tools.tuning.scenes.render_sequences", render)
    monkeypatch.setattr("tools.commands.tune._sequences", lambda *_: [])
    tune(*options, "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert asked == [found["iou_threshold"]] == [iou_threshold]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--gt", "gt", "--detections", "det"], "uavdt"),
        (["--benchmark", "detrac", "--gt", "gt", "--detections", "det"], "detrac"),
        (["--benchmark", "mot", "--gt", "gt", "--detections", "det"], "intersection"),
        (["--view", "drone"], "uav"),
        (["--view", "intersection"], "intersection"),
    ],
)
def test_the_search_starts_from_the_config_of_the_benchmark_or_view(
    monkeypatch: pytest.MonkeyPatch, options: list[str], name: str
) -> None:
    def load(path: Path) -> None:
        raise ConfigError(str(path))

    monkeypatch.setattr("pipeline.config_file.load_config", load)
    with pytest.raises(ConfigError, match=f"^{name}$"):
        tune(*options)


def test_a_named_tracker_starts_from_its_defaults_even_if_it_is_that_of_the_config(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GRIDS, "sort", {})  # nothing to search
    config, found = benchmark / "start.yaml", benchmark / "found.json"
    config.write_text("tracker: {name: sort, settings: {max_age: 9}}\n")
    folders = ("--gt", benchmark / "gt", "--detections", benchmark / "det", "--workers", "1")
    output = tune(*folders, "--config", config, "--tracker", "sort", "--json", found)
    assert json.loads(found.read_text())["start"]["max_age"] == 1
    assert "the search began with" not in output


def test_the_sequence_option_selects_the_sequences_to_tune_on(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of B_x, which is not selected, does not count as a file of B."""
    monkeypatch.setitem(GRIDS, "sort", {})  # nothing to search
    (benchmark / "gt" / "C_gt.txt").rename(benchmark / "gt" / "B_x_gt.txt")
    (benchmark / "det" / "C.txt").rename(benchmark / "det" / "B_x.txt")
    (benchmark / "det" / "B.txt").rename(benchmark / "det" / "B_SpotNet.txt")
    found = benchmark / "found.json"
    output = tune(
        "--gt", benchmark / "gt", "--detections", benchmark / "det", "--sequence", "B",
        "--sequence", "A", "--tracker", "sort", "--json", found, "--workers", "1",
    )  # fmt: skip
    assert list(json.loads(found.read_text())["sequences"]) == ["A", "B"]
    assert "no _gt_ignore.txt for A, B;" in output


def test_the_frames_option_lengthens_a_sequence(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GRIDS, "sort", {})  # nothing to search
    for name, frame in (("B", 42), ("C", 51)):
        with (benchmark / "det" / f"{name}.txt").open("a") as rows:
            rows.write(f"{frame},-1,9,9,30,30,0.2,1,-1\n")
    arguments = [
        "--gt", benchmark / "gt", "--detections", benchmark / "det",
        "--tracker", "sort", "--workers", "1",
    ]  # fmt: skip
    needed = "--frames B=42 --frames C=51"
    with pytest.raises(
        ConfigError,
        match="42 lies beyond the sequence of 40 frames; "
        f"if it and 1 other sequence are longer, {needed}$",
    ):
        tune(*arguments)
    assert "initial settings" in tune(*arguments, *needed.split())


def test_a_sequence_without_ground_truth_needs_a_length(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GRIDS, "sort", {})  # nothing to search
    for file in ("gt/B_gt.txt", "det/B.txt"):
        (benchmark / file).write_text("")
    arguments = [
        "--gt", benchmark / "gt", "--detections", benchmark / "det",
        "--tracker", "sort", "--workers", "1",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"B has no ground truth at all; .*: --frames B=N$"):
        tune(*arguments)
    assert "initial settings" in tune(*arguments, "--frames", "B=40")


def test_ground_truth_without_ignored_regions_is_reported(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GRIDS, "sort", {})  # nothing to search
    (benchmark / "gt" / "B_gt_ignore.txt").touch()
    output = tune(
        "--gt", benchmark / "gt", "--detections", benchmark / "det",
        "--tracker", "sort", "--workers", "1",
    )  # fmt: skip
    assert f"{benchmark / 'gt'}: no _gt_ignore.txt for A, C; no boxes are ignored there\n" in output
    assert "_gt_whole.txt" not in output


def test_missing_and_conflicting_options_are_reported(benchmark: Path) -> None:
    (benchmark / "own.yaml").write_text("tracker: {name: 'trackers.sort:Sort'}\n")
    for arguments, message in (
        ((), "give --gt and --detections, or --view"),
        (("--gt", benchmark / "gt"), "give --gt and --detections, or --view"),
        (("--gt", benchmark / "gt", "--view", "drone"), "give it or --gt and --detections"),
        (("--gt", benchmark / "gt", "--detections", benchmark), "no file for A"),
        (("--view", "drone", "--config", "uav", "--config", "own.yaml"), "tune takes one --config"),
        (
            ("--view", "drone", "--config", benchmark / "own.yaml"),
            "there is no grid of settings to search for trackers.sort:Sort, only for sort, ",
        ),
        (("--view", "drone", "--sequence", "A"), "--sequence is of the ground truth in --gt, not"),
        (("--view", "drone", "--frames", "A=9"), "--frames is of the ground truth in --gt, not"),
        (("--view", "drone", "--frame-size", "9x9"), "--frame-size is of the sequences in --det"),
        (
            ("--gt", benchmark / "gt", "--detections", benchmark, "--sequence", "D"),
            "no sequence 'D' in .*gt; there are A, B, C",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            CliRunner().invoke(app, ["tune", *map(str, arguments)], catch_exceptions=False)


def test_leave_one_out_settings_are_shown_as_a_range(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scores = dict.fromkeys(("HOTA", "MOTA", "IDF1", "IDS"), 0.5)
    folds = {f"{age}": {"max_age": age, "min_hits": 3} for age in (10, 5, 30)}
    start = {"max_age": 1, "min_hits": 3}
    _show(TuningResult("sort", start, start, scores, scores, scores, folds))
    rows = capsys.readouterr().out.splitlines()
    [ages], [hits] = ([row for row in rows if f" {name} " in row] for name in start)
    assert (ages.split("│")[-2].strip(), hits.split("│")[-2].strip()) == ("5 … 30", "3")


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_every_tracker_can_be_tuned(name: str) -> None:
    """The values of its grid are sorted, enclose its default, and are accepted."""
    defaults = default_settings(name)
    for setting, values in GRIDS[name].items():
        assert list(values) == sorted(set(values))
        for value in (values[0], values[-1]):
            build_tracker(name, **{setting: value})
        default = defaults[setting]
        assert setting_text(default) == "none" or values[0] <= default <= values[-1]
