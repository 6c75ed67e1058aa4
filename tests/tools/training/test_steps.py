import contextlib
import itertools
import math

import pytest
import torch

from stages.detector.spotnet import SpotNet
from stages.errors import SpotStreamError
from tests.stages.detector.meta import META, OnMetaAlone
from tools.training import steps as steps_module
from tools.training.batches import Batch, CropBatches
from tools.training.data import read_training_data
from tools.training.losses import spotnet_loss
from tools.training.processes import Processes, training_processes
from tools.training.state import TrainingState
from tools.training.steps import DivergedError, Steps, average_decay
from tools.training.targets import Targets
from tools.training.trainer import train

SHAPES = {"heatmap": (2, 1, 16, 16), "mask": (2, 1, 16, 16), "counted": (2, 1, 16, 16),
          "rows": (9, 3), "weights": (9,), "sizes": (9, 2), "offsets": (9, 2)}  # fmt: skip


@contextlib.contextmanager
def steps_of(config, teacher=None):
    with training_processes("cpu") as processes:
        yield Steps(config, TrainingState.begin(config, processes.device), processes, teacher)


def first_batch(config):
    return CropBatches(read_training_data(config), config)[0]


def test_training_step_does_not_wait_for_the_gpu(tiny_config, monkeypatch):
    """Except to check whether gradients are finite; and AdamW counts its steps on the CPU."""
    config = tiny_config(accumulate=2)
    state = TrainingState.begin(config, META)
    state.optimizer = torch.optim.SGD(state.model.parameters())
    dtypes = dict.fromkeys(SHAPES, torch.float32) | {"rows": torch.int64}
    targets = {
        name: torch.empty(shape, dtype=dtypes[name], device=META) for name, shape in SHAPES.items()
    }
    images = torch.empty((2, 64, 64, 3), dtype=torch.uint8, device=META)
    batch = Batch(images, Targets(**targets, boxes=4), ["a", "b"], [])
    steps = Steps(config, state, Processes(0, 1, META), teacher=None)
    monkeypatch.setattr(torch, "isfinite", lambda norm: True)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # not on meta
    with OnMetaAlone():
        terms = steps.take(iter([batch] * 2))
    assert all(each.is_meta for each in terms.values())


def test_unreadable_image_is_logged_once(tiny_config, data_set, caplog):
    (data_set / "images" / "1.png").write_bytes(b"no image")
    train(tiny_config(steps=6, data=[{"path": data_set}]))
    assert caplog.text.count("1.png: not an image, or damaged, left out") == 1


