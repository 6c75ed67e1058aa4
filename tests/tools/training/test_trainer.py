import csv
import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from stages.detector.spotnet import SpotNet
from stages.errors import ConfigError, OutputError
from tests.tools.conftest import write_config
from tests.tools.processes import ROOT
from tests.tools.training.runs import rows, stop_after
from tests.waiting import wait_for
from tools.training import trainer
from tools.training.batches import load_batches
from tools.training.state import TrainingState, checkpointed, save_state
from tools.training.steps import DivergedError
from tools.training.trainer import train


def test_run_learns_and_leaves_weights_that_load(tiny_config, tmp_path):
    result = train(tiny_config(steps=60, learning_rate=0.01, validate_every=30, ema_decay=0.9))
    losses = [float(row["total"]) for row in rows(tmp_path / "run" / "log.csv")]
    assert len(losses) == 60
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])
    assert result.complete
    assert result.weights.name == "best.safetensors"
    assert SpotNet.from_checkpoint(result.weights).config.dims == (8, 16)
    assert set(result.scores["drawn"]) == {"AP50", "AP70"}
    assert len(rows(tmp_path / "run" / "validation.csv")) == 2


def test_run_shorter_than_log_every_has_a_log(tiny_config, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    train(tiny_config(steps=2, log_every=20))
    assert [row["step"] for row in rows(tmp_path / "run" / "log.csv")] == ["2"]
    assert "step 2 of 2, 0 min left: hm " in caplog.text


def test_remaining_time_is_estimated_from_the_remaining_steps(tiny_config):
    state = SimpleNamespace(step=30, seconds=600.0)
    line = trainer._line(state, tiny_config(steps=120), {"hm": 0.5})
    assert line == "step 30 of 120, 30 min left: hm 0.500"


@pytest.mark.parametrize(("workers", "passes"), [(0, 2), (1, 1)])
def test_a_resumed_run_has_the_same_losses(tiny_config, tmp_path, workers, passes):
    whole = train(tiny_config(output=tmp_path / "whole", accumulate=passes))
    parts = tiny_config(output=tmp_path / "parts", accumulate=passes, workers=workers, steps=6)
    state_dict = SpotNet.from_checkpoint(tmp_path / "whole" / "last.safetensors").state_dict()
    stop_after(parts, 3)
    assert [row["step"] for row in rows(tmp_path / "parts" / "log.csv")] == ["1", "2", "3"]
    assert b"\r" not in (tmp_path / "parts" / "log.csv").read_bytes()
    result = train(parts)
    assert result.steps == whole.steps == 6
    assert rows(tmp_path / "parts" / "log.csv") == rows(tmp_path / "whole" / "log.csv")
    resumed = SpotNet.from_checkpoint(tmp_path / "parts" / "last.safetensors").state_dict()
    assert all(torch.equal(resumed[key], state_dict[key]) for key in resumed)


def test_run_stopped_between_checkpoints_loses_no_steps_or_time(
    tiny_config, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    config = tiny_config(save_every=100, validate_every=100)
    for run in (lambda: stop_after(config, 2), lambda: train(config)):
        clock = itertools.count(0, 10).__next__  # each reading is 10 s later
        monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=clock))
        run()
        monkeypatch.undo()
    assert "resumed after step 2" in caplog.text
    with (tmp_path / "run" / "log.csv").open() as file:
        seconds = [(row["step"], int(row["seconds"])) for row in csv.DictReader(file)]
    assert [step for step, _ in seconds] == list("123456")
    assert [each for _, each in seconds] == sorted({each for _, each in seconds})


def test_ctrl_c_while_workers_start_saves_a_checkpoint(tiny_config, tmp_path, monkeypatch):
    def interrupted(*given, **named):
        os.kill(os.getpid(), signal.SIGINT)
        return load_batches(*given, **named)

    monkeypatch.setattr(trainer, "load_batches", interrupted)
    result = train(tiny_config())
    assert (result.steps, result.complete) == (1, False)
    assert (tmp_path / "run" / "checkpoint.pt").is_file()


def test_ctrl_c_during_validation_stops_with_a_checkpoint(tiny_config, tmp_path, monkeypatch):
    """Only the interrupted validation is repeated."""
    validate, scored = trainer.evaluate, []

    def interrupted(*arguments):
        scored.append(torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"])
        if len(scored) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            [(_, samples)] = arguments[1].values()
            assert not list(samples)  # no image is scored in vain
        return validate(*arguments)

    monkeypatch.setattr(trainer, "evaluate", interrupted)
    config = tiny_config(steps=6, validate_every=2, save_every=100)
    stopped = train(config)
    assert (stopped.steps, stopped.complete) == (4, False)
    done = train(config)
    assert done.complete
    assert train(config).complete
    assert scored == [2, 4, 4, 6]
    assert [row["step"] for row in rows(tmp_path / "run" / "validation.csv")] == ["2", "4", "6"]
    best = max(
        (float(row["drawn.AP50"]) + float(row["drawn.AP70"])) / 2
        for row in rows(tmp_path / "run" / "validation.csv")
    )
    saved = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["best"]
    assert saved == pytest.approx(best, abs=1e-5)


def test_holding_out_every_scene_is_an_error(tiny_config, data_set):
    config = tiny_config(data=[{"path": data_set, "held_out": ["a", "b", "c"]}])
    with pytest.raises(ConfigError, match="nothing is left to train on"):
        train(config)


def test_held_out_image_that_does_not_open_is_named_once(tiny_config, data_set, caplog):
    (data_set / "images" / "3.png").write_bytes(b"no image")
    config = tiny_config(data=[{"path": data_set, "held_out": ["b", "c"]}])
    assert len(train(config).scores["drawn"]) == 2
    assert len(rows(config.output / "validation.csv")) == 2
    [named] = [each for each in caplog.messages if each.endswith(", not scored")]
    assert "3.png" in named


def test_held_out_images_of_which_none_opens_end_the_run(tiny_config, data_set):
    (data_set / "images" / "4.png").write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"^drawn: none of 1 images that are held out opens$"):
        train(tiny_config())


