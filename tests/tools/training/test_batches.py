import os
import signal
from dataclasses import fields

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory

from stages.errors import ConfigError, SpotStreamError
from tests.tools.conftest import hide
from tools.training import batches as batches_module
from tools.training.batches import CropBatches, _batches, load_batches
from tools.training.config import AugmentationConfig
from tools.training.data import read_training_data
from tools.training.targets import Targets


def same(one, other):
    return (
        torch.equal(one.images, other.images)
        and torch.equal(one.targets.heatmap, other.targets.heatmap)
        and one.names == other.names
    )


def test_batch_is_reproducible_from_its_number(tiny_config):
    config = tiny_config(augmentation={"mosaic": 0.5})
    data = read_training_data(config)
    one, other = CropBatches(data, config), CropBatches(data, config)
    for number in (0, 1, 2):
        other[number]
    assert same(one[3], other[3])
    assert not same(one[3], one[4])
    assert not same(one[3], CropBatches(data, config, rank=1)[3])
    assert not same(one[3], CropBatches(data, config.model_copy(update={"seed": 1}))[3])


def test_images_are_drawn_by_their_weights(tiny_config):
    """As NumPy's choice draws them, so that later releases resume with the same images."""
    config = tiny_config()
    data = read_training_data(config)
    data.weights = np.array([0.1, 0.6, 0.3])
    batches = CropBatches(data, config)
    found, expected = (np.random.default_rng(3) for _ in range(2))
    for _ in range(500):
        index = expected.choice(3, p=data.weights)
        assert batches._draw(found) == data.training[index]


def test_pasting_is_reproducible_and_names_its_source(tiny_config):
    config = tiny_config(augmentation={"paste": 1.0})
    data = read_training_data(config)
    one, other = CropBatches(data, config), CropBatches(data, config)
    other[0]
    assert same(one[3], other[3])
    plain = CropBatches(data, tiny_config())[3]
    assert not torch.equal(one[3].images, plain.images)
    assert any(" < " in name for name in one[3].names)


def test_nothing_is_pasted_from_an_unreadable_image(tiny_config, data_set):
    config = tiny_config(batch_size=8, augmentation={"paste": 1.0})
    batches = CropBatches(read_training_data(config), config)
    assert all(" < " in name for number in range(3) for name in batches[number].names)
    (data_set / "images" / "1.png").write_bytes(b"no image")
    names = [name for number in range(3) for name in batches[number].names]
    assert not any("1.png" in name for name in names)
    assert not all(" < " in name for name in names)


def test_nothing_is_pasted_if_nothing_can_be_cut_out(tiny_config, data_set):
    hide(data_set, 0.5)
    config = tiny_config(augmentation={"paste": 1.0})
    assert not any(
        " < " in name for name in CropBatches(read_training_data(config), config)[0].names
    )


def test_several_vehicles_may_be_pasted(tiny_config, monkeypatch):
    """Each image here has two vehicles."""
    counts, paste = set(), batches_module.paste

    def record(crop, cut_outs, rng):
        counts.add(len(cut_outs))
        return paste(crop, cut_outs, rng)

    monkeypatch.setattr(batches_module, "paste", record)
    config = tiny_config(batch_size=8, augmentation={"paste": 1.0})
    CropBatches(read_training_data(config), config)[0]
    assert counts == {1, 2}


def test_crops_use_the_scale_of_the_data_set_and_the_flip_setting(
    tiny_config, data_set, monkeypatch
):
    used, crop = set(), batches_module.random_crop

    def record(annotated, size, scale_range, rng, flip):
        used.add((scale_range, flip))
        return crop(annotated, size, scale_range, rng, flip)

    monkeypatch.setattr(batches_module, "random_crop", record)
    data = [{"path": data_set, "scale": 0.5}]
    config = tiny_config(data=data, augmentation={"scale_range": (0.5, 2.0), "flip": 0.25})
    CropBatches(read_training_data(config), config)[0]
    assert used == {((0.25, 1.0), 0.25)}


@pytest.mark.parametrize(("masks", "share"), [("motion", 0), ("boxes", 1)])
def test_mask_comes_from_motion_or_boxes_as_configured(tiny_config, data_set, masks, share):
    """Nothing moves in these masks."""
    for image in (data_set / "images").iterdir():
        for scene in "abc":
            file = data_set / "masks" / scene / image.name
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), np.zeros((80, 96), np.uint8))
    config = tiny_config(masks=masks, batch_size=8)
    assert CropBatches(read_training_data(config), config)[0].targets.mask.max() == share