def test_full_memory_is_reported_with_the_remedy(tiny_config, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(SpotNet, "forward", full)
    with pytest.raises(SpotStreamError) as error:
        train(tiny_config(steps=2))
    assert str(error.value) == (
        "the memory of cpu is full: lower batch_size (and raise accumulate), "
        "or set checkpoint_activations: true"
    )


@pytest.mark.parametrize(
    ("steps", "given", "expected"),
    [(150, None, 1 - 5 / 150), (5000, None, 0.999), (70_000, None, 0.999), (3, None, 0.0),
     (150, 0.999, 0.999), (70_000, 0.9, 0.9)],
)  # fmt: skip
def test_average_remembers_a_fifth_of_the_run(tiny_config, steps, given, expected):
    config = tiny_config(steps=steps, ema_decay=given)
    [decay] = {average_decay(config, step, fresh=False) for step in range(0, steps, 10)}
    assert decay == pytest.approx(expected, abs=1e-12)


def test_average_of_untrained_weights_remembers_less_at_first(tiny_config):
    assert average_decay(tiny_config(steps=100), 8, fresh=True) == 0.5
    assert average_decay(tiny_config(steps=100), 99, fresh=True) == pytest.approx(100 / 109)
    assert average_decay(tiny_config(steps=100, ema_decay=0.4), 8, fresh=True) == 0.4


def test_learning_rate_warms_up_and_falls_with_a_cosine(tiny_config, monkeypatch):
    rates, decays = [], []

    def record(state, decay):
        rates.extend({group["lr"] for group in state.optimizer.param_groups})
        decays.append(decay)

    monkeypatch.setattr(TrainingState, "update_average", record)
    train(tiny_config(steps=8, warmup=0.5, learning_rate=0.01, validate_every=100))
    rising, falling = [0.0002, 0.0025, 0.005, 0.0075], [0.01, 0.0085502, 0.00505, 0.0015498]
    assert rates == pytest.approx(rising + falling, rel=1e-3)
    assert decays == [1 / 10, 2 / 11, 3 / 12, 4 / 13, 5 / 14, 3 / 8, 3 / 8, 3 / 8]


def test_loss_of_several_passes_is_their_mean(tiny_config):
    def terms(config, batches):
        with steps_of(config) as steps:
            found = steps.take(iter(batches))
        return torch.stack([found[name] for name in sorted(found)])

    plain, double = tiny_config(), tiny_config(accumulate=2)
    batches = CropBatches(read_training_data(plain), plain)
    two = [batches[0], batches[1]]
    first, second = (terms(plain, [batch]) for batch in two)
    assert not torch.allclose(first, second, rtol=0.01)
    torch.testing.assert_close(terms(double, two), (first + second) / 2)


@pytest.fixture
def norms(monkeypatch):
    """Records the norm of the gradients of each step."""
    found, clip = [], torch.nn.utils.clip_grad_norm_

    def record(*arguments):
        norm = clip(*arguments)
        found.append(norm.item())
        return norm

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", record)
    return found


def test_gradient_of_several_passes_is_their_mean(tiny_config, norms):
    for accumulate in (1, 3):
        config = tiny_config(accumulate=accumulate)
        with steps_of(config) as steps:
            steps.take(itertools.repeat(first_batch(config)))
    assert norms[1] == pytest.approx(norms[0], rel=1e-4)


def test_gradients_are_reset_between_steps(tiny_config, norms):
    config = tiny_config(learning_rate=1e-12)
    batch = first_batch(config)
    with steps_of(config) as steps:
        for _ in range(2):
            steps.take(itertools.repeat(batch))
    assert norms[1] == pytest.approx(norms[0], rel=1e-3)


def test_gradients_are_clipped_as_configured(tiny_config, monkeypatch):
    limits, clip = [], torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(
        torch.nn.utils, "clip_grad_norm_", lambda *given: limits.append(given[1]) or clip(*given)
    )
    config = tiny_config(gradient_norm=0.5)
    with steps_of(config) as steps:
        steps.take(iter([first_batch(config)]))
    assert limits == [0.5]


def test_non_finite_gradients_are_reported_despite_a_finite_loss(tiny_config, monkeypatch):
    nan = torch.tensor(math.nan)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: nan)
    config = tiny_config()
    message = r"^the gradients are not finite in step 1, but "
    with steps_of(config) as steps, pytest.raises(DivergedError, match=message):
        steps.take(iter([first_batch(config)]))


@pytest.mark.parametrize(
    ("precision", "fast", "used"),
    [("bfloat16", torch.float32, torch.bfloat16), ("float32", torch.bfloat16, torch.float32),
     ("auto", torch.bfloat16, torch.bfloat16), ("auto", torch.float32, torch.float32)],
)  # fmt: skip
def test_network_is_computed_in_the_configured_precision(
    tiny_config, monkeypatch, precision, fast, used
):
    found = []

    def record(outputs, targets):
        found.append(outputs[0]["wh"].dtype)
        return spotnet_loss(outputs, targets)

    monkeypatch.setattr(steps_module, "spotnet_loss", record)
    monkeypatch.setattr(steps_module, "fast_dtype", lambda device: fast)
    config = tiny_config(precision=precision)
    with steps_of(config) as steps:
        steps.take(iter([first_batch(config)]))
    assert found == [used]


def test_optimizer_is_the_configured_one(tiny_config):
    for name, kind in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        config = tiny_config(optimizer=name, weight_decay=0.25)
        optimizer = TrainingState.begin(config, torch.device("cpu")).optimizer
        assert type(optimizer) is kind
        assert [group["weight_decay"] for group in optimizer.param_groups] == [0.25]


def test_last_stack_of_a_teacher_teaches(tiny_config, monkeypatch):
    taught = []

    def record(outputs, targets):
        taught.append(targets)
        return {"total": outputs[0]["hm"].new_zeros(())}

    monkeypatch.setattr(steps_module, "teacher_loss", record)
    config = tiny_config()
    with steps_of(config, teacher=lambda images: ["first", "last"]) as steps:
        steps.take(iter([first_batch(config)]))
    assert taught == ["last"]
