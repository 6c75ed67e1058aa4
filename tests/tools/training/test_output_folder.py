"""How a training run treats files in its output folder."""

import pytest
import torch

from stages.detector.spotnet import SpotNet
from stages.errors import ConfigError, OutputError
from tests.tools.training.runs import rows
from tools.training import trainer
from tools.training.state import TrainingState
from tools.training.steps import Steps
from tools.training.trainer import train


def test_folder_accepts_one_run_at_a_time(tiny_config, tmp_path, monkeypatch):
    config = tiny_config(steps=2)
    take = Steps.take

    def start_second_run(*arguments):
        monkeypatch.undo()
        with pytest.raises(OutputError, match=r"is writing there; choose another output$"):
            train(config, overwrite=True)
        return take(*arguments)

    monkeypatch.setattr(Steps, "take", start_second_run)
    assert train(config).steps == 2
    assert [row["step"] for row in rows(tmp_path / "run" / "log.csv")] == ["1", "2"]


def test_run_that_fails_between_its_two_files_is_repeated(tiny_config, tmp_path, monkeypatch):
    steps = {"steps": 2, "save_every": 2, "validate_every": 2}
    config, whole = tiny_config(**steps), tiny_config(**steps, output=tmp_path / "whole")
    written = []

    def failing_at_the_second(write):
        def wrapped(*arguments):
            written.append(write)
            if len(written) == 2:
                raise OutputError("no space left on device")
            write(*arguments)

        return wrapped

    monkeypatch.setattr(trainer, "save_weights", failing_at_the_second(trainer.save_weights))
    monkeypatch.setattr(TrainingState, "save", failing_at_the_second(TrainingState.save))
    with pytest.raises(OutputError):
        train(config)
    monkeypatch.undo()
    train(config)
    train(whole)
    last, expected = (each.output / "last.safetensors" for each in (config, whole))
    assert last.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize(
    ("owner", "name", "done"), [(trainer, "save_weights", 2), (TrainingState, "save", 1)]
)
def test_last_weights_match_the_checkpoint(tiny_config, monkeypatch, owner, name, done):
    """This also holds if one of the two could not be written and no step is left to do."""
    settings = {"save_every": 1, "learning_rate": 0.01, "validate_every": 9}
    config = tiny_config(**settings, steps=2)
    write, written = getattr(owner, name), []

    def write_once(*arguments):
        if written:
            raise OutputError("no space left on device")
        written.append(arguments)
        write(*arguments)

    monkeypatch.setattr(owner, name, write_once)
    with pytest.raises(OutputError):
        train(config)
    monkeypatch.undo()
    assert train(tiny_config(**settings, steps=done)).steps == done
    average = torch.load(config.output / "checkpoint.pt", weights_only=True)["average"]
    last = SpotNet.from_checkpoint(config.output / "last.safetensors").state_dict()
    for key, value in last.items():
        assert torch.equal(value.half(), average[key].half()), key


def fail(*_):
    raise OutputError("no space left on device")


def test_overwrite_removes_the_results_of_the_previous_run(tiny_config, data_set):
    first = train(tiny_config(steps=1))
    curves = first.weights.parent / "tensorboard"
    curves.mkdir(exist_ok=True)
    (curves / "events.out.tfevents.1").touch()
    (curves / "mine.txt").touch()
    bad_batches = {"bad_batch.pt", "bad_batch.1.pt"}
    for name in bad_batches:
        (first.weights.parent / name).touch()
    config = tiny_config(steps=2, seed=9, data=[{"path": str(data_set)}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "take", fail)
        with pytest.raises(OutputError):
            train(config, overwrite=True)
    written = {"checkpoint.pt", "best.safetensors", "last.safetensors", "log.csv", "validation.csv"}
    assert not (written | bad_batches) & {path.name for path in config.output.iterdir()}
    result = train(config)
    assert result.weights.name == "last.safetensors"
    assert {path.name for path in config.output.iterdir()} >= {"last.safetensors", "log.csv"}
    assert not (config.output / "best.safetensors").exists()
    assert not (config.output / "validation.csv").exists()
    assert not (curves / "events.out.tfevents.1").exists()
    assert (curves / "mine.txt").exists()


def test_run_that_cannot_start_leaves_the_previous_run_untouched(tiny_config, data_set):
    first = train(tiny_config(steps=1))
    folder = first.weights.parent
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.*")}
    unlabelled = [{"path": data_set, "held_out": ["c"], "unlabelled": 0.5}]
    for wrong in ({"initial": "compcat"}, {"teacher": "compcat"}, {"data": unlabelled}):
        with pytest.raises(ConfigError):
            train(tiny_config(**wrong), overwrite=True)
        assert {path: path.stat().st_mtime_ns for path in folder.glob("*.*")} == before
    assert train(tiny_config(steps=2, initial=first.weights), overwrite=True).steps == 2


@pytest.mark.parametrize("kept", ["best.safetensors", "last.safetensors"])
def test_weights_without_a_checkpoint_need_overwrite(tiny_config, kept):
    config = tiny_config(steps=1)
    train(config)
    for path in config.output.iterdir():
        if path.name != kept and path.is_file():
            path.unlink()
    before = (config.output / kept).read_bytes()
    with pytest.raises(ConfigError, match=rf"has {kept}, but no checkpoint.pt to resume from; "):
        train(config)
    assert (config.output / kept).read_bytes() == before
    assert train(config, overwrite=True).complete
