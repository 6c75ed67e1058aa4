"""``spotstream train`` and ``spotstream validate`` as a person types them."""

import json
import logging

import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError
from tests.tools.conftest import write_config
from tests.tools.processes import run_python
from tools.main import app
from tools.training import trainer


def spotstream(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture
def config_file(tiny_config, tmp_path):
    return write_config(tiny_config(steps=2), tmp_path)


def test_train_then_validate(config_file, tmp_path):
    done = spotstream("train", config_file)
    assert done.exit_code == 0
    output = " ".join(done.stdout.split())
    assert "best and last, step 2" in output
    assert "best.safetensors: best weights, after step 2 of 2" in output
    weights, scores = tmp_path / "run" / "best.safetensors", tmp_path / "scores.json"
    done = spotstream("validate", config_file, "--weights", weights, "--json", scores)
    assert done.exit_code == 0
    assert f"weights: {weights}\n" in done.stdout
    written = json.loads(scores.read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    assert list(written) == ["drawn c", "drawn, all at scale 1"]
    assert set(written["drawn c"]) >= {"AP50", "AP70", "recall", "16-32"}


@pytest.mark.parametrize(("held_out", "scenes_shown"), [("[b, c]", 0), ("[a, b]", 2)])
def test_scenes_of_one_image_each_have_no_rows(
    config_file, data_set, tmp_path, held_out, scenes_shown
):
    scores = tmp_path / "scores.json"
    data = f"data=[{{path: {data_set}, held_out: {held_out}}}]"
    done = spotstream("validate", config_file, "--set", data, "--json", scores)
    rows = [line for line in done.stdout.splitlines() if line.lstrip().startswith("drawn")]
    assert len(rows) == scenes_shown + 1
    assert "drawn, all at scale" in rows[-1]
    assert len(json.loads(scores.read_text())) == 3


@pytest.mark.parametrize(
    ("scores", "rows", "said"),
    [((0.7, 0.6, 0.5), ["best, step 0 │ 0.700", "last, step 4 │ 0.500"],
      "initial weights, which 4 steps did not improve"),
     ((0.5, 0.7, 0.6), ["best, step 2 │ 0.700", "last, step 4 │ 0.600"],
      "best weights, after step 2 of 4"),
     ((0.5, 0.6, 0.7), ["best and last, step 4 │ 0.700"],
      "best weights, after step 4 of 4")],
)  # fmt: skip
def test_the_best_and_the_last_scores_are_printed(
    config_file, tmp_path, monkeypatch, scores, rows, said
):
    spotstream("train", config_file, "--set", "steps=1", "--set", f"output={tmp_path / 'first'}")
    left, long_name = iter(scores), "drawn [north] " + "and further " * 8 + "scenes"
    monkeypatch.setattr(
        trainer, "evaluate", lambda *_: {long_name: {"AP50": (ap := next(left)), "AP70": ap}}
    )
    settings = ["steps=4", "validate_every=2", f"initial={tmp_path / 'first/last.safetensors'}"]
    command = ["train", config_file, *(f"--set={each}" for each in settings)]
    output = spotstream(*command).stdout
    assert [row in output for row in rows] == [True] * len(rows)
    assert output.count(f"│ {long_name} │") == len(rows)
    assert f"{tmp_path / 'run' / 'best.safetensors'}: {said}\n" in output
    again = spotstream(*command).stdout  # does nothing and still shows the best scores
    assert rows[0] in again
    assert f"{said}\n" in again


def test_a_checkpoint_with_more_steps_leaves_nothing_to_do(config_file, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    spotstream("train", config_file, "--set", "steps=4")
    weights = tmp_path / "run" / "last.safetensors"
    before = weights.stat().st_mtime_ns
    caplog.clear()
    done = spotstream("train", config_file, "--set", "steps=2", "--set", "validate_every=2")
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    assert done.exit_code == 0
    assert done.stdout == f"nothing to do: {checkpoint} has 4 steps, more than steps: 2\n"
    assert caplog.messages == ["reading annotations"]
    assert weights.stat().st_mtime_ns == before


def test_overwrite_restarts_a_finished_training(config_file):
    spotstream("train", config_file)
    again = spotstream("train", config_file, "--set", "steps=1", "--overwrite")
    assert "best weights, after step 1 of 1" in again.stdout


def test_a_row_shows_images_boxes_and_only_defined_scores(config_file):
    done = spotstream("validate", config_file, "--scale", 0.5)
    [row] = [line for line in done.stdout.splitlines() if line.lstrip().startswith("drawn")]
    cells = row.partition(" all at scale 0.5 ")[2].split()
    assert cells[:2] == ["1", "2"]
    assert "nan" not in cells


def test_validating_without_held_out_scenes_is_refused(config_file, data_set):
    with pytest.raises(ConfigError, match="holds out no scene to score on"):
        spotstream("validate", config_file, "--set", "data=[{path: " + str(data_set) + "}]")


def test_validate_names_the_shipped_weights_used_by_default(config_file):
    assert "weights: compact, which ships; --weights FILE scores others\n" in (
        spotstream("validate", config_file).stdout
    )


def test_missing_weights_raise_a_config_error(config_file, tmp_path):
    with pytest.raises(ConfigError, match="no weights file"):
        spotstream("validate", config_file, "--weights", tmp_path / "none.safetensors")


@pytest.mark.parametrize("command", ["train", "validate"])
def test_a_missing_config_is_reported_without_importing_torch(command, tmp_path):
    """Importing it takes seconds."""
    program = "import sys; sys.modules['torch'] = None; from tools.main import main; main()"
    done = run_python("-c", program, command, tmp_path / "nowhere.yaml")
    message = (
        f"spotstream: no config file {tmp_path / 'nowhere.yaml'}; built in are attention, base, "
    )
    assert done.stderr.startswith(message)
    assert done.returncode == 2


def test_an_unknown_setting_is_reported(config_file):
    with pytest.raises(ConfigError, match="--set: unknown key stepps; allowed here: data, classes"):
        spotstream("train", config_file, "--set", "stepps=3")
