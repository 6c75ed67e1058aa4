"""Initial weights of a run: they are loaded, scored, averaged and possibly the best."""

import os
import signal
from types import SimpleNamespace

import pytest
import torch

from stages.detector.spotnet import SpotNet
from stages.detector.spotnet.layers import Residual
from stages.errors import ConfigError, OutputError
from tests.tools.training.runs import TWO, rows, stop_after
from tools.training import trainer
from tools.training.beginning import begin
from tools.training.data import read_training_data
from tools.training.log import TrainingLog
from tools.training.run_identity import RunIdentity
from tools.training.state import BEST, LAST, TrainingState
from tools.training.steps import Steps
from tools.training.trainer import train


def test_initial_weights_are_loaded(tiny_config, tmp_path):
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    config = tiny_config(
        steps=1,
        output=tmp_path / "second",
        initial=first.weights,
        learning_rate=1e-12,
        classes=TWO,
    )
    train(config)
    one, two = (
        SpotNet.from_checkpoint(tmp_path / name / "last.safetensors").state_dict()
        for name in ("first", "second")
    )
    assert torch.allclose(one["pre.0.conv.weight"], two["pre.0.conv.weight"], atol=1e-3)
    for name in ("hm.0.1.weight", "hm.0.1.bias"):  # the only class of the file becomes each of two
        assert torch.allclose(one[name].repeat_interleave(2, 0), two[name], atol=1e-3)


def test_missing_initial_weights_are_refused_with_the_names_of_those_that_ship(
    tiny_config, tmp_path
):
    missing = tmp_path / "nope"
    message = f"initial: no weights file {missing}; shipped are compact, nano, base"
    with pytest.raises(ConfigError) as error:
        train(tiny_config(initial=missing))
    assert str(error.value) == message


def test_weights_of_another_network_are_refused(tiny_config, tmp_path):
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    config = tiny_config(initial=first.weights, model={}, output=tmp_path / "second")
    with pytest.raises(ConfigError, match="it is for another network"):
        train(config)


@pytest.mark.parametrize(("classes", "kept"), [({"car": ["car"]}, True), (TWO, False)])
def test_average_forgets_initial_weights_of_fewer_classes(tiny_config, tmp_path, classes, kept):
    first = train(tiny_config(steps=1, output=tmp_path / "first", classes={"car": ["car"]}))
    changes = {"output": tmp_path / "second", "initial": first.weights, "classes": classes}
    train(tiny_config(**changes, steps=2, learning_rate=0.01, ema_decay=1 - 1e-9))
    begun, average = (
        SpotNet.from_checkpoint(path).state_dict()["pre.0.conv.weight"]
        for path in (first.weights, tmp_path / "second" / "last.safetensors")
    )
    assert torch.allclose(average, begun, atol=1e-3) == kept


def test_average_follows_a_short_run_from_trained_weights(tiny_config, tmp_path, monkeypatch):
    """An average over more than the run would validate and save almost the initial weights."""
    scored = []

    def better(network, *_):
        scored.append(network.state_dict()["pre.0.conv.weight"].clone())
        return {"drawn": {"AP50": len(scored) / 10}}

    monkeypatch.setattr(trainer, "evaluate", better)
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    config = tiny_config(initial=first.weights, steps=20, learning_rate=0.01, validate_every=20)
    train(config)
    state = TrainingState.begin(config, torch.device("cpu"))
    state.resume(config.output, RunIdentity.of(config, read_training_data(config)))
    begun = SpotNet.from_checkpoint(first.weights).state_dict()["pre.0.conv.weight"]
    average, now = (
        network.state_dict()["pre.0.conv.weight"] for network in (state.average, state.model)
    )
    assert (average - now).norm() < 0.5 * (average - begun).norm()
    assert torch.equal(scored[-1], average)
    best = SpotNet.from_checkpoint(config.output / BEST).state_dict()["pre.0.conv.weight"]
    assert torch.equal(best.half(), average.half())


def test_resumed_run_with_initial_weights_has_the_same_average(tiny_config, tmp_path):
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    whole = train(tiny_config(output=tmp_path / "whole", initial=first.weights))
    parts = tiny_config(output=tmp_path / "parts", initial=first.weights)
    stop_after(parts, 3)
    assert train(parts).steps == whole.steps == 6
    one, two = (
        SpotNet.from_checkpoint(tmp_path / name / "last.safetensors").state_dict()
        for name in ("whole", "parts")
    )
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_resuming_with_more_steps_updates_the_average_decay(tiny_config, tmp_path, monkeypatch):
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    decays, update = [], TrainingState.update_average

    def record_decay(state, decay):
        decays.append(decay)
        update(state, decay)

    monkeypatch.setattr(TrainingState, "update_average", record_decay)
    stop_after(tiny_config(initial=first.weights, steps=10), 2)
    train(tiny_config(initial=first.weights, steps=20))
    assert decays == [0.5] * 2 + [0.75] * 18