def test_every_tensor_for_the_gpu_is_in_page_locked_memory(tiny_config, monkeypatch):
    locked = []

    def lock(tensor):
        locked.append(tensor.clone())
        return locked[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", lock)
    config = tiny_config()
    batch = CropBatches(read_training_data(config), config)[0]
    pinned = pin_memory(batch)  # as a data loader calls it
    assert same(batch, pinned)
    given = [pinned.images, *(getattr(pinned.targets, each.name) for each in fields(Targets))]
    tensors = [each for each in given if isinstance(each, torch.Tensor)]
    assert [id(each) for each in tensors] == [id(each) for each in locked]


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_do_not_change_the_order(tiny_config, workers):
    config = tiny_config(workers=workers)
    batches = CropBatches(read_training_data(config), config)
    loaded = load_batches(batches, 2)
    for number in (2, 3, 4):
        assert same(next(loaded), batches[number])


def test_unreadable_image_is_replaced_and_reported(tiny_config, data_set):
    config = tiny_config(batch_size=8)
    batches = CropBatches(read_training_data(config), config)
    (data_set / "images" / "1.png").write_bytes(b"no image")
    made = batches[0]
    assert made.images.shape == (8, 64, 64, 3)
    assert any("1.png" in line for line in made.unreadable)
    assert not any("1.png" in name for name in made.names)


@pytest.mark.parametrize("workers", [0, 1])
def test_many_unreadable_images_in_a_row_are_an_error(tiny_config, data_set, workers):
    config = tiny_config(workers=workers)
    batches = CropBatches(read_training_data(config), config)
    for image in (data_set / "images").iterdir():
        image.write_bytes(b"")
    with pytest.raises(ConfigError, match="20 images in a row") as error:
        next(load_batches(batches, 0))
    assert "\n" not in str(error.value)


KILLED = r"^a process that makes crops died, .* workers$"


def test_killed_worker_is_reported_in_one_line(tiny_config):
    config = tiny_config(workers=1)
    loaded = load_batches(CropBatches(read_training_data(config), config), 0)
    [worker] = loaded.gi_frame.f_locals["items"]._workers
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(SpotStreamError, match=KILLED):
        next(loaded)


@pytest.mark.parametrize("error", [ConnectionResetError, EOFError])
def test_worker_killed_while_sending_is_reported_in_one_line(error):
    def broken():
        raise error
        yield

    with pytest.raises(SpotStreamError, match=KILLED):
        next(_batches(broken()))


def test_other_errors_are_not_reported_as_a_dead_worker():
    def broken():
        raise RuntimeError("something else")
        yield

    with pytest.raises(RuntimeError, match=r"^something else$"):
        next(_batches(broken()))


@pytest.mark.parametrize("mosaic", [0, 1])
def test_crops_show_vehicles_where_the_targets_are(tiny_config, monkeypatch, mosaic):
    def empty(shape, dtype=np.float64):
        return np.full(shape, 255, dtype)  # unfilled pixels are bright

    monkeypatch.setattr(np, "empty", empty)
    augmentation = {"colour": 0, "quality": 0, "mosaic": mosaic}
    config = tiny_config(batch_size=8, augmentation=augmentation)
    data = read_training_data(config)
    made = CropBatches(data, config)[0]
    assert [name.count(" + ") for name in made.names] == [3 * mosaic] * 8
    recoloured = config.model_copy(update={"augmentation": AugmentationConfig(mosaic=mosaic)})
    assert not torch.equal(CropBatches(data, recoloured)[0].images[0], made.images[0])
    assert made.images.max() < 255
    bright = made.images[..., 0].float().numpy() > 150
    cells = bright.reshape(8, 16, 4, 16, 4).mean(axis=(2, 4))
    assert np.abs(cells - made.targets.mask[:, 0].numpy()).mean() < 0.05


def batches_with(tiny_config, data_set, **entry):
    config = tiny_config(batch_size=8, data=[{"path": data_set, **entry}])
    return CropBatches(read_training_data(config), config)


def test_scale_and_max_hidden_of_a_data_set_apply(tiny_config, data_set):
    plain, double = (
        batches_with(tiny_config, data_set, scale=scale)[0].targets.sizes.median()
        for scale in (1.0, 2.0)
    )
    assert 1.5 < double / plain < 2.5

    hide(data_set, 0.6)
    found, ignored = (
        batches_with(tiny_config, data_set, max_hidden=share)[0].targets for share in (0.7, 0.5)
    )
    assert found.boxes > ignored.boxes == 0
    assert ignored.counted.sum() < ignored.counted.numel()