def test_non_finite_loss_stops_the_run_and_saves_its_batch(tiny_config, tmp_path):
    config = tiny_config(
        steps=50, learning_rate=1e30, gradient_norm=1e30, save_every=1, batch_size=4
    )
    with pytest.raises(DivergedError, match=r"not finite in step \d+.*bad_batch.pt") as error:
        train(config)
    saved = torch.load(tmp_path / "run" / "bad_batch.pt", weights_only=True)
    assert saved["images"].shape == (4, 64, 64, 3)
    assert len(saved["names"]) == 4
    assert saved["names"][0] != saved["names"][-1]
    message = str(error.value)
    assert f"not finite in step {saved['step'] + 1}; " in message
    assert f", from {saved['names'][0]} and others" in message


def test_full_disk_is_reported_in_one_line(tiny_config, full_disk):
    config = tiny_config(output=full_disk / "run", steps=3, save_every=1)
    with pytest.raises(OutputError, match="no space left on device") as error:
        train(config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("numbers", [[10_000] * 4, [40_000], [400] * 400])
def test_full_disk_keeps_the_previous_checkpoint(numbers, full_disk):
    file = full_disk / "checkpoint.pt"
    save_state({"step": 1}, file)
    before = file.read_bytes()
    content = {str(key): torch.zeros(count) for key, count in enumerate(numbers)}
    with pytest.raises(OutputError, match="no space left on device; free some"):
        save_state(content, file)
    assert [path.name for path in full_disk.iterdir()] == [file.name]
    assert file.read_bytes() == before


def test_accumulated_passes_make_one_step(tiny_config, tmp_path):
    train(tiny_config(accumulate=2, steps=2, output=tmp_path / "two"))
    assert len(rows(tmp_path / "two" / "log.csv")) == 2


@pytest.mark.parametrize("threads", [0, 3])
def test_torch_uses_the_configured_threads(tiny_config, monkeypatch, threads):
    given = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    train(tiny_config(steps=1, threads=threads))
    assert given == [threads] * bool(threads)


def test_weights_with_a_score_of_zero_may_be_the_best(tiny_config, monkeypatch):
    monkeypatch.setattr(trainer, "evaluate", lambda *_: {"drawn": {"AP50": 0.0}})
    result = train(tiny_config(steps=1))
    assert (result.weights.name, result.best_step) == ("best.safetensors", 1)


def test_recomputed_activations_change_no_results(tiny_config):
    config = tiny_config()
    states = [TrainingState.begin(config, torch.device("cpu")) for _ in range(2)]
    checkpointed(states[1].model)
    images = torch.rand(2, 3, 64, 64)
    for state in states:
        sum(value.mean() for value in state.model(images)[-1].values()).backward()
    gradients = [[p.grad for p in state.model.parameters()] for state in states]
    for plain, again in zip(*gradients, strict=True):
        assert torch.allclose(plain, again, atol=1e-6)
    plain, again = (state.model.state_dict() for state in states)
    for key, value in plain.items():
        if key.endswith("running_var"):
            assert torch.allclose(value, again[key], rtol=1e-4), key


def test_centernet_trains_without_segmentation(tiny_config, tmp_path):
    config = tiny_config(steps=1)
    model = dict(config.model) | {"attention": "none"}
    result = train(tiny_config(steps=1, model=model, output=tmp_path / "plain"))
    assert not any(
        key.startswith("seg") for key in SpotNet.from_checkpoint(result.weights).state_dict()
    )


def test_a_stop_signal_ends_the_command_with_130(tiny_config, tmp_path):
    """All processes of a command get it, including data loader workers, as from a terminal."""
    # A step takes more batches than are prefetched, so that the interrupted one needs new ones.
    config = write_config(tiny_config(steps=100_000, workers=1, accumulate=12), tmp_path)
    command = [sys.executable, "-m", "tools.main", "train", str(config)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    log = tmp_path / "run" / "log.csv"
    wait_for(lambda: log.is_file() and len(log.read_text().splitlines()) > 1)
    os.killpg(process.pid, signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)  # again, as `timeout` and `torchrun` do
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "run the same command to resume" in output
    assert (tmp_path / "run" / "checkpoint.pt").is_file()


STUCK = """
import pipeline.signals
from tools.main import main

if __name__ == "__main__":
    pipeline.signals._ONE_REQUEST_SECONDS = 0.1
    main()
"""


def test_second_signal_ends_a_run_with_a_stuck_worker(tiny_config, data_set, tmp_path):
    """Like a mount that no longer answers, a pipe blocks its reader until a writer opens it."""
    # A step takes more batches than are prefetched.
    config = write_config(tiny_config(steps=100_000, workers=1, accumulate=12), tmp_path)
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    command = [sys.executable, str(script), "train", str(config)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        log = tmp_path / "run" / "log.csv"
        wait_for(lambda: log.is_file() and len(log.read_text().splitlines()) > 1)
        for image in (data_set / "images").iterdir():
            image.unlink()
            os.mkfifo(image)
        process.terminate()
        while "stopping" not in (line := process.stderr.readline()):
            assert line
        time.sleep(0.2)
        process.terminate()
        assert process.wait(20) == 130


def test_unknown_device_is_rejected(tiny_config):
    with pytest.raises(ConfigError, match="device nonsense cannot be used"):
        train(tiny_config(steps=1, device="nonsense"))