def steps_scored(config, **changes):
    train(config.model_copy(update=changes))
    return [row["step"] for row in rows(config.output / "validation.csv")]


def test_initial_weights_are_scored_and_may_stay_the_best(tiny_config, tmp_path, monkeypatch):
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    scores, clock = iter([0.5, 0.4, 0.5]), [0.0]

    def evaluate(*_):
        clock[0] += 100
        return {"drawn": {"AP50": next(scores)}}

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    config = tiny_config(initial=first.weights, learning_rate=0.01)
    assert steps_scored(config) == ["0", "3", "6"]
    assert (config.output / "log.csv").read_text().splitlines()[1].startswith("1,0,")  # seconds
    begun, best, last = (
        SpotNet.from_checkpoint(path).state_dict()["pre.0.conv.weight"]
        for path in (first.weights, config.output / BEST, config.output / LAST)
    )
    assert torch.equal(best, begun)
    assert not torch.equal(last, begun)


def test_resumed_run_remembers_the_best_weights(tiny_config, monkeypatch):
    scores = iter([{"drawn": {"AP50": 0.5}}, {"drawn": {"AP50": 0.4}}])
    monkeypatch.setattr(trainer, "evaluate", lambda *_: next(scores))
    config = tiny_config(learning_rate=0.01)
    stop_after(config, 4)
    best = (config.output / BEST).read_bytes()
    result = train(config)
    assert (result.best_step, result.best_scores) == (3, {"drawn": {"AP50": 0.5}})
    assert result.scores == {"drawn": {"AP50": 0.4}}
    assert (config.output / BEST).read_bytes() == best


def test_initial_weights_are_scored_once(tiny_config, tmp_path):
    """An old validation.csv without a checkpoint does not count; a resumed run does not rescore."""
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    config = tiny_config(initial=first.weights, validate_every=500)
    config.output.mkdir()
    (config.output / "validation.csv").write_text("step,drawn.AP50,drawn.AP70\n0,0.9,0.9\n")
    stop_after(config, 2)
    assert rows(config.output / "validation.csv")[0]["drawn.AP50"] != "0.9"
    assert steps_scored(config) == ["0", "6"]


def test_ctrl_c_while_initial_weights_are_scored_can_be_resumed(tiny_config, tmp_path, monkeypatch):
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    config = tiny_config(initial=first.weights)
    validate = trainer.evaluate

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return validate(*arguments)

    monkeypatch.setattr(trainer, "evaluate", interrupted)
    stopped = train(config)
    assert (stopped.steps, stopped.complete) == (0, False)
    monkeypatch.setattr(trainer, "evaluate", validate)
    assert steps_scored(config) == ["0", "3", "6"]


def test_run_killed_before_its_first_step_starts_again(tiny_config, tmp_path, monkeypatch):
    """The scored initial weights are saved, with a checkpoint."""
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    config = tiny_config(initial=first.weights)

    def killed(*_):
        raise OutputError("killed")

    for owner, name in ((trainer, "save_weights"), (TrainingLog, "scores"), (Steps, "take")):
        monkeypatch.setattr(owner, name, killed)
        with pytest.raises(OutputError, match="killed"):
            train(config)
        monkeypatch.undo()
    assert (config.output / BEST).is_file()
    assert steps_scored(config) == ["0", "3", "6"]


def test_weights_of_fewer_classes_are_not_scored(tiny_config, tmp_path):
    first = train(tiny_config(steps=1, output=tmp_path / "first"))
    config = tiny_config(initial=first.weights, classes=TWO)
    assert steps_scored(config) == ["3", "6"]


@pytest.mark.parametrize(("checkpointed", "times"), [(False, 1), (True, 2)])
def test_activations_are_recomputed_only_if_configured(tiny_config, checkpointed, times):
    config = tiny_config(checkpoint_activations=checkpointed)
    identity = RunIdentity.of(config, read_training_data(config))
    model = begin(config, identity, torch.device("cpu"), overwrite=False).model
    blocks = [each for each in model.modules() if isinstance(each, Residual)]
    computed = []
    for block in blocks:
        block.skip.register_forward_hook(lambda *_: computed.append(1))
    sum(value.mean() for value in model(torch.rand(2, 3, 64, 64))[-1].values()).backward()
    assert len(computed) == times * len(blocks) > 0
