"""int8: PyTorch's bytes and the rounded graph of other engines give nearly the boxes of float32."""

import copy

import numpy as np
import pytest
import torch

from stages.detector.engines import build_engine, quantised
from stages.detector.engines.int8 import (
    LEVELS,
    MAX_WEIGHT,
    Quantiser,
    by_channel,
    feature_quantisers,
    weight_scales,
    whole_numbers,
)
from stages.detector.engines.quantised import quantise
from stages.detector.engines.rounded import rounded_network
from stages.detector.spotnet import SpotNet, channels_last, feature_ranges
from stages.errors import ConfigError
from trackers.boxes import iou_matrix

SMALL = {"stem_channels": 8, "dims": (8, 16, 16), "modules": (2, 1, 2), "head_channels": 8,
         "feature_channels": 16}  # fmt: skip
PACKAGES = {"torch": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino"}


def noise(batch=1, height=64, width=128):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, 3, height, width, generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def small_network(**settings):
    torch.manual_seed(0)
    network = channels_last(SpotNet.compact(**SMALL | settings).eval().fused())
    network.ranges = feature_ranges(network, [noise(2)])
    return network


@torch.inference_mode()
def found(network, images):
    logits, features = network.locate(images)
    return logits, *network.regress(features, torch.tensor([[0, 5, 300]] * len(images)))


@pytest.mark.parametrize("attention", ["sigmoid", "none"])
@pytest.mark.parametrize("scope", ["heatmap", "all"])
def test_int8_and_rounded_networks_differ_from_float32_only_by_rounding(attention, scope):
    network = small_network(attention=attention, attention_scope=scope)
    in_bytes, rounded = copy.deepcopy(network), rounded_network(network)
    quantise(in_bytes)
    images = noise(2)
    expected = found(network, images)
    for one, other, right in zip(
        found(in_bytes, images), found(rounded, images), expected, strict=True
    ):
        assert one.dtype == other.dtype == torch.float32
        off = (one - right).abs().mean()
        assert 0 < off < 0.06 * right.std() + 1e-3
        assert (one - other).abs().mean() < 0.005 * off  # both round the same


def test_images_of_a_batch_do_not_affect_each_other():
    network = small_network()
    quantise(network)
    images = noise(3)
    together, alone = found(network, images), found(network, images[1:2])
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one[1:2], other, rtol=0, atol=1e-5)


def test_the_input_size_may_change():
    network = small_network()
    rounded = rounded_network(network)
    quantise(network)
    for height, width in ((64, 128), (128, 64), (64, 128)):
        images = noise(1, height, width)
        with torch.inference_mode():
            one, other = network.locate(images)[0], rounded.locate(images)[0]
        assert (one - other).abs().mean() < 0.06 * other.std()


def test_features_beyond_their_range_saturate():
    network = small_network()
    quantise(network)
    images = noise()
    with torch.inference_mode():
        loud = network.locate(images * 50)[0]
    assert torch.isfinite(loud).all()
    features = network.kps[0](torch.full((1, 8, 16, 32), 255, dtype=torch.uint8).contiguous(
        memory_format=torch.channels_last))  # fmt: skip
    assert features.dtype == torch.uint8
    assert features.max() == 255  # the sum of two branches does not wrap around to 0


def test_weights_are_rounded_with_the_least_error():
    weight = torch.randn(4, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    weight[0, 0, 0, 0] = 8.0  # an outlier
    scales = weight_scales(weight)
    whole = whole_numbers(weight, scales)
    assert whole.abs().max() <= MAX_WEIGHT
    plain = weight.abs().amax((1, 2, 3)) / MAX_WEIGHT

    def errors(scales):
        return (weight - whole_numbers(weight, scales) * by_channel(scales)).square().sum((1, 2, 3))

    gain = errors(scales) / errors(plain)
    assert gain.max() <= 1
    assert gain.min() < 0.95


def test_two_products_fit_into_16_bits():
    assert 2 * LEVELS * MAX_WEIGHT < 2**15


def test_both_branches_of_a_level_share_the_quantiser_of_their_sum():
    quantisers = feature_quantisers(small_network())
    assert quantisers["kps.0.up1.1"] == quantisers["kps.0.low3.1"] == quantisers["kps.0"]
    assert quantisers["kps.0"].zero_point == 0
    assert quantisers["kps.0.low1.0.skip"].zero_point > 0  # may be negative


def test_quantisers_span_the_range_and_zero():
    network, name = small_network(), "kps.0.low1.0.skip"
    for stated, zero_point in ((-1.0, 4.1), 50), ((1.0, 5.1), 0):
        network.ranges[name] = stated
        assert feature_quantisers(network)[name] == Quantiser(pytest.approx(0.02), zero_point)


@pytest.mark.parametrize(
    "setting",
    [{"stacks": 2}, {"attention": "raw"}, {"segmentation_stride": 1}, {"modules": (0, 1, 2)}],
    ids=str,
)
def test_unsupported_networks_are_refused(setting):
    network = SpotNet.compact(**SMALL | setting).eval().fused()
    with pytest.raises(ConfigError, match="int8 is for one hourglass"):
        quantise(network)


def test_weights_without_ranges_are_refused_with_the_command():
    network = SpotNet.compact(**SMALL).eval().fused()
    with pytest.raises(ConfigError, match="spotstream calibrate WEIGHTS"):
        rounded_network(network)


def test_ranges_that_lack_a_layer_are_refused():
    network = small_network()
    del network.ranges["kps.0"]
    with pytest.raises(ConfigError, match="spotstream calibrate WEIGHTS"):
        quantise(network)


def test_a_cpu_without_int8_is_reported_in_one_line(weights, monkeypatch):
    def refuse(network):
        raise RuntimeError("Didn't find engine for operation\nat qconv.cpp")

    monkeypatch.setattr(quantised, "quantise", refuse)
    with pytest.raises(ConfigError, match=r"int8 .* on this CPU: Didn't find .* operation$"):
        build_engine(weights, "torch", precision="int8", device="cpu")


@pytest.mark.parametrize("engine", PACKAGES)
def test_confident_boxes_of_the_shipped_weights_hardly_move(engine, weights, images):
    pytest.importorskip(PACKAGES[engine])
    network = build_engine(weights, engine, precision="int8", device="cpu", threads=1)
    assert "int8 on cpu" in network.description
    found = network.detect(images)
    expected = build_engine(weights, "torch", precision="float32", device="cpu").detect(images)
    assert not np.array_equal(found.scores, expected.scores)
    for boxes, scores, right, sure in zip(
        found.boxes, found.scores, expected.boxes, expected.scores > 0.5, strict=True
    ):
        assert sure.sum() > 3
        assert iou_matrix(boxes[scores > 0.3], right[sure]).max(0).min() > 0.85
